// One file of a task or a node: its text, which can be searched, a picture, or a table.

import { button, fill, h, OWN_KEYS, say } from "./dom.js";
import { plural } from "./format.js";

const PICTURE_TYPES = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp",
  bmp: "image/bmp", svg: "image/svg+xml" };
const SEPARATORS = { csv: ",", tsv: "\t" };
const MOST_SHOWN = 8 * 2 ** 20; // bytes of a picture, a table, or a whole text
const MOST_ROWS = 500;
const MOST_FOUND = 2000;

const ending = (path) => /\.([^./]*)$/.exec(path.toLowerCase())?.[1] ?? "";

// How a file is shown: "picture", "table" or "text".
export function fileKind(path) {
  if (Object.hasOwn(PICTURE_TYPES, ending(path))) return "picture";
  return Object.hasOwn(SEPARATORS, ending(path)) ? "table" : "text";
}

// The rows of a text with separated values; quoted values may contain separators and line breaks.
export function separated(text, separator, most = Infinity) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0]) rows.push(row);
    row = [];
    cell = "";
  };
  for (let i = 0; i < text.length && rows.length < most; i++) {
    const char = text[i];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[i + 1] === '"') {
        cell += char;
        i += 1;
      } else quoted = false;
    } else if (char === '"' && !cell) quoted = true;
    else if (char === separator) {
      row.push(cell);
      cell = "";
    } else if (char === "\n") endRow();
    else if (char !== "\r") cell += char;
  }
  if (rows.length < most && (cell || row.length)) endRow();
  return rows;
}

// Where a word is in a text, whatever its case.
export function placesOf(text, word, most = MOST_FOUND) {
  const places = [];
  if (!word) return places;
  const [whole, part] = [text.toLowerCase(), word.toLowerCase()];
  if (whole.length !== text.length) return places; // a letter whose small form is longer: rare
  for (let at = whole.indexOf(part); at >= 0 && places.length < most; at = whole.indexOf(part, at + part.length)) places.push(at);
  return places;
}

export class FileViewer {
  constructor(view, back) {
    this.view = view;
    this.name = h("b", {});
    this.size = h("small", { class: "bl-muted" });
    this.whole = button("whole file", { class: "bl-link", hidden: true, onclick: () => this.load() });
    this.other = button("", { class: "bl-link", hidden: true, onclick: () => this.turn() });
    this.find = h("input", { type: "search", class: "bl-search", placeholder: "find", "aria-label": "find in the file",
      ...OWN_KEYS, oninput: () => this.search(), onkeydown: (event) => event.key === "Enter" && this.next(event.shiftKey ? -1 : 1) });
    this.found = h("small", { class: "bl-muted", role: "status" });
    this.content = h("div", { class: "bl-file-content" });
    this.element = h("div", { class: "bl-file" },
      h("div", { class: "bl-crumbs" }, button("‹ back", { class: "bl-link", onclick: back }), this.name, this.size,
        this.whole, this.other, button("download", { class: "bl-link", onclick: () => this.download() }),
        h("span", { class: "bl-space" }), this.found, this.find),
      this.content);
    this.begin("");
  }

  // Another file.
  begin(key) {
    this.key = key;
    this.bytes = null; // all of it, once loaded
    this.loadedSize = -1;
    this.asText = false;
    this.at = 0;
    this.drawn = "";
    this.find.value = "";
    this.failed = "";
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
  }

  // What the kernel knows of the file now: its size, and the end of it.
  show(path, value) {
    const key = JSON.stringify([this.view.target(), path]);
    if (key !== this.key) this.begin(key);
    this.path = path;
    this.value = value;
    say(this.name, path);
    say(this.size, `${value.size.toLocaleString("en")} bytes`);
    const kind = fileKind(path);
    this.kind = this.asText ? "text" : kind;
    const large = value.size > MOST_SHOWN;
    const lacks = value.begin > 0 || this.kind === "picture";
    if (this.kind !== "text" && lacks && !large && this.loadedSize !== value.size) this.load();
    this.whole.hidden = this.kind !== "text" || !value.begin || large || this.bytes !== null;
    this.other.hidden = kind === "text";
    say(this.other, this.asText ? `as ${kind}` : "as text");
    this.find.hidden = this.found.hidden = this.kind !== "text";
    this.draw(large && lacks);
  }

  turn() {
    this.asText = !this.asText;
    this.drawn = "";
    this.show(this.path, this.value);
  }

