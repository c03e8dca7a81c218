// Light or dark: as the system has it, until someone chooses. Displays read it where notebooks say it.

import { button } from "./dom.js";

const THEME_KEY = "batchlab-theme";
const THEME_MODES = { auto: "◐ auto", light: "☀ light", dark: "☾ dark" };

function remembered() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

export class PageTheme {
  constructor() {
    this.mode = Object.hasOwn(THEME_MODES, remembered() || "") ? remembered() : "auto";
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.system.addEventListener("change", () => this.apply());
    this.element = button("", { class: "bl-page-button bl-theme", onclick: () => this.next() });
    this.apply();
  }

  next() {
    const modes = Object.keys(THEME_MODES);
    this.mode = modes[(modes.indexOf(this.mode) + 1) % modes.length];
    try {
      localStorage.setItem(THEME_KEY, this.mode);
    } catch {
      // as above
    }
    this.apply();
  }

  apply() {
    const dark = this.mode === "auto" ? this.system.matches : this.mode === "dark";
    document.body.dataset.jpThemeLight = String(!dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    this.element.textContent = THEME_MODES[this.mode];
    this.element.title = "light, dark, or as the system has it";
    this.element.setAttribute("aria-label", `colours: ${this.mode}`);
  }
}
