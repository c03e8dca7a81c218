// A widget of the notebook's own kind within one of ours.

// Put it there. Its layout waits for these messages, which it gets only from widgets of the notebook
// itself. Returns a function that ends that.
export function hostGuest(el, node, widget) {
  el.replaceChildren(node);
  const tell = (type) => widget?.processMessage({ type, isConflatable: false, conflate: () => false, width: -1, height: -1 });
  tell("before-attach");
  tell("after-attach");
  const resized = new ResizeObserver(() => el.offsetWidth && tell("resize"));
  resized.observe(el);
  return () => resized.disconnect();
}
