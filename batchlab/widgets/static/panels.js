// Beside the pictures: what is selected, why things wait, preparation and release, faults.
//
// A panel says what it wants to know (`wants`), gets the answer whenever it changes, and draws it. It
// knows no rules of the service: reasons, states and refusals come as text.

import { button, fill, h } from "./dom.js";
import { clock, duration, nodeName, outcomeOf, plural } from "./format.js";

export function pairs(rows) {
  return h("dl", { class: "bl-pairs" }, rows.filter(([, value]) => value !== "" && value !== null
    && value !== undefined && value.length !== 0).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

// The heading of a panel about a past moment.
export function headingOf(view, name) {
  const words = view.atEnd ? "as it was at the end," : "as it was at";
  return h("h4", {}, name, h("small", { class: "bl-then" }, `${words} ${clock(view.snapshot.at)}`));
}

function outcome(info) {
  if (!info) return h("span", { class: "bl-muted" }, "none");
  return h("span", { class: `bl-mark bl-${info.result || info.state}` }, outcomeOf(info.result, info.state));
}

function nodeTaskLine(info) {
  if (!info) return "";
  return [outcome(info), [info.exit_code ? `exit code ${info.exit_code}` : "", duration(info.seconds),
    info.retry_count ? `${info.retry_count} ${info.retry_count === 1 ? "retry" : "retries"}` : ""].filter(Boolean)
    .map((word) => `, ${word}`),
    info.failure ? h("div", { class: "bl-failure" }, info.failure) : ""];
}

// -- what is selected ---------------------------------------------------------------------------

export const selected = {
  title: "Details",
  wants: (view) => view.subject() || { what: "about", ...view.target() },
  empty: "Click a node or a bar, or move there with the arrow keys, to see its details.",
  draw(body, value, view) {
    if (value.kind === "node") drawNode(body, value, view);
    else if (value.kind === "task") drawTask(body, value, view);
    else drawAbout(body, value, view);
    if (view.selection) body.prepend(backLink(view));
  },
};

function backLink(view) {
  const { aim, kind } = view;
  const name = { lab: "the lab", pool: `pool ${aim.pool}`, job: `job ${aim.job}`, task: aim.task,
    node: aim.node && nodeName(aim.node) }[kind];
  return button(`‹ ${name}`, { class: "bl-link bl-back", onclick: () => view.unselect() });
}

// Details of a whole lab, pool or job, while nothing in it is selected.
function drawAbout(body, value, view) {
  fill(body,
    h("h4", {}, value.title),
    pairs(value.pairs.map(([name, text, look]) => [name, text && look === "code" ? h("code", {}, text)
      : text && look === "error" ? h("span", { class: "bl-failure" }, text) : text])),
    view.shown().order.length || view.grid.nodes.length ? h("p", { class: "bl-hint" }, selected.empty) : "");
}

function drawNode(body, node, view) {
  fill(body,
    h("h4", {}, nodeName(node.id), h("small", {}, node.id)),
    pairs([
      ["State", `${node.state}, since ${clock(node.since)}`],
      ["Scheduling", node.scheduling === "enabled" ? "" : node.scheduling],
      ["Kind", `${node.dedicated ? "dedicated" : "spot"}, ${node.vm_size}`],
      ["Address", node.ip_address],
      ["Machine", node.machine],
      ["Slots", `${node.slots_used} of ${node.slots} in use`],
      ["Tasks run", `${node.tasks_run}, ${node.tasks_succeeded} succeeded`],
      ["Cost", node.cost],
      ["Running tasks", node.running.map(([job, task]) => h("div", {}, h("button", {
        type: "button", class: "bl-link", onclick: () => view.selectTask(job, task),
      }, `${job} / ${task}`)))],
      ["Start task", node.start_task ? nodeTaskLine(node.start_task) : ""],
      ["Prepared for", node.jobs.map((job) => h("div", {}, job.id, " ", outcome(job.preparation)))],
      ["Errors", node.errors.map((error) => h("div", { class: "bl-failure" }, error))],
    ]));
}

function drawTask(body, task, view) {
  fill(body,
    h("h4", {}, task.id, h("small", {}, `job ${task.job_id}`)),
    pairs([
      ["State", [task.state, task.result ? [", ", outcome(task)] : ""]],
      ["Exit code", task.exit_code === null ? "" : String(task.exit_code)],
      ["Failure", task.failure ? h("span", { class: "bl-failure" }, task.failure) : ""],
    ]),
    task.result === "failure" ? endOfOutput(task, view) : "",
    pairs([
      ["Command", h("code", {}, task.command_line)],
      ["Node", task.node_id ? nodeName(task.node_id) : ""],
      ["Started", clock(task.start)],
      ["Duration", task.start && task.end ? duration(task.end - task.start) : ""],
      ["Slots", task.slots > 1 ? String(task.slots) : ""],
      ["Retries", task.retry_count || ""],
      ["Requeues", task.requeue_count || ""],
      ["Waits for", task.depends_on.join(", ")],
      ["Subtasks", task.subtasks.map((one) => h("div", {}, `${one.id} on ${nodeName(one.node_id)} `,
        outcome(one),
        one.exit_code ? ` exit code ${one.exit_code}` : ""))],
      ["", task.left_out ? `… and ${task.left_out} more` : ""],
    ]));
}

// What a failed task wrote last: asked for once, when it has failed.
function endOfOutput(task, view) {
  const key = `${task.job_id}\n${task.id} ${task.end}`;
  const said = (view.memory.wrote ??= {});
  if (said.key !== key) {
    Object.assign(said, { key, output: "" });
    view.ask({ what: "explain_task", job: task.job_id, task: task.id }).then((answer) => {
      if (said.key !== key || answer.error) return;
      said.output = answer.value.output;
      view.redrawPanel();
    });
  }
  return said.output && lastLines(said.output, task.id);
}

// The end of a file, at its last line.
export function lastLines(text, name) {
  const shown = h("pre", { class: "bl-output bl-last", tabindex: 0, "aria-label": `last lines of ${name}` }, text);
  requestAnimationFrame(() => { shown.scrollTop = shown.scrollHeight; });
  return shown;
}

// -- why is it waiting --------------------------------------------------------------------------

export const waiting = {
  title: "Waiting",
  wants: (view) => ({ what: "why", ...view.target() }),
  empty: "",
  draw(body, value, view) {
    const parts = value.parts.filter((part) => part.reasons.length);
    fill(body,
      h("h4", {}, value.title),
      parts.length ? parts.map((part) => [
        part.name ? h("h5", {}, part.name) : "",
        h("ul", { class: "bl-reasons" }, part.reasons.map((reason) => drawReason(reason, part, view))),
      ]) : h("p", { class: "bl-muted" }, value.nothing));
  },
};

// What is in the way, what would change it, and how many tasks it holds up.
function drawReason(reason, part, view) {
  const example = reason.example && [" · such as ", h("button", {
    type: "button", class: "bl-link", onclick: () => view.selectTask(part.job, reason.example),
  }, reason.example)];
  return h("li", { class: reason.lasting ? "bl-lasting" : "" },
    reason.tasks ? h("b", {}, `${plural(reason.tasks, "task")}: `) : "", reason.text,
    reason.remedy ? h("div", { class: "bl-remedy" }, reason.remedy) : "",
    h("small", { class: "bl-muted" }, reason.code, reason.lasting ? " · action needed" : "",
      example || ""));
}

// -- preparation and release --------------------------------------------------------------------

export const preparation = {
  title: "Prepare",
  wants: (view) => ({ what: "preparations", job: view.target().job, only_failed: view.memory.onlyFailed || false }),
  empty: "No job here has a preparation task.",
  draw(body, value, view) {
    const only = h("label", { class: "bl-check" }, h("input", {
      type: "checkbox", checked: view.memory.onlyFailed || false, onchange: (event) => {
        view.memory.onlyFailed = event.target.checked;
        view.refresh();
      },
    }), " only failed");
    fill(body,
      h("h4", {}, `Job ${value.job}`, h("small", {}, value.state)),
      h("p", { class: "bl-summary" }, value.summary),
      only,
      value.rows.length ? h("table", { class: "bl-table" },
        h("caption", { class: "bl-hidden" }, "preparation and release by node"),
        h("thead", {}, h("tr", {}, ["node", "preparation", "release"].map((name) =>
          h("th", { scope: "col" }, name)))),
        h("tbody", {}, value.rows.map((row) => h("tr", {},
          h("th", { scope: "row", title: row.node_id }, nodeName(row.node_id)),
          h("td", {}, nodeTaskCell(view, value, row, row.preparation, value.preparation_id)),
          h("td", {}, nodeTaskCell(view, value, row, row.release, value.release_id))))))
        : h("p", { class: "bl-muted" }, view.memory.onlyFailed ? "None have failed." : "Nothing has been prepared yet."),
      value.left_out ? h("p", { class: "bl-muted" }, `… and ${value.left_out} more`) : "",
      view.memory.output ? h("pre", { class: "bl-output", tabindex: 0, "aria-label": "output" }, view.memory.output) : "");
  },
};

function nodeTaskCell(view, value, row, info, name) {
  if (!info) return h("span", { class: "bl-muted" }, "–");
  const show = async () => {
    const answer = await view.ask({ what: "output", pool: row.pool_id, node: row.node_id, directory: info.directory });
    view.memory.output = answer.error ? answer.error : `${nodeName(row.node_id)} · ${name}\n${answer.value.text}`;
    view.redrawPanel();
  };
  return [h("button", { type: "button", class: "bl-link", title: "show its output", onclick: show },
    outcome(info)), info.exit_code ? ` exit code ${info.exit_code}` : "", " ",
  h("small", { class: "bl-muted" }, duration(info.seconds))];
}

// -- faults -------------------------------------------------------------------------------------

export const faults = {
  title: "Faults",
  wants: (view) => (view.log.ended && !view.shared.gone ? null : { what: "faults", ...view.target() }),
  empty: "Nothing can be done to it any more.",
  draw(body, value, view) {
    fill(body,
      h("h4", {}, "What if…", h("small", {}, value.title)),
      h("ul", { class: "bl-faults" }, value.faults.map((fault) => h("li", {},
        faultButton(view, fault), h("small", { class: "bl-muted" }, fault.why_not || fault.about)))),
      h("p", { class: "bl-said", role: "status" }, view.memory.said || ""));
  },
};

function faultButton(view, fault) {
  const act = button(fault.label, { class: "bl-fault", disabled: Boolean(fault.why_not) });
  act.addEventListener("click", async () => {
    if (view.memory.asked !== fault.name) {
      view.memory.asked = fault.name;
      act.textContent = `${fault.label}: sure?`;
      act.classList.add("bl-sure");
      act.addEventListener("blur", () => {
        view.memory.asked = "";
        act.textContent = fault.label;
        act.classList.remove("bl-sure");
      }, { once: true });
      return;
    }
    view.memory.asked = "";
    act.disabled = true;
    const answer = await view.ask({ what: "fault", name: fault.name, ...view.target() });
    view.memory.said = answer.error || answer.value.text;
    view.redrawPanel();
  });
  return act;
}
