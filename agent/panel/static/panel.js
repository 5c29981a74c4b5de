// Show the status that the agent pushes.  Knows the status document and this page's elements, nothing else.
// Every value goes in as text: what was scanned may be anything.

"use strict";

const SILENCE_MS = 4000; // the agent speaks every second; after this long nothing shown may be taken as current
const REDIAL_MS = 2000;
const PASS_FRESH_S = 30; // an older pass is drawn in outline: it answers no new scan
const ALARMS_SHOWN = 5;
const LATE_S = 15; // facts waiting longer than this are worth a colour
const CONTROLS =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(" ");
const WORDS = { pass: "Pass", refuse: "Refused" };

const byId = (id) => document.getElementById(id);

let source = null;
let heardAt = null; // performance.now() of the last message
let dialledAt = 0;
let lastKey = null; // identity of the verdict shown

function dial() {
  if (source) source.close();
  dialledAt = performance.now();
  source = new EventSource("/api/events");
  source.onmessage = (message) => {
    heardAt = performance.now();
    try {
      render(JSON.parse(message.data));
    } catch (error) {
      console.error(error);
      lose("This page cannot read the agent's answer: reload it.", "Unknown");
    }
  };
  source.onerror = () => lose("The agent does not answer.");
}

function watch() {
  const now = performance.now();
  if (now - (heardAt ?? 0) > SILENCE_MS) lose("The agent does not answer.");
  const lost = document.body.dataset.link === "lost";
  if (lost && heardAt !== null) write(byId("when"), `Last heard ${span((now - heardAt) / 1000)} ago`);
  if (lost && now - Math.max(dialledAt, heardAt ?? 0) > REDIAL_MS) dial();
}

// Nothing known is worse than something wrong: the whole screen says so.
function lose(why, word = "No connection") {
  document.body.dataset.link = "lost";
  document.body.dataset.verdict = "none";
  lastKey = null;
  byId("reasons").hidden = true;
  say("lost", word, `${why} Do not go on by this page.`);
  document.title = word;
}

// -- the status --------------------------------------------------------------------------------------------------

function render(status) {
  renderStation(status);
  if (Object.keys(status.lanes).length === 0) {
    // Without its journal the agent knows of no call and no fact, which is not the same as none.
    lose(`The agent cannot tell: ${status.reasons.join("; ")}.`, "Unknown");
    write(byId("when"), "");
    return;
  }
  const now = Date.parse(status.now);
  renderWork(status.operation);
  renderCalls(status, now);
  renderAlarms(status.alarms ?? [], status.alarms_standing ?? 0, now);
  renderDevices(status.devices);
  renderDelivery(status.lanes, status.broker);
  renderVerdict(status, now);
  document.body.dataset.link = "live";
}

function renderStation(status) {
  const levels = status.source.split("/").filter(Boolean);
  write(byId("station"), levels.at(-1) ?? "");
  write(byId("path"), levels.slice(0, -1).join(" / "));
  fill(byId("lamps"), status.lamps.map((lamp) => item(lamp, { lamp })));
  const operator = byId("operator");
  if (status.operator) {
    fill(operator, ["Operator ", element("b", status.operator.operator), ` since ${clock(status.operator.since)}`]);
  } else {
    fill(operator, ["Nobody signed on"]);
  }
  const reasons = status.ok ? [] : status.reasons.length ? status.reasons : ["The agent is not well"];
  fill(byId("reasons"), reasons.map((reason) => item(reason)));
  byId("reasons").hidden = reasons.length === 0;
}

