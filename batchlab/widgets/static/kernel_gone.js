// Whether the kernel is still there that made a display.

export const GONE = "The kernel has gone: this is the last that was heard. Run the cell again.";
const ENDS = new Set(["restarting", "autorestarting", "terminating", "dead"]);

// Have somebody told when the kernel goes; returns what ends that. Pages differ in what they know of
// kernels: where one says nothing, questions run out of time instead.
export function whenGone(model, tell) {
  const kernel = model.widget_manager && model.widget_manager.kernel;
  if (!kernel || !kernel.statusChanged) return () => {};
  const heard = (_, status) => ENDS.has(status) && tell();
  kernel.statusChanged.connect(heard);
  kernel.disposed.connect(tell);
  return () => {
    kernel.statusChanged.disconnect(heard);
    kernel.disposed.disconnect(tell);
  };
}
