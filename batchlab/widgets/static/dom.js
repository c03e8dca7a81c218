// Elements, created from text that is never parsed as HTML.

// Keys go to the focused element; notebooks have their own meanings for arrows and letters.
export const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child.nodeType ? child : String(child));
  }
}

// Replace the contents of an element.
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

// Set text only if it differs, so as not to disturb screen readers and selections.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Text with code in backticks.
export function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

// The same in an element, redrawn only if it differs.
export function tell(element, text) {
  if (element.dataset.told === text) return;
  element.dataset.told = text;
  fill(element, h("span", {}, withCode(text)));
}

// Redraw the contents of an element, keeping the keyboard focus.
export function keepFocus(element, draw) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const before = focused && focused.textContent;
  draw();
  if (!focused || element.contains(focused)) return;
  const again = [...element.querySelectorAll(focused.tagName)];
  (again.find((one) => one.textContent === before) || element).focus();
}

export function button(text, props) {
  return h("button", { type: "button", ...props }, text);
}

// A canvas with the resolution of the screen; null while it has no size.
export function fit(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [w, hgt] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (!w || !hgt) return null;
  if (canvas.width !== w || canvas.height !== hgt) {
    canvas.width = w;
    canvas.height = hgt;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
