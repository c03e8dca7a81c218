// A figure that can be pointed at and zoomed, drawn by what the page has for figures of plotly. Where it
// has nothing for them, the picture of the figure stays.

import { hostGuest } from "./guest.js";
import { live } from "./places.js";

const PLOTLY = "application/vnd.plotly.v1+json";

async function mount({ model, el }) {
  const renderer = model.widget_manager.rendermime.createRenderer(PLOTLY);
  const figure = model.get("figure");
  el.setAttribute("role", "figure");
  el.setAttribute("aria-label", model.get("words"));
  el.style.minHeight = `${figure.layout.height}px`;
  const leave = hostGuest(el, renderer.node, renderer);
  // It is drawn when it can be seen, and thus has a width. Nothing of it is stored.
  const data = { data: { [PLOTLY]: figure }, metadata: {}, trusted: true, setData() {} };
  setTimeout(() => renderer.renderModel(data));
  return () => {
    leave();
    renderer.dispose();
  };
}

export default live(mount);
