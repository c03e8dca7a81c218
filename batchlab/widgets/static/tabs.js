// Tabs above a panel: one is open, arrow keys move between them.

import { h, OWN_KEYS } from "./dom.js";

export class Tabs {
  // `titles` by name; `open` is called with the name of the selected tab.
  constructor(titles, open) {
    this.open = open;
    this.buttons = Object.entries(titles).map(([name, title]) => h("button", {
      type: "button", role: "tab", class: "bl-tab", "data-tab": name, onclick: () => open(name),
      onkeydown: (event) => this.key(event), ...OWN_KEYS,
    }, title));
    this.element = h("div", { class: "bl-tabs", role: "tablist" }, this.buttons);
  }

  show(name) {
    for (const tab of this.buttons) {
      const here = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
    }
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const count = this.buttons.length;
    const next = this.buttons[(this.buttons.indexOf(event.currentTarget) + step + count) % count];
    this.open(next.dataset.tab);
    next.focus();
  }
}
