// The page of a served lab: a frame around one display of the notebook, which has its own address.
//
// The displays are the notebook's scripts, unchanged. What they take for a kernel is the channel to
// the server; what is around them is the way to the other displays, and whether the channel is there.

import { fill, h, say } from "./dom.js";
import { logOf } from "./feed.js";
import { nodeName } from "./format.js";
import { addressOf, readAddress, settle, stepsTo } from "./page_address.js";
import { linkTo, PageContents } from "./page_contents.js";
import { Link, PageModel } from "./page_link.js";
import { PageTheme } from "./page_theme.js";

const NOTICE_MS = 15000;

class Page {
  constructor() {
    this.theme = new PageTheme();
    this.crumbs = h("ol", {});
    this.state = h("span", { class: "bl-page-state", role: "status" }, "connecting…");
    this.notice = h("p", { class: "bl-page-notice", role: "status", hidden: true });
    this.title = h("h1", { class: "bl-hidden" });
    this.also = h("nav", { class: "bl-also", "aria-label": "related" });
    this.display = h("div", { class: "bl-display" });
    this.below = h("div", {});
    document.body.replaceChildren(
      h("header", { class: "bl-top" },
        h("a", { class: "bl-brand", href: "#/", "aria-label": "batchlab: the whole lab" }, h("span", { class: "bl-mark4", "aria-hidden": "true" }), "batchlab"),
        h("nav", { "aria-label": "where" }, this.crumbs), this.state, this.theme.element),
      h("main", {}, this.notice, this.title, this.also,
        h("section", { "aria-label": "live display" }, h("h2", { class: "bl-hidden" }, "Live display"), this.display), this.below));
    this.closing = () => {};
    this.shown = 0;
    addEventListener("hashchange", () => this.show());
    for (const event of ["click", "keyup"]) this.display.addEventListener(event, () => setTimeout(() => this.follow()));
    const url = new URL("page/live", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    this.link = new Link(url, {
      welcome: (message) => this.welcome(message),
      rows: (message, buffer) => this.feed.hear(message, [buffer]),
      news: (message) => this.model?.hear(message),
      lost: (why, was) => this.lost(why, was),
    });
  }

  // -- the channel --------------------------------------------------------------------------------

  welcome({ run, version, schema, account, manage }) {
    if (this.version && version !== this.version) return location.reload(); // a newer batchlab
    const again = this.run && run !== this.run;
    Object.assign(this, { version, account, manage });
    say(this.state, manage ? "" : "read only");
    this.state.className = "bl-page-state";
    if (this.run !== run) {
      this.run = run;
      this.feed = new PageModel({}, (content) => this.link.send(this.feed, content));
      this.shared = logOf(this.feed, schema);
      this.schema = schema;
      this.link.followed.clear();
      this.filled = new Promise((resolve) => this.shared.watchers.add(resolve));
      this.show();
    }
    this.shared.ask();
    return again ? this.tell("The server was restarted. This is its lab now.") : this.tell("");
  }

  async lost(why, was) {
    const { over } = this.link;
    if (this.shared && was) {
      this.shared.log.end(over ? over.toLowerCase().replace(/\.$/, "") : "the connection is lost", performance.now());
      for (const watcher of this.shared.watchers) watcher();
    }
    this.state.className = "bl-page-state bl-page-lost";
    say(this.state, over ? "ended" : "not connected");
    if (over) return this.tell(`${over} This is how it was at the end; its past can still be shown.`, true);
    if (why) return this.tell(`${why}. The page tries again.`, true);
    this.tell(this.run ? "The connection to the server is lost: this is how it was. The page connects again as soon as it can."
      : "The server does not answer. The page tries again.", true);
    try {
      const answer = await fetch("page/access", { cache: "no-store" });
      if (answer.ok) this.tell("The server accepts no more watchers at the moment. The page tries again.", true);
      if (answer.status === 401) this.tell("The server has a new token: open the address that it printed, or reload the page to enter the token.", true);
    } catch {
      // it is not there at all
    }
    return undefined;
  }

  tell(text, stays = false) {
    clearTimeout(this.timer);
    say(this.notice, text);
    this.notice.hidden = !text;
    if (text && !stays) this.timer = setTimeout(() => this.tell(""), NOTICE_MS);
  }

  // -- what is shown ------------------------------------------------------------------------------

  async show() {
    const about = readAddress(location.hash);
    if (!this.feed) return;
    const number = ++this.shown;
    await this.filled;
    if (number !== this.shown) return;
    this.close();
    const missing = settle(about.target, this.shared.log.names);
    this.about = about;
    if (location.hash) history.replaceState(null, "", addressOf(about.kind, about.target, about.tab, about.file));
    const steps = stepsTo(about);
    const last = steps.length - 1;
    fill(this.crumbs, steps.map(([words, address], i) => h("li", {},
      i === last ? h("span", { "aria-current": "page" }, words) : h("a", { href: address }, words))));
    const name = last ? steps[last][0] : "The lab";
    say(this.title, `${name}, account ${this.account}`);
    document.title = `${last ? steps.slice(1).reverse().map(([words]) => words).join(" · ") : this.account} · batchlab`;
    this.drawAlso();
    if (missing) return this.showMissing(missing);
    const contents = new PageContents(this.shared, about);
    fill(this.below, contents.element);
    this.closing = () => contents.close();
    const el = h("div", {});
    fill(this.display, el);
    const close = await (about.kind === "formula" ? this.showFormula(about, el) : this.showView(about, el));
    if (number !== this.shown) return close();
    this.closing = () => {
      contents.close();
      close();
    };
    this.view = el.batchlab;
    if (about.file && this.view?.memory) Object.assign(this.view.memory, { file: about.file, path: about.file.split("/").slice(0, -1).join("/") });
    if (about.tab && this.view?.tabs.buttons.some((tab) => tab.dataset.tab === about.tab)) this.view.open(about.tab);
    this.drawAlso();
  }

  close() {
    this.closing();
    this.closing = () => {};
    this.view = this.model = null;
  }

  // Nothing yet: it may be created while the page is open.
  showMissing(words) {
    fill(this.display, h("p", { class: "bl-page-muted" }, words, " It may have been named otherwise, or not be created yet."));
    fill(this.below);
    const look = () => settle({ ...this.about.target }, this.shared.log.names) || this.show();
    this.shared.watchers.add(look);
    this.closing = () => this.shared.watchers.delete(look);
  }

  async showView({ kind, target }, el) {
    const { render } = (await import("./displays.js")).default;
    const title = `Account ${this.account}`;
    const model = new PageModel({ kind, target, title, feed: this.feed, schema: this.schema, read_only: !this.manage },
      (content) => this.link.send(model, content));
    this.model = model;
    return render({ model, el });
  }

  async showFormula({ target }, el) {
    const { render } = (await import("./formula.js")).default;
    const { value, error } = await this.ask({ what: "formula", pool: target.pool });
    if (error) {
      fill(el, h("p", { class: "bl-page-muted" }, error));
      return () => {};
    }
    const { pool } = value;
    const send = (content) => {
      if (content.type === "ask") this.link.send(model, { ...content, question: { ...content.question, pool } });
      else if (content.type === "follow") {
        const { viewer, window, again } = content;
        this.link.send(model, { type: "follow", viewer, again, key: String(window), question: { what: "pool_line", pool, window } });
      } else this.link.send(model, content);
    };
    const model = new PageModel({ ...value, title: `Autoscale of pool ${pool}`, read_only: !this.manage }, send);
    this.model = { hear: ({ type, key, ...said }) => model.hear({ type: "state", window: Number(key), ...said }) };
    return render({ model, el });
  }

  // One question of the page itself.
  ask(question) {
    return new Promise((resolve) => {
      this.link.send({ hear: resolve }, { type: "ask", id: 0, question });
    });
  }

  // Displays know nothing of addresses: after each click, the address says which panel and file are open.
  follow() {
    const { view, about } = this;
    if (!view) return;
    const tab = view.tab === view.tabs.buttons[0].dataset.tab ? "" : view.tab;
    const file = (tab === "files" && !view.selection && view.memory.file) || "";
    if (about.kind !== "formula" && (tab !== about.tab || file !== about.file)) {
      Object.assign(about, { tab, file });
      history.replaceState(null, "", addressOf(about.kind, about.target, tab, file));
    }
    this.drawAlso();
  }

  // Ways to what belongs to it, and to what is selected.
  drawAlso() {
    const { kind, target } = this.about;
    const chosen = this.view?.selection && this.view.target();
    const ways = [];
    if (settle({ ...target }, this.shared.log.names)) return this.drawWays(ways);
    if (kind === "pool") ways.push(["Autoscale formula", "formula", target]);
    if (kind === "job") ways.push(["All tasks", "tasks", target]);
    if (chosen?.task && kind !== "task") ways.push([`Open task ${chosen.task}`, "task", { job: chosen.job, task: chosen.task }]);
    else if (chosen?.node && kind !== "node") ways.push([`Open ${nodeName(chosen.node)}`, "node", { pool: chosen.pool, node: chosen.node }]);
    return this.drawWays(ways);
  }

  drawWays(ways) {
    const key = JSON.stringify(ways);
    if (key === this.alsoKey) return;
    this.alsoKey = key;
    fill(this.also, ways.map(([words, kindOf, to]) => linkTo(words, kindOf, to)));
    this.also.hidden = !ways.length;
  }
}

new Page();
