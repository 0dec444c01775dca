// The till's page: starts, and shows what is going on as long as the till says so.

import { $, ask, page, say, sentence } from "./dom.js";
import { putOrder, showOrder, startOrder } from "./order.js";
import { startPairing } from "./pair.js";
import { showLight, showPanels, startPanels } from "./panels.js";
import { allowSale, startSale } from "./sale.js";

const SILENT_AFTER_MS = 12000; // something comes every five seconds
const AGAIN_AFTER_MS = 2000;
const SAID_FOR_MS = 6000;
const query = new URLSearchParams(location.search).has("language") ? location.search : "";
let heardAt = 0;

async function start() {
  let facts;
  try {
    facts = await ask(`/api/start${query}`);
  } catch {
    setTimeout(start, AGAIN_AFTER_MS);
    return;
  }
  Object.assign(page, { words: facts.words, language: facts.language, money: facts.money, holdSeconds: facts.hold_seconds });
  document.documentElement.lang = facts.language;
  document.title = `${facts.till} · ${facts.words.title}`;
  say("till", facts.till);
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = facts.words[each.dataset.word];
  $("plain").hidden = facts.encrypted;
  if (!facts.paired) startPairing(facts.asks);
  else startShop();
}

function startShop() {
  $("shop").hidden = false;
  startSale(putOrder);
  startOrder(report);
  startPanels(report);
  showLight("unknown");
  listen();
  setInterval(noticeSilence, 1000);
}

let quiet = 0;
function report(error, passes = false) {
  say("error", error instanceof Error ? sentence(error) : error);
  $("error").classList.toggle("error", !passes);
  clearTimeout(quiet);
  if (passes) quiet = setTimeout(() => say("error", ""), SAID_FOR_MS);
}

function listen() {
  const stream = new EventSource(`/api/live${query}`);
  stream.onmessage = (event) => {
    heardAt = Date.now();
    show(JSON.parse(event.data));
  };
  stream.addEventListener("ended", () => location.reload());
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listenAgain, AGAIN_AFTER_MS);
  };
}

async function listenAgain() {
  try {
    const { paired } = await ask(`/api/start${query}`);
    if (!paired) location.reload();
    else listen();
  } catch {
    setTimeout(listenAgain, AGAIN_AFTER_MS);
  }
}

function show(view) {
  page.money = view.money;
  showLight(view.light);
  showOrder(view);
  showPanels(view);
}

// A page that hears nothing knows nothing.
function noticeSilence() {
  if (Date.now() - heardAt < SILENT_AFTER_MS) return;
  showLight("unknown", page.words.offline);
  allowSale(false);
}

start();
