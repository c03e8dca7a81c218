// The time machine: back to any moment of the lab, without asking the kernel.

import { button, h, say } from "./dom.js";
import { clock, duration } from "./format.js";

const STOPS = 1000;
const PLAY_S = 20; // seconds to play everything

export class TimeMachine {
  constructor(view) {
    this.view = view;
    this.playing = null;
    this.play = button("▶", {
      class: "bl-tool bl-play", "aria-label": "play", title: "play back what happened",
      onclick: () => (this.playing ? this.pause() : this.start()),
    });
    this.range = h("input", {
      type: "range", class: "bl-range", min: 0, max: STOPS, value: STOPS, step: 1,
      "aria-label": "time", oninput: () => this.moved(),
    });
    this.label = h("output", { class: "bl-time" });
    this.live = button("Live", {
      class: "bl-tool bl-live-button", title: "back to the present",
      onclick: () => this.goLive(),
    });
    this.element = h("div", { class: "bl-machine", role: "group", "aria-label": "time machine" },
      this.play, this.range, this.label, this.live);
  }

  moved() {
    this.pause();
    const [begin, end] = this.span();
    const share = Number(this.range.value) / STOPS;
    this.view.goTo(share >= 1 ? Infinity : begin + share * (end - begin));
  }

  start() {
    const [begin, end] = this.span();
    const from = this.view.snapshot.at === Infinity || this.view.snapshot.at >= end ? begin
      : this.view.snapshot.at;
    this.playing = { from, clock: performance.now(), rate: (end - begin) / PLAY_S };
    this.step();
  }

  step() {
    if (!this.playing || !this.view.element.isConnected) return this.pause();
    const { from, clock: began, rate } = this.playing;
    const time = from + (rate * (performance.now() - began)) / 1000;
    if (time >= this.span()[1]) return this.goLive();
    this.view.goTo(time);
    requestAnimationFrame(() => this.step());
  }

  pause() {
    this.playing = null;
    this.view.changed();
  }

  goLive() {
    this.playing = null;
    this.view.goTo(Infinity);
  }

  span() {
    const begin = this.view.log.begin();
    return [begin, Math.max(this.view.now(), begin + 0.001)];
  }

  draw() {
    const [begin, end] = this.span();
    const live = this.view.snapshot.at === Infinity;
    const time = live ? end : this.view.snapshot.at;
    const value = String(Math.round((STOPS * (time - begin)) / (end - begin)));
    if (document.activeElement !== this.range || this.playing || live) this.range.value = value;
    const text = `${clock(time, { date: end - begin > 86400 })}`;
    this.range.setAttribute("aria-valuetext", `${text}, ${duration(time - begin)} after the start`);
    say(this.label, live ? text : `${text}  (${duration(end - time)} ago)`);
    say(this.play, this.playing ? "❚❚" : "▶");
    this.play.setAttribute("aria-label", this.playing ? "pause" : "play");
    const ended = this.view.log.ended;
    say(this.live, live ? (ended ? "ended" : "● live") : ended ? "End" : "Live");
    this.live.setAttribute("aria-pressed", String(live));
    this.live.title = ended || "back to the present";
  }
}
