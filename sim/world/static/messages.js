// What passed between the parties: a row each, which opens.

import { $, element, fill, page } from "./dom.js";

const LANES = ["customer", "mercadopago", "relay", "broker", "till", "printer", "cashier"];
const BESIDE = { stranger: "customer", page: "cashier" };
const MAX_ROWS = 300;
const rows = new Map();

export function startMessages() {
  $("lanes").replaceChildren(...LANES.map((each) => element("span", { text: page.words.parties[each] })));
  $("routine").onchange = showRoutine;
}

export function clearMessages() {
  rows.clear();
  $("messages").replaceChildren();
  $("no-messages").hidden = false;
}

export function showMessages(messages) {
  const log = $("log");
  const follows = log.scrollTop + log.clientHeight > log.scrollHeight - 60;
  for (const message of messages) draw(message);
  for (const [id, row] of [...rows].slice(0, -MAX_ROWS)) {
    rows.delete(id);
    row.remove();
  }
  showRoutine();
  if (follows) log.scrollTop = log.scrollHeight;
}

function draw(message) {
  const summary = element("summary", {}, time(message), lanes(message), what(message));
  const row = rows.get(message.id) || element("li", {}, element("details"));
  const details = row.firstChild;
  details.replaceChildren(summary, ...message.details.map((text) => element("pre", { text })));
  row.classList.toggle("routine", message.routine);
  row.dataset.kind = message.kind;
  if (!rows.has(message.id)) $("messages").append(row);
  rows.set(message.id, row);
}

function time({ at_s: at }) {
  return element("time", { text: `${at.toFixed(2)} s` });
}

function lanes({ sender, receiver }) {
  const [from, to] = [sender, receiver].map((each) => LANES.indexOf(BESIDE[each] || each));
  const arrow = element("span", { className: from === to ? "arrow still" : from < to ? "arrow" : "arrow left" });
  arrow.style.gridColumn = `${Math.min(from, to) + 1} / ${Math.max(from, to) + 2}`;
  return element("span", { className: "lanes", "aria-hidden": "true" }, arrow);
}

function what({ sender, receiver, kind, facts, steps }) {
  const { parties, kinds, faults, guide_number: number } = page.words;
  const named = facts.fault ? { ...facts, fault: faults[facts.fault] } : facts;
  const who = element("span", { className: "who", text: `${parties[sender]} → ${parties[receiver]}: ` });
  const text = element("span", { text: fill(kinds[kind], named) });
  return element("span", { className: "what" }, ...steps.map((step) => element("span", { className: "badge", text: step, title: number })), who, text);
}

function showRoutine() {
  let shown = 0;
  for (const row of $("messages").children) {
    row.hidden = row.classList.contains("routine") && !$("routine").checked;
    shown += !row.hidden;
  }
  $("no-messages").hidden = shown > 0;
}