function renderVerdict(status, now) {
  const last = status.last;
  const stop = status.calls.find((call) => call.stop === "stopped");
  let state = "none";
  if (status.trouble) {
    // What was passed last is on disk; whatever is scanned now is not.
    state = "refuse";
    say("refuse", WORDS.refuse, `cannot record: ${status.trouble}`);
  } else if (stop) {
    state = "stop";
    say("stop", "Stop", stop.type === stop.name ? stop.name : `${stop.name} (${stop.type})`);
  } else if (last) {
    state = last.verdict === "pass" ? "pass" : "refuse";
    say(state, WORDS[state], last.text);
  } else {
    say("none", "Ready", "Nothing scanned or measured yet.");
  }
  const told = status.trouble ? null : stop ?? last;
  const since = told?.stopped ?? told?.time; // a call may be older than its stop
  const age = told ? secondsSince(since, now) : 0;
  write(byId("when"), told ? `${clock(since)} · ${span(age)} ago` : "");
  document.body.dataset.verdict = state;
  document.body.dataset.age = age > PASS_FRESH_S ? "old" : "fresh";
  document.title = `${byId("word").textContent} · ${byId("station").textContent}`;
  flash([state, since, told?.text ?? told?.call].join("\n"));
}

function flash(key) {
  if (lastKey !== null && key !== lastKey) {
    document.body.classList.remove("new");
    void document.body.offsetWidth; // lets the animation begin again
    document.body.classList.add("new");
  }
  lastKey = key;
}

function renderWork(operation) {
  const unit = byId("unit");
  unit.className = operation ? "" : "none";
  write(unit, operation ? operation.unit : "No unit in work");
  write(byId("operation"), operation ? `${operation.operation}, since ${clock(operation.started)}` : "");
  const needs = operation?.needs ?? [];
  fill(byId("needs"), needs.map((need) => item(need)));
  const title = byId("needs-title");
  title.hidden = !operation;
  write(title, needs.length ? "Still needed" : "Nothing more needed");
  fill(byId("done"), [
    ...(operation?.measurements ?? []).map((done) =>
      item(`${done.name} ${done.text ?? done.value} ${done.unit}`, {}, done.verdict === "pass" ? "" : "bad")),
    ...(operation?.parts ?? []).map((part) => item(part.lot ? `${part.part}, lot ${part.lot}` : part.part)),
  ]);
}

function renderCalls(status, now) {
  const { calls, line, unclosed } = status;
  byId("no-calls").hidden = calls.length > 0;
  fill(byId("call-list"), calls.map((call) => {
    const entry = element("li", "", call.stop === "stopped" ? "stop" : "");
    const name = element("p", "", "name");
    name.append(element("span", call.name), element("span", span(secondsSince(call.time, now)), "age"));
    const by = call.arrived_by || call.acknowledged_by;
    const state = element("p", [call.type === call.name ? "" : call.type, call.severity, by ? `${call.state} (${by})` : call.state]
      .filter(Boolean).join(", "));
    if (!call.delivered) state.append(" ", element("span", "not yet delivered", "undelivered"));
    entry.append(name, ...fate(call, now).map((text) => element("p", text, "fate")), state);
    return entry;
  }));
  const stands = line?.state === "released";
  byId("line-state").hidden = !stands;
  write(byId("line-state"), stands ? `Line released, not started again: stands for ${span(secondsSince(line.since, now))}` : "");
  const names = (unclosed ?? []).map((call) => call.name);
  byId("unclosed").hidden = names.length === 0;
  write(byId("unclosed"), names.length ? `Reason awaited: ${names.join(", ")}` : "");
}

// What a call does to the line, and who was told that nobody answers it.
function fate(call, now) {
  const left = call.stop_after_s - secondsSince(call.time, now);
  const told = [];
  if (call.stop === "stopped") told.push("Line stopped");
  else if (call.stop === "pending" && left > 0) told.push(`Stops the line in ${span(Math.ceil(left))}`);
  else if (call.stop === "pending") told.push(call.stop_at ? `Stops the line at ${call.stop_at}` : "Will stop the line");
  if (call.level > 0) told.push(`Level ${call.level}: ${call.escalated_to} told`);
  return told;
}

