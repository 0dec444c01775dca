// Small tools: what the page knows, questions to a person, money as the country writes it, requests.

import { $, say } from "./elements.js";

export * from "./elements.js";

export const page = { words: {}, language: "es", money: { currency: "", locale: "", decimals: 2 }, holdSeconds: 2 };

export function money(amount) {
  const { currency, locale, decimals } = page.money;
  const how = { minimumFractionDigits: decimals, maximumFractionDigits: Math.max(decimals, 2) };
  const named = currency ? { style: "currency", currency, currencyDisplay: "narrowSymbol" } : {};
  return new Intl.NumberFormat(locale || page.language, { ...how, ...named }).format(amount);
}

export function decimalSign() {
  const parts = new Intl.NumberFormat(page.money.locale || page.language).formatToParts(1.5);
  return parts.find((part) => part.type === "decimal").value;
}

export function clock(iso) {
  return new Intl.DateTimeFormat(page.language, { dateStyle: "short", timeStyle: "short" }).format(new Date(iso));
}

export class Refused extends Error {}

export async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "Content-Type": "application/json" }, credentials: "same-origin" });
  } catch {
    throw new Refused("offline");
  }
  const facts = await answer.json().catch(() => ({ error: "malformed" }));
  if (!answer.ok) throw new Refused(facts.error);
  return facts;
}

export function sentence(error) {
  const reason = error instanceof Refused ? error.message : "malformed";
  return page.words.errors[reason] || page.words.errors.malformed;
}

// Resolves to whether a person is sure.
export function sure(question, yes, no) {
  const dialog = $("sure");
  say("sure-question", question);
  say("sure-yes", yes);
  say("sure-no", no);
  dialog.returnValue = "";
  dialog.showModal();
  $("sure-no").focus();
  return new Promise((resolve) => {
    $("sure-yes").onclick = () => dialog.close("yes");
    $("sure-no").onclick = () => dialog.close("");
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}
