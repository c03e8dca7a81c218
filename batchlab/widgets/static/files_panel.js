// The files of a task or a node: folders to walk through, and one file at a time.

import { button, fill, h } from "./dom.js";
import { plural } from "./format.js";
import { FileViewer } from "./file_viewer.js";

function goTo(view, path, file) {
  view.memory.path = path;
  view.memory.file = file;
  view.refresh();
}

export const files = {
  title: "Files",
  wants(view) {
    const target = view.target();
    if (!target.task && !target.node) return null;
    const path = view.memory.path || "";
    return { what: view.memory.file ? "tail" : "files", ...target, path: view.memory.file || path };
  },
  // A file or folder that cannot be shown, with a way back.
  alone(body, view) {
    const { path, file } = view.memory;
    if (!view.value?.error || !(path || file)) return false;
    fill(body, h("p", { class: "bl-crumbs" }, button("‹ back", { class: "bl-link", onclick: () => goTo(view, file ? path || "" : "", "") }),
      " ", h("b", {}, file || path)), h("p", { class: "bl-muted" }, view.value.error));
    return true;
  },
  empty: "Select a task or a node to see its files.",
  draw(body, value, view) {
    if (view.memory.file) {
      view.viewing ??= new FileViewer(view, () => goTo(view, view.memory.path || "", ""));
      if (!body.contains(view.viewing.element)) fill(body, view.viewing.element);
      view.viewing.show(view.memory.file, value);
      return;
    }
    const path = view.memory.path || "";
    fill(body,
      h("p", { class: "bl-crumbs" }, path
        ? button("‹ up", { class: "bl-link", onclick: () => goTo(view, path.split("/").slice(0, -1).join("/"), "") }) : "",
      " ", h("b", {}, value.title), path ? ` / ${path}` : ""),
      value.entries.length ? h("ul", { class: "bl-files" }, value.entries.map((entry) => {
        const full = path ? `${path}/${entry.name}` : entry.name;
        return h("li", {}, button(entry.directory ? `${entry.name}/` : entry.name, {
          class: "bl-link", onclick: () => (entry.directory ? goTo(view, full, "") : goTo(view, path, full)),
        }), h("small", { class: "bl-muted" }, entry.directory ? "" : plural(entry.size, "byte")));
      })) : h("p", { class: "bl-muted" }, "This folder is empty."));
  },
};
