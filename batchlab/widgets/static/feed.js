// The history of a lab as it comes from the kernel: one log for all views of a feed.

import { GONE, whenGone } from "./kernel_gone.js";
import { Log } from "./log.js";
import { AGAIN_MS, TRIES } from "./questions.js";

// feed -> its log, shared by all its views. It belongs to the page: anywidget loads these scripts
// again for each display, so their variables are never shared.
const logs = (globalThis[Symbol.for("batchlab.logs")] ??= new WeakMap());

// One log for each feed, which notifies its watchers of news.
export function logOf(feed, schema) {
  let found = logs.get(feed);
  if (found) return found;
  const log = new Log(schema);
  found = { log, watchers: new Set(), asking: 0, timer: 0, gone: "" };
  const ask = (tries = TRIES) => {
    const clockNow = Date.now();
    if (found.gone || clockNow - found.asking < 1000) return;
    found.asking = clockNow;
    clearTimeout(found.timer);
    feed.send({ type: "hello", have: log.have() });
    if (tries > 1) found.timer = setTimeout(() => ask(tries - 1), AGAIN_MS);
  };
  const take = (head, bytes) => {
    if (log.append(head, bytes, performance.now())) {
      if (head.answers) clearTimeout(found.timer);
      for (const watcher of found.watchers) watcher();
    } else ask();
  };
  feed.on("msg:custom", (content, buffers) => {
    if (content.type === "rows") take(content, buffers[0]);
  });
  whenGone(feed, () => {
    if (found.gone) return;
    found.gone = GONE;
    clearTimeout(found.timer);
    log.end(GONE, performance.now());
    for (const watcher of found.watchers) watcher();
  });
  const start = feed.get("history");
  if (start && start.head) take(start.head, start.bytes);
  found.ask = () => {
    found.asking = 0;
    ask();
  };
  logs.set(feed, found);
  return found;
}