function renderAlarms(alarms, standing, now) {
  const shown = alarms.slice(0, ALARMS_SHOWN);
  const entries = shown.map((alarm) => {
    const entry = element("li", "", alarm.quiet ? "quiet" : alarm.priority);
    const name = alarm.text || alarm.name || `${alarm.alarm} ${alarm.device}`;
    const age = alarm.raised ? span(secondsSince(alarm.raised, now)) : "";
    entry.append(element("span", name, "name"), ` ${[alarm.priority, alarm.state, age].filter(Boolean).join(", ")}`);
    if (alarm.detail) entry.append(element("span", alarm.detail, "detail"));
    return entry;
  });
  if (standing > shown.length) entries.push(element("li", `and ${standing - shown.length} more alarms`));
  byId("alarm-list").hidden = entries.length === 0;
  fill(byId("alarm-list"), entries);
}

function renderDevices(devices) {
  const rank = { lost: 0, starting: 1 };
  const entries = Object.entries(devices).sort(([, a], [, b]) => (rank[a.state] ?? 2) - (rank[b.state] ?? 2));
  fill(byId("device-list"), entries.map(([name, device]) => {
    if (device.state === "open") {
      const entry = element("li", name);
      if (device.noise) entry.append(element("span", `${device.noise} unreadable`, "noise"));
      return entry;
    }
    const reason = device.reason ? `: ${device.reason}` : "";
    return element("li", `${name} ${device.state}${reason}`, device.state === "starting" ? "starting" : "lost");
  }));
}

function renderDelivery(lanes, broker) {
  const waiting = Object.entries(lanes).filter(([, lane]) => lane.depth > 0);
  const depth = waiting.reduce((sum, [, lane]) => sum + lane.depth, 0);
  const oldest = Math.max(0, ...waiting.map(([, lane]) => lane.oldest_age_s ?? 0));
  const facts = depth === 1 ? "1 fact waiting" : `${depth.toLocaleString("en")} facts waiting`;
  write(byId("backlog"), depth === 0 ? "Everything delivered" : `${facts}, oldest ${span(oldest)}`);
  write(byId("lanes"), waiting.map(([name, lane]) => `${name} ${lane.depth.toLocaleString("en")}`).join(" · "));
  const confirmed = broker.confirmed_age_s;
  const told = confirmed < 2 ? "just now" : `${span(confirmed)} ago`;
  const heard = confirmed === null ? "nothing confirmed yet" : `last confirmation ${told}`;
  const reason = broker.reason ? `: ${broker.reason}` : "";
  const held = broker.state === "online" ? "" : ` for ${span(broker.since_s)}`;
  write(byId("broker"), `Broker ${broker.state}${held}${reason}; ${heard}`);
  byId("delivery").classList.toggle("late", oldest > LATE_S || (broker.state !== "online" && broker.since_s > LATE_S));
}

// -- words and elements ------------------------------------------------------------------------------------------

function say(shape, word, reason) {
  const use = byId("shape");
  if (use.getAttribute("href") !== `#shape-${shape}`) use.setAttribute("href", `#shape-${shape}`);
  write(byId("word"), word);
  write(byId("reason"), reason);
}

// Control characters are told by name and direction overrides become a box: a scan cannot hide or turn round its neighbours.
function visible(text) {
  return String(text)
    .replace(/[\u0000-\u001f]/g, (mark) => `<${CONTROLS[mark.charCodeAt(0)]}>`)
    .replace(/\u007f/g, "<DEL>")
    .replace(/[\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "\ufffd");
}

// Writing only what changed keeps screen readers quiet.
function write(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

function fill(parent, nodes) {
  const wanted = parent.cloneNode(false);
  wanted.append(...nodes);
  if (!parent.isEqualNode(wanted)) parent.replaceChildren(...wanted.childNodes);
}

function element(tag, text, name = "") {
  const node = document.createElement(tag);
  node.textContent = visible(text);
  if (name) node.className = name;
  return node;
}

function item(text, data = {}, name = "") {
  const node = element("li", text, name);
  Object.assign(node.dataset, data);
  return node;
}

function clock(time) {
  return new Date(time).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function secondsSince(time, now) {
  return Math.max(0, (now - Date.parse(time)) / 1000);
}

function span(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d`;
}

dial();
setInterval(watch, 500);
