// Where live displays go. A notebook stores a picture of each display; the live one covers it, beside it
// in the page, so that the kernel can replace the picture at any time.

import { whenGone } from "./kernel_gone.js";

const LOST_MS = 15000; // notebooks take cells off the page for moments, and put them back

// place -> mount, the displays that are shown, and what looks for their places: one for each page.
const known = (globalThis[Symbol.for("batchlab.places")] ??= { mounts: new Map(), shown: new Set(), watch: null });

// A widget that may be a part of other widgets, and covers the pictures of its place.
export function live(mount) {
  return {
    initialize({ model }) {
      const place = model.get("place");
      const own = { model, mount: (el) => mount({ model, el }) };
      known.mounts.set(place, own);
      const drop = () => known.mounts.get(place) === own && known.mounts.delete(place);
      const rest = whenGone(model, drop);
      known.watch ??= watch();
      scan();
      return () => {
        rest();
        drop();
      };
    },
    render: mount,
  };
}

// A notebook that was closed and opened again gets new models of the same displays.
function isOpen({ widget_manager: manager }) {
  try {
    return !manager.isDisposed && manager.kernel !== null;
  } catch {
    return false;
  }
}

function watch() {
  let timer = 0;
  const observer = new MutationObserver(() => {
    timer ||= setTimeout(() => {
      timer = 0;
      scan();
    }, 20);
  });
  observer.observe(document.body, { childList: true, subtree: true });
  return observer;
}

function scan() {
  for (const still of document.getElementsByClassName("bl-still")) {
    const name = [...still.classList].find((one) => one.startsWith("bl-at-"));
    const place = name && name.slice(6);
    const own = known.mounts.get(place);
    if (own && isOpen(own.model)) cover(still.closest(".jp-OutputArea-output") || still, place, own);
  }
  for (const one of known.shown) {
    if (one.host.isConnected) clearTimeout(one.lost);
    one.lost = one.host.isConnected ? 0 : one.lost || setTimeout(() => end(one), LOST_MS);
  }
}

function cover(box, place, own) {
  const next = box.nextElementSibling;
  if (next && [...known.shown].some(({ host }) => host === next)) return;
  if (next?.classList.contains("bl-live")) next.remove(); // it was off the page for too long
  const host = document.createElement("div");
  host.className = box.classList.contains("jp-OutputArea-output") ? "bl-live jp-OutputArea-output" : "bl-live";
  host.style.display = "none";
  const one = { host, box, lost: 0, close: () => {} };
  known.shown.add(one);
  box.after(host);
  own.mount(host).then((close) => {
    if (!known.shown.has(one)) return close();
    one.close = close;
    box.style.display = "none";
    host.style.display = "";
  }).catch((error) => {
    console.error(error);
    known.mounts.delete(place); // the picture stays
    end(one);
  });
}

function end(one) {
  known.shown.delete(one);
  one.close();
  one.host.remove();
  one.box.style.display = "";
}
