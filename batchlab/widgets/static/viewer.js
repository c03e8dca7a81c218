// One place where a widget is shown. A notebook may show one widget in several places, on several
// pages: each says what it wants to know, and that it is still there.

import { AGAIN_MS, TRIES } from "./questions.js";

const HERE_MS = 30000;

export class Viewer {
  constructor(model) {
    this.model = model;
    this.id = Math.random().toString(36).slice(2);
    this.left = () => this.bye();
    addEventListener("pagehide", this.left);
  }

  // Subscribe to changes of this, starting with everything; repeat while the kernel is silent.
  follow(wants, tries = TRIES) {
    this.rest();
    const say = (again) => this.send({ type: "follow", ...wants, again });
    say(tries < TRIES);
    if (tries > 1) this.trying = setTimeout(() => this.follow(wants, tries - 1), AGAIN_MS);
    this.here = setInterval(() => say(false), HERE_MS);
  }

  heard() {
    clearTimeout(this.trying);
  }

  bye() {
    this.rest();
    removeEventListener("pagehide", this.left);
    this.send({ type: "bye" });
  }

  rest() {
    clearTimeout(this.trying);
    clearInterval(this.here);
  }

  send(message) {
    try {
      this.model.send({ ...message, viewer: this.id });
    } catch {
      // the kernel stopped first
    }
  }
}
