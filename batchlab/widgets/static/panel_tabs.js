// Which panels a display has, the first of them open.

import { files } from "./files_panel.js";
import { faults, preparation, selected, waiting } from "./panels.js";
import { tasks } from "./task_panel.js";

export const PANELS = { selected, tasks, waiting, preparation, files, faults };
const TABS = {
  lab: ["selected", "tasks", "waiting", "preparation", "files", "faults"],
  pool: ["selected", "tasks", "waiting", "files", "faults"],
  job: ["waiting", "tasks", "preparation", "selected", "files", "faults"],
  tasks: ["tasks", "waiting", "selected", "files"],
  task: ["selected", "waiting", "files"],
  node: ["selected", "files", "faults"],
};
// The panels of a display; where a lab may only be watched, those without buttons.
export const tabsOf = (kind, readOnly) => TABS[kind].filter((name) => !(readOnly && name === "faults"));
export const ROOMY = new Set(["tasks", "files"]); // panels that get more than half of the width
