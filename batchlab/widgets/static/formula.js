// The text of a formula: its words, the marks on them, and where a place is.

const WORDS = /(\/\/.*)|("(?:[^"\\]|\\.)*"?)|(\$[A-Za-z_]\w*)|([A-Za-z_]\w*)(?=\s*\()|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(\/\*.*?\*\/)|([A-Za-z_]\w*)/g;
const KINDS = ["comment", "text", "variable", "function", "number", "comment", "name"];

// A line as words: [kind, text], where plain text has no kind.
export function words(line) {
  const found = [];
  let last = 0;
  for (const match of line.matchAll(WORDS)) {
    if (match.index > last) found.push(["", line.slice(last, match.index)]);
    found.push([KINDS[match.slice(1).findIndex((group) => group !== undefined)], match[0]]);
    last = match.index + match[0].length;
  }
  if (last < line.length) found.push(["", line.slice(last)]);
  return found;
}

// The kernel counts characters from 1, a page half characters from 0.
export function indexOf(line, column) {
  let index = 0;
  let left = column - 1;
  for (const character of line) {
    if (left-- <= 0) return index;
    index += character.length;
  }
  return index + Math.max(0, left);
}

// A line as pieces: { text, kind, mark }; a mark beyond the end gets an extra space.
export function pieces(line, marks) {
  const spans = marks.map((mark) => ({
    from: Math.min(indexOf(line, mark.start), line.length), to: Math.max(indexOf(line, mark.end), indexOf(line, mark.start) + 1),
    severity: mark.severity,
  }));
  const reach = Math.max(line.length, ...spans.map((span) => Math.min(span.to, line.length + 1)));
  const found = [];
  let at = 0;
  const all = words(line);
  if (reach > line.length) all.push(["", " ".repeat(reach - line.length)]);
  for (const [kind, text] of all) {
    let piece = null;
    for (const character of text.split("")) {
      const here = spans.filter((span) => span.from <= at && at < span.to);
      const mark = here.some((span) => span.severity === "error") ? "error" : here.length ? "warning" : "";
      if (!piece || piece.mark !== mark) found.push((piece = { text: "", kind, mark }));
      piece.text += character;
      at += 1;
    }
  }
  return found;
}

// The offset in a text of a line and a column, both counted from 1.
export function offsetOf(text, line, column) {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return Math.min(text.length, before + indexOf(lines[line - 1] || "", column));
}

// Marks of lines that are still as they were when they were marked.
export function stillTrue(marks, before, now) {
  const [old, lines] = [before.split("\n"), now.split("\n")];
  return marks.filter((mark) => old[mark.line - 1] === lines[mark.line - 1]);
}
