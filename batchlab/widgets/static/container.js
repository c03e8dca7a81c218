// Displays within other widgets, such as boxes and tabs: the whole of it covers one picture.

import { hostGuest } from "./guest.js";
import { live } from "./places.js";

async function mount({ model, el }) {
  const manager = model.widget_manager;
  const view = await manager.create_view(await manager.get_model(model.get("content")));
  const leave = hostGuest(el, view.el, view.luminoWidget);
  return () => {
    leave();
    view.remove();
  };
}

export default live(mount);
