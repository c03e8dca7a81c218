// The page of a served lab: its addresses, and its channel.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const from = (name) => import(pathToFileURL(`${process.env.BATCHLAB_SCRIPTS}/${name}.js`));
const { addressOf, readAddress, settle, stepsTo } = await from("page_address");

const node = "tvm-0123456789_12-20260105t090000z";
const ABOUT = [
  ["#/", { kind: "lab", target: {}, tab: "", file: "" }],
  ["#/?tab=tasks", { kind: "lab", target: {}, tab: "tasks", file: "" }],
  ["#/pools/render", { kind: "pool", target: { pool: "render" }, tab: "", file: "" }],
  ["#/pools/render/formula", { kind: "formula", target: { pool: "render" }, tab: "", file: "" }],
  [`#/pools/render/nodes/${node}?tab=files`, { kind: "node", target: { pool: "render", node }, tab: "files", file: "" }],
  ["#/jobs/frames", { kind: "job", target: { job: "frames" }, tab: "", file: "" }],
  ["#/jobs/frames/tasks/t1?tab=files&file=wd%2Fa%26b.txt", { kind: "task", target: { job: "frames", task: "t1" }, tab: "files", file: "wd/a&b.txt" }],
  ["#/jobs/frames/tasks", { kind: "tasks", target: { job: "frames" }, tab: "", file: "" }],
  ["#/jobs/a%2Fb%3F%23/tasks/%C3%A9", { kind: "task", target: { job: "a/b?#", task: "é" }, tab: "", file: "" }],
];

test("each display has one address", () => {
  for (const [address, about] of ABOUT) {
    assert.deepEqual(readAddress(address), about);
    assert.equal(addressOf(about.kind, about.target, about.tab, about.file), address);
    assert.equal(stepsTo(about).at(-1)[1], addressOf(about.kind, about.target));
    for (const [, step] of stepsTo(about)) assert.deepEqual(addressOf(...Object.values(readAddress(step))), step);
  }
  assert.deepEqual(stepsTo(ABOUT[4][1]).map(([words]) => words), ["Lab", "Pool render", "Node 12"]);
});

test("an address that leads nowhere is that of the lab", () => {
  for (const hash of ["", "#", "#/nothing", "#/pools", "#/pools//formula/x", "#/pools/a/nodes", "#javascript:alert(1)"]) {
    assert.deepEqual(readAddress(hash), { kind: "lab", target: {}, tab: "", file: "" });
  }
  assert.equal(readAddress("#/jobs/%E0%A4%A").target.job, "%E0%A4%A");
});

test("ids are found as they were created, and what does not exist is named", () => {
  const names = { pools: ["Render", "render2"], jobs: ["a"], nodes: [] };
  const target = { pool: "RENDER", job: "a" };
  assert.equal(settle(target, names), "");
  assert.deepEqual(target, { pool: "Render", job: "a" });
  assert.equal(settle({}, names), "");
  assert.match(settle({ pool: "rend" }, names), /no pool “rend”/);
  assert.match(settle({ pool: "Render", node: "n" }, names), /no node “n”/);
});

// A server that is played: the last socket, and what was sent on it.
class Socket {
  static OPEN = 1;
  static CLOSED = 3;
  static made = [];

  constructor() {
    this.sent = [];
    this.readyState = Socket.OPEN;
    Socket.made.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  say(message, data) {
    if (!data) return this.onmessage({ data: JSON.stringify(message) });
    const head = new TextEncoder().encode(JSON.stringify(message));
    const bytes = new Uint8Array(4 + head.length + data.length);
    new DataView(bytes.buffer).setUint32(0, head.length, true);
    bytes.set(head, 4);
    bytes.set(data, 4 + head.length);
    return this.onmessage({ data: bytes.buffer });
  }

  break(code = 1006, reason = "") {
    this.readyState = Socket.CLOSED;
    this.onclose({ code, reason });
  }
}

async function connected(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  Object.assign(globalThis, { WebSocket: Socket, addEventListener() {}, document: { addEventListener() {} } });
  Socket.made = [];
  const { Link, PageModel } = await from("page_link");
  const heard = [];
  const link = new Link("ws://x", Object.fromEntries(["welcome", "rows", "news", "lost"].map((name) => [name, (...said) => heard.push([name, ...said])])));
  const model = new PageModel({ kind: "lab" }, (content) => link.send(model, content));
  const answers = [];
  model.on("msg:custom", (content, buffers) => answers.push([content, buffers]));
  return { link, model, heard, answers, socket: () => Socket.made.at(-1) };
}

test("an answer goes to the display that asked, with its own number", async (t) => {
  const { model, answers, socket } = await connected(t);
  socket().say({ type: "welcome" });
  model.send({ type: "ask", id: 7, question: { what: "why" } });
  model.send({ type: "ask", id: 7, question: { what: "about" } });
  const numbers = socket().sent.map(({ id }) => id);
  assert.notEqual(numbers[0], numbers[1]);
  socket().say({ type: "answer", id: numbers[1], value: 1 }, new Uint8Array([1, 2]));
  socket().say({ type: "answer", id: numbers[1], value: 2 });
  assert.equal(answers.length, 1, "once");
  const [[content, [buffer]]] = answers;
  assert.deepEqual([content.id, content.value], [7, 1]);
  assert.deepEqual([...new Uint8Array(buffer.buffer, buffer.byteOffset)], [1, 2]);
});

test("what is asked of a server that is away is answered with the reason", async (t) => {
  const { link, model, answers, heard, socket } = await connected(t);
  model.send({ type: "ask", id: 1, question: {} });
  t.mock.timers.tick(1);
  assert.match(answers.pop()[0].error, /lost/);
  model.send({ type: "follow", viewer: "a", key: "k", question: { what: "why" } });
  t.mock.timers.tick(1);
  const [news] = answers.pop();
  assert.deepEqual([news.type, news.key], ["news", "k"]);
  assert.match(news.error, /lost/);
  socket().say({ type: "welcome" });
  model.send({ type: "ask", id: 2, question: {} });
  socket().say({ type: "end", why: "the lab is closed" });
  socket().break(1001);
  assert.equal(answers.pop()[0].error, "The lab is closed.");
  assert.deepEqual(heard.at(-1), ["lost", "", true]);
  socket().break(1013, "100 people are watching already");
  assert.deepEqual(heard.at(-1), ["lost", "100 people are watching already", false]);
  assert.equal(link.online, false);
});

test("after a break, displays follow what they followed", async (t) => {
  const { model, socket } = await connected(t);
  socket().say({ type: "welcome" });
  model.send({ type: "follow", viewer: "a", key: "k", question: { what: "why" }, again: false });
  model.send({ type: "follow", viewer: "b", key: "l", question: { what: "about" }, again: false });
  model.send({ type: "bye", viewer: "a" });
  const first = socket();
  first.break();
  t.mock.timers.tick(10000);
  assert.notEqual(socket(), first);
  model.send({ type: "hello" });
  assert.deepEqual(socket().sent, [], "nothing before the server has greeted");
  socket().say({ type: "welcome" });
  assert.deepEqual(socket().sent, [{ type: "follow", viewer: "b", key: "l", question: { what: "about" }, again: true }]);
});
