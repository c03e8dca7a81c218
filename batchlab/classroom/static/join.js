// The page on which learners join. The browser keeps the seat in a cookie that no script can read.
const find = (id) => document.getElementById(id);
const say = (text) => { find("message").textContent = text; };
if (location.protocol === "https:") find("plain").textContent = "encrypted";

async function ask(what, body = {}) {
  try {
    const answer = await fetch(what, { method: "POST", body: JSON.stringify(body), cache: "no-store" });
    return { ok: answer.ok, status: answer.status, ...(await answer.json()) };
  } catch {
    return { ok: false, status: 0, message: "The class does not answer: is your teacher's machine in this network?" };
  }
}

function enter() {
  find("seated").hidden = true;
  find("form").hidden = false;
  if (!find("code").value) find("code").value = decodeURIComponent(location.hash.slice(1));
  find(find("code").value ? "name" : "code").focus();
}

function show(seat) {
  find("form").hidden = true;
  find("seated").hidden = false;
  find("seat").textContent = `You have seat ${seat.seat}${seat.name ? ` as ${seat.name}` : ""}.`;
  find("start").href = seat.start;
  find("start").focus();
}

async function look() {
  const seat = await ask("seat");
  if (seat.ok) show(seat);
  else {
    enter();
    if (!seat.status) say(seat.message);
  }
  return seat.ok;
}

find("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  say("");
  const seat = await ask("join", { code: find("code").value, name: find("name").value });
  if (!seat.ok) say(seat.message);
  else if (await look()) location.assign(seat.start);
  else say("This browser keeps no cookies, which it needs for your seat: allow them for this address.");
  button.disabled = false;
});

find("other").addEventListener("click", () => {
  find("name").value = "";
  enter();
});

find("leave").addEventListener("click", async () => {
  const gone = await ask("leave");
  if (gone.ok) enter();
  say(gone.ok ? "You have left the class: your teacher's table has forgotten you." : gone.message);
});

look();
