// What is beside the sale: the light, what is wrong, the last tickets, the day, the devices.

import { $, ask, clock, element, fill, money, page, redraw, say, sure } from "./dom.js";

const COLOURS = {
  starting: "yellow", ready: "green", waiting: "yellow", working: "yellow", paid: "green", holding: "yellow",
  cancelled: "yellow", attention: "red", printer: "red", polling: "green", unreachable: "red", identify: "grey",
};
const BUSY = ["starting", "working", "waiting", "holding"];
const PAID = ["paid", "listed", "printing", "printed", "unconfirmed"];
let fail = () => {};

export function startPanels(onError) {
  fail = onError;
  $("check").onclick = () => request("/api/check", {}, page.words.checking);
  $("seen").onclick = () => request("/api/check", {}, page.words.checking);
  $("day-slip").onclick = () => request("/api/day", {}, page.words.day_asked);
  $("devices").addEventListener("toggle", () => { if ($("devices").open) showDevices(); });
}

async function request(path, body, done) {
  try {
    await ask(path, body);
    fail(done, true);
  } catch (error) {
    fail(error);
  }
}

export function showLight(name, text = null) {
  const [title, advice] = page.words.lights[name] || page.words.lights.unknown;
  const colour = COLOURS[name] || "grey";
  $("light").className = `light ${colour} ${BUSY.includes(name) ? "busy" : ""} ${name === "paid" ? "paid" : ""}`;
  $("light").dataset.light = name;
  say("light-title", title);
  say("light-advice", text || advice);
  say("light-colour", `${page.words.light}: ${page.words.colours[colour]}`);
}

export function showPanels(view) {
  showWrong(view);
  const tickets = view.orders.filter((order) => order.total !== null && PAID.includes(order.stage)).slice(0, 12);
  $("no-tickets").hidden = tickets.length > 0;
  redraw($("tickets"), [tickets, view.heard], ([all, heard]) => all.map((order) => ticketRow(order, heard)));
  const counts = Object.entries(page.words.counts).map(([name, word]) => [word, view.today ? view.today[name] : "?"]);
  redraw($("day"), counts, (all) => all.map(([word, count]) => (
    element("div", {}, element("dt", { text: word }), element("dd", { text: String(count) }))
  )));
  $("day-slip").disabled = !view.heard;
  $("check").disabled = !view.heard;
}

function showWrong(view) {
  $("wrong").hidden = !view.wrong.length && !view.listed;
  const listed = view.listed ? [{ title: fill(page.words.listed, { count: view.listed }), lines: [], check: [] }] : [];
  redraw($("wrong-list"), [...view.wrong, ...listed], (all) => all.map(wrongArticle));
  say("support", view.support);
}

function wrongArticle({ title, lines, check, reference }) {
  const article = element("article", {}, element("h3", { text: title }));
  article.append(...lines.map((text) => element("p", { text })));
  if (check.length) article.append(element("ul", {}, ...check.map((text) => element("li", { text }))));
  if (reference) article.append(element("p", { className: "small", text: `${page.words.reference}: ${reference}` }));
  return article;
}

function ticketRow(order, heard) {
  const when = order.paid_at ? clock(order.paid_at) : "";
  const facts = element("span", { className: "grow" }, element("strong", { text: money(order.total) }));
  facts.append(element("span", { className: "small", text: `${when} · ${page.words.stages[order.stage]}` }));
  const row = element("li", {}, facts);
  if (!order.copies) return row;
  const button = element("button", { className: "quiet", text: page.words.copy });
  button.setAttribute("aria-label", fill(page.words.copy_of, { amount: money(order.total), time: when }));
  button.disabled = !heard;
  button.onclick = async () => {
    const { copy_sure, yes, no, copied } = page.words;
    if (await sure(copy_sure, yes, no)) request("/api/copy", { reference: order.reference }, copied);
  };
  row.append(button);
  return row;
}

async function showDevices() {
  try {
    const { sessions } = await ask("/api/sessions");
    redraw($("device-list"), sessions, (all) => all.map(deviceRow));
    $("leave").onclick = () => endSession(sessions.find((each) => each.this).id);
  } catch (error) {
    fail(error);
  }
}

function deviceRow(session) {
  const name = `${session.label}${session.this ? ` (${page.words.this_device})` : ""}`;
  const used = fill(page.words.last_used, { date: clock(new Date(session.seen * 1000).toISOString()) });
  const facts = element("span", { className: "grow", text: name }, element("span", { className: "small", text: used }));
  if (session.this) return element("li", {}, facts);
  const button = element("button", { className: "quiet", text: page.words.let_out });
  button.setAttribute("aria-label", `${page.words.let_out}: ${session.label}`);
  button.onclick = () => endSession(session.id);
  return element("li", {}, facts, button);
}

async function endSession(id) {
  await request("/api/sessions/end", { id }, "");
  showDevices();
}
