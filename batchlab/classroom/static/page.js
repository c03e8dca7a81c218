// The teacher's page: asks for the table every two seconds. Names are only ever set as text.
const EVERY_MS = 2000;
const STUCK_S = 300; // from here on a row is coloured: long enough to have read both hints
const find = (id) => document.getElementById(id);

// The key leaves the address bar, which a projector shows, and survives a reload.
const given = new URLSearchParams(location.search).get("key");
if (given) {
  sessionStorage.setItem("key", given);
  history.replaceState(null, "", "class");
}
const key = sessionStorage.getItem("key");

function span(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

function cell(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function row(seat) {
  const made = document.createElement("tr");
  made.className = seat.stuck_s >= STUCK_S ? "stuck" : "";
  const number = cell("th", `seat ${seat.seat}`);
  number.scope = "row";
  const exercise = cell("td", seat.exercise || (seat.lesson && `lesson ${seat.lesson}`));
  if (seat.title) exercise.append(" ", cell("span", seat.title, "title"));
  made.append(
    number,
    cell("td", seat.name),
    exercise,
    cell("td", seat.exercise && seat.tries, "number"),
    cell("td", span(seat.stuck_s), "number since"),
    cell("td", seat.solved, "number"),
    cell("td", seat.exercise ? `${span(seat.seen_s)} ago` : "", "number"),
  );
  return made;
}

function show(table) {
  find("joining").hidden = find("scroll").hidden = false;
  find("code").textContent = table.code;
  find("join").textContent = `lessons.join("${table.code}", "${table.url}")`;
  find("browser").hidden = !table.join_page;
  find("address").textContent = table.join_page;
  find("command").textContent = `batchlab lab --join ${table.code} ${table.url}`;
  find("message").textContent = table.problem;
  const count = table.rows.length;
  find("caption").textContent = count
    ? `${count} ${count === 1 ? "learner" : "learners"}, those stuck longest first` : "Nobody has joined yet.";
  find("head").hidden = find("export").hidden = !count;
  find("rows").replaceChildren(...table.rows.map(row));
  find("csv").href = `class.csv?key=${encodeURIComponent(key)}`;
}

async function look() {
  try {
    const answer = await fetch(`table?key=${encodeURIComponent(key)}`, { cache: "no-store" });
    if (answer.ok) show(await answer.json());
    else find("message").textContent = "This address is of an earlier class: open the one that the terminal shows.";
  } catch {
    find("message").textContent = "The class has ended, or this machine cannot reach it.";
  }
  setTimeout(look, EVERY_MS);
}

if (key) look();
