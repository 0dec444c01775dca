// The order on the till, from the request to the ticket. What it says of money comes from the till's journal alone.

import { $, ask, money, page, say, sure } from "./dom.js";
import { allowSale, anotherKey, clearSale } from "./sale.js";

const LOST_AFTER_MS = 40000; // the daemon does no request that is older than half a minute
const ENDED = ["printed", "unconfirmed", "cancelled", "lapsed"];
let current = null; // the reference that is shown
let mine = ""; // the reference of the last order that this device asked for
let pending = null; // what was asked for and isn't on the till yet: { reference, since }
let fail = () => {};
let shown = "";

export function startOrder(onError) {
  fail = onError;
  $("next").onclick = another;
  holdToCancel($("cancel"));
}

export async function putOrder(wanted) {
  fail("");
  try {
    const { reference } = await ask("/api/order", wanted);
    mine = reference;
    pending = { reference, since: Date.now() };
    show("putting", page.words.putting, null, "", reference);
    $("order-title").focus();
  } catch (error) {
    fail(error);
  }
}

function another() {
  if (current === mine) clearSale(); // what was typed here during another device's sale stays
  current = pending = null;
  show("sale");
  $("amount").focus();
}

export function showOrder(view) {
  allowSale(view.heard && !view.order);
  if (view.order) current = view.order.reference;
  if (pending && !view.order) settlePending(view);
  if (view.order && pending && view.order.reference === pending.reference) pending = null;
  if (view.order) return showOnTill(view);
  if (pending) return show("putting", page.words.putting, null, "", pending.reference);
  const order = view.orders.find((each) => each.reference === current);
  return order ? showEnd(order) : show("sale");
}

function settlePending(view) {
  const placing = view.placings[pending.reference];
  const isKnown = view.orders.some((each) => each.reference === pending.reference);
  const result = placing ? placing.result : Date.now() - pending.since > LOST_AFTER_MS ? "lost" : "asked";
  if (result === "asked") return;
  if (result === "done" || isKnown) current = pending.reference;
  else if (view.heard) refuse(result, placing ? placing.why : "");
  pending = null;
}

function refuse(result, why) {
  const text = page.words.placings[result] || page.words.placings.refused;
  fail(result === "refused" && why ? `${text} (${why})` : text);
  if (result === "used") anotherKey();
}

function showOnTill(view) {
  const { reference, total, cancelling } = view.order;
  const [title, advice] = view.light === "working" ? page.words.lights.working : page.words.lights.waiting;
  show(cancelling ? "cancelling" : "on_till", title, total, cancelling ? page.words.cancelling : advice, reference);
}

function showEnd(order) {
  if (ENDED.includes(order.stage)) {
    const [title, advice] = page.words.results[order.stage];
    return show(order.stage, title, order.total, advice, order.reference);
  }
  const [title, advice] = page.words.lights.working; // paid is said when the ticket is out, and never before
  return show("working", title, order.total, advice, order.reference);
}

function show(mode, title = "", total = null, advice = "", reference = "") {
  const changed = mode !== shown;
  $("sale").hidden = mode !== "sale";
  $("order").hidden = mode === "sale";
  say("order-title", title);
  say("order-total", total === null ? "" : money(total));
  say("order-advice", advice);
  say("order-reference", reference ? `${page.words.reference}: ${reference}` : "");
  $("order").dataset.mode = mode;
  $("cancel").hidden = mode !== "on_till";
  $("next").hidden = !ENDED.includes(mode);
  shown = mode;
  if (changed) moveFocus(mode);
}

// Only a focus that would be lost is moved.
function moveFocus(mode) {
  const lost = document.activeElement === document.body || !document.activeElement.checkVisibility?.();
  if (!lost) return;
  if (ENDED.includes(mode)) $("next").focus();
  else if (mode !== "sale") $("order-title").focus();
}

async function cancel() {
  try {
    await ask("/api/cancel", { reference: current });
  } catch (error) {
    fail(error);
  }
}

// Held as long as the box's own button; a short press asks, for whoever can't hold.
function holdToCancel(button) {
  let timer = 0;
  const begin = () => {
    if (timer) return;
    button.style.setProperty("--hold", `${page.holdSeconds}s`);
    button.classList.add("held");
    timer = setTimeout(() => { end(); cancel(); }, page.holdSeconds * 1000);
  };
  const end = () => {
    clearTimeout(timer);
    timer = 0;
    button.classList.remove("held");
  };
  const release = async () => {
    if (!timer) return;
    end();
    const { cancel_sure, cancel_yes, cancel_no } = page.words;
    if (await sure(cancel_sure, cancel_yes, cancel_no)) cancel();
  };
  const isKey = (event) => event.key === "Enter" || event.key === " ";
  button.addEventListener("pointerdown", (event) => { if (event.button === 0) begin(); });
  button.addEventListener("pointerup", release);
  for (const type of ["pointerleave", "pointercancel", "blur"]) button.addEventListener(type, end);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => { if (isKey(event)) { event.preventDefault(); begin(); } });
  button.addEventListener("keyup", (event) => { if (isKey(event)) { event.preventDefault(); release(); } });
  // A screen reader's press comes as a click without a pointer.
  button.addEventListener("click", async (event) => {
    if (event.detail !== 0 || timer) return;
    const { cancel_sure, cancel_yes, cancel_no } = page.words;
    if (await sure(cancel_sure, cancel_yes, cancel_no)) cancel();
  });
}
