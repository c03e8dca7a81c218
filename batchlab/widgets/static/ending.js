// When the kernel answers no more, because the lab was closed, the kernel has stopped or the connection
// was lost: why, and what it said before.

import { say } from "./dom.js";

export class Ending {
  constructor(view) {
    this.view = view;
    this.kept = new Map(); // the last answer to each question
  }

  keep(content) {
    if (!content.error) this.kept.set(this.view.key, { ...content, rows: this.rows() });
  }

  rows() {
    return Object.values(this.view.log.rows).reduce((sum, rows) => sum + rows, 0);
  }

  // Empty while it answers.
  why() {
    const { shared, log, value } = this.view;
    if (shared.gone) return shared.gone;
    if (!log.ended || !(value && value.error)) return "";
    return `${log.ended[0].toUpperCase()}${log.ended.slice(1)}: this is how it ended. Its past can still be shown.`;
  }

  // Say so below the panels, once.
  tell() {
    const why = this.why();
    if (this.told !== why) say(this.view.said, why);
    this.told = why;
  }

  // The last answer to what the open panel asks. `fresh`: null if anything has happened since.
  last(fresh) {
    const kept = this.kept.get(this.view.key);
    return kept && (!fresh || kept.rows === this.rows()) ? kept : null;
  }
}
