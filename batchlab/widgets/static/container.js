// Displays within other widgets, such as boxes and tabs: the whole of it covers one picture.

import { live } from "./places.js";

async function mount({ model, el }) {
  const manager = model.widget_manager;
  const view = await manager.create_view(await manager.get_model(model.get("content")));
  el.replaceChildren(view.el);
  // Its layout waits for these messages, which it gets only from widgets of the notebook itself.
  const tell = (type) => view.luminoWidget?.processMessage({ type, isConflatable: false, conflate: () => false, width: -1, height: -1 });
  tell("before-attach");
  tell("after-attach");
  const resized = new ResizeObserver(() => tell("resize"));
  resized.observe(el);
  return () => {
    resized.disconnect();
    view.remove();
  };
}

export default live(mount);
