// Text beside the pointer; keyboard users get it elsewhere.

import { fill, h } from "./dom.js";

export class Tip {
  constructor() {
    this.element = h("div", { class: "bl-tip", "aria-hidden": "true", hidden: true });
  }

  show(event, lines) {
    const text = lines.join("\n");
    if (this.text !== text) {
      this.text = text;
      fill(this.element, lines.map((line, i) => h(i ? "div" : "b", {}, line)));
    }
    this.element.hidden = false;
    const box = this.element.parentElement.getBoundingClientRect();
    const left = event.clientX - box.left;
    const wide = this.element.offsetWidth;
    this.element.style.left = `${Math.max(4, Math.min(left + 14, box.width - wide - 6))}px`;
    this.element.style.top = `${event.clientY - box.top + 16}px`;
  }

  hide() {
    this.element.hidden = true;
  }
}
