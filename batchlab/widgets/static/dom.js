// Elements, made from text that is never read as HTML.

// What has the focus is meant by keys; a notebook has its own for arrows and letters.
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

// Replace what an element holds.
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

// Set text only when it differs: screen readers and selections are left in peace.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Draw anew what an element holds; who was there with the keyboard is there again.
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

// A canvas that has the sharpness of the screen; false while it has no size.
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
