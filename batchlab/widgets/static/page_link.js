// The channel to the server, and what displays take for their model: what a kernel is in a notebook.
//
// One WebSocket serves all displays of a page. When it breaks, open questions are answered with the
// reason, and it is opened again; what displays follow, they then follow again.

const AGAIN_AT_FIRST_MS = 400;
const AGAIN_AT_MOST_MS = 5000;
const LOST = "The connection to the server is lost.";

// What a display knows of a widget: properties, messages, and nothing to draw with.
export class PageModel {
  constructor(state, send) {
    this.state = state;
    this.send = send;
    this.heard = new Map();
    this.widget_manager = { get_model: async () => state.feed };
  }

  get(name) {
    return this.state[name];
  }

  on(event, act) {
    this.heard.set(event, [...(this.heard.get(event) || []), act]);
  }

  off(event, act) {
    this.heard.set(event, (this.heard.get(event) || []).filter((one) => one !== act));
  }

  hear(content, buffers = []) {
    for (const act of this.heard.get("msg:custom") || []) act(content, buffers);
  }
}

// `acts`: `welcome(message)`, `rows(message, buffer)`, `news(message)`, `lost(why)`, `refused()`.
export class Link {
  constructor(url, acts) {
    this.url = url;
    this.acts = acts;
    this.asked = 0;
    this.open = new Map(); // number -> the model that asked, and its number
    this.followed = new Map(); // viewer -> its last wish
    this.wait = AGAIN_AT_FIRST_MS;
    this.over = "";
    this.connect();
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
  }

  connect() {
    clearTimeout(this.trying);
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.hear(event.data);
    socket.onclose = (event) => this.socket === socket && this.lose(event);
    this.socket = socket;
  }

  get online() {
    return this.socket.readyState === WebSocket.OPEN && this.greeted;
  }

  hurry() {
    if (this.socket.readyState === WebSocket.CLOSED) this.connect();
  }

  lose(event) {
    const was = this.greeted;
    this.greeted = false;
    for (const [, { model, id }] of this.open) model.hear({ type: "answer", id, error: this.over || LOST });
    this.open.clear();
    this.trying = setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(AGAIN_AT_MOST_MS, this.wait * 1.7);
    this.acts.lost(event.code === 1013 ? event.reason : "", was);
  }

  hear(data) {
    let [message, buffer] = [null, null];
    if (typeof data === "string") message = JSON.parse(data);
    else {
      const length = new DataView(data).getUint32(0, true);
      message = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
      buffer = new DataView(data, 4 + length);
    }
    if (message.type === "answer") {
      const asked = this.open.get(message.id);
      this.open.delete(message.id);
      asked?.model.hear({ ...message, id: asked.id }, buffer ? [buffer] : []);
    } else if (message.type === "welcome") {
      this.greeted = true;
      this.over = "";
      this.wait = AGAIN_AT_FIRST_MS;
      this.acts.welcome(message);
      for (const wish of this.followed.values()) this.write({ ...wish, again: true });
    } else if (message.type === "end") {
      this.over = `${message.why[0].toUpperCase()}${message.why.slice(1)}.`;
    } else if (message.type === "refused") {
      console.error(message.error);
    } else this.acts[message.type]?.(message, buffer);
  }

  write(message) {
    if (this.online) this.socket.send(JSON.stringify(message));
  }

  // What a display sends through its model.
  send(model, content) {
    if (content.type === "ask") {
      if (!this.online) return void setTimeout(() => model.hear({ type: "answer", id: content.id, error: this.over || LOST }));
      const number = ++this.asked;
      this.open.set(number, { model, id: content.id });
      return this.write({ ...content, id: number });
    }
    if (content.type === "follow") {
      this.followed.set(content.viewer, { ...content, again: false });
      const { key, question } = content;
      if (!this.online && question) setTimeout(() => this.online || model.hear({ type: "news", key, error: this.over || LOST }));
    }
    if (content.type === "bye") this.followed.delete(content.viewer);
    return this.write(content);
  }
}