  async load() {
    const { key } = this;
    this.loadedSize = this.value.size;
    const answer = await this.view.ask({ what: "download", ...this.view.target(), path: this.path });
    if (this.key !== key) return;
    this.failed = answer.error || "";
    if (!answer.error) {
      const { buffer, byteOffset, byteLength } = answer.buffer;
      this.bytes = new Uint8Array(buffer, byteOffset, byteLength);
    }
    this.drawn = "";
    this.show(this.path, this.value);
  }

  text() {
    return this.bytes && this.bytes.length >= this.value.size ? new TextDecoder().decode(this.bytes) : this.value.text;
  }

  draw(tooLarge) {
    const { kind, value } = this;
    const key = `${kind} ${value.size} ${value.text.length} ${this.bytes?.length} ${tooLarge} ${this.failed}`;
    if (key === this.drawn) return;
    this.drawn = key;
    if (this.failed) fill(this.content, h("p", { class: "bl-muted" }, this.failed));
    else if (tooLarge && kind === "picture") fill(this.content, h("p", { class: "bl-muted" }, "Too large to be shown: download it."));
    else if (kind === "picture") this.drawPicture();
    else if (kind === "table") this.drawTable();
    else this.drawText();
  }

  drawPicture() {
    if (!this.bytes) return fill(this.content, h("p", { class: "bl-empty" }, "…"));
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(new Blob([this.bytes], { type: PICTURE_TYPES[ending(this.path)] }));
    const broken = () => fill(this.content, h("p", { class: "bl-muted" }, "This is not a picture, or it is not complete yet."));
    return fill(this.content, h("img", { class: "bl-file-picture", src: this.url, alt: this.path, onerror: broken }));
  }

  drawTable() {
    const [head, ...rows] = separated(this.text(), SEPARATORS[ending(this.path)], MOST_ROWS + 2);
    if (!head) return fill(this.content, h("p", { class: "bl-muted" }, "It is empty."));
    const more = rows.length > MOST_ROWS ? h("p", { class: "bl-muted" }, `The first ${MOST_ROWS} rows.`) : "";
    return fill(this.content, more, h("div", { class: "bl-file-table", tabindex: 0, role: "group", "aria-label": this.path },
      h("table", { class: "bl-table" }, h("caption", { class: "bl-hidden" }, this.path),
        h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
        h("tbody", {}, rows.slice(0, MOST_ROWS).map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))))));
  }

  drawText() {
    const old = this.content.querySelector("pre");
    const atEnd = !old || old.scrollTop + old.clientHeight >= old.scrollHeight - 20;
    const top = old ? old.scrollTop : 0;
    const text = this.text();
    const places = placesOf(text, this.find.value);
    const pieces = [];
    let from = 0;
    for (const place of places) {
      const to = place + this.find.value.length;
      pieces.push(text.slice(from, place), h("mark", {}, text.slice(place, to)));
      from = to;
    }
    const name = this.value.begin && !this.bytes ? `end of ${this.path}` : this.path;
    const pre = h("pre", { class: "bl-output", tabindex: 0, "aria-label": name }, pieces, text.slice(from));
    fill(this.content, text ? pre : h("p", { class: "bl-muted" }, "It is empty."));
    pre.scrollTop = atEnd && !this.find.value ? 1e9 : top;
    this.marks = [...pre.querySelectorAll("mark")];
    this.drawFound();
  }

  // -- search -------------------------------------------------------------------------------------

  search() {
    this.at = 0;
    this.drawn = "";
    this.show(this.path, this.value);
    this.next(0);
  }

  next(step) {
    if (!this.marks?.length) return;
    this.at = (this.at + step + this.marks.length) % this.marks.length;
    this.marks.forEach((mark, i) => mark.classList.toggle("bl-here", i === this.at));
    this.marks[this.at].scrollIntoView({ block: "nearest" });
    this.drawFound();
  }

  drawFound() {
    const count = this.marks.length;
    const part = this.value.begin && !this.bytes ? ", in the part shown" : "";
    say(this.found, !this.find.value ? "" : count ? `${this.at + 1} of ${count === MOST_FOUND ? `${plural(count, "place")} or more` : count}${part}`
      : `not found${part}`);
  }

  async download() {
    const answer = await this.view.ask({ what: "download", ...this.view.target(), path: this.path });
    if (answer.error) return this.view.notice(answer.error);
    const url = URL.createObjectURL(new Blob([answer.buffer]));
    h("a", { download: this.path.split("/").pop(), href: url }).click();
    return setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}
