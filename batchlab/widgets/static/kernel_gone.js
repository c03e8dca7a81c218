// Whether the kernel that made a display is still running.

export const GONE = "The kernel has stopped: this is the last known state. Run the cell again.";
const ENDS = new Set(["restarting", "autorestarting", "terminating", "dead"]);

// Call a function when the kernel stops; returns a function that ends that. Pages differ in what they
// know of kernels: where a page reports nothing, questions time out instead.
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
