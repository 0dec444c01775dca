// Small tools: words, money, deeds.

import { say } from "./elements.js";

export * from "./elements.js";
export const page = { words: {}, language: "es", currency: "ARS" };
const LOCALES = { ARS: "es-AR", BRL: "pt-BR", CLP: "es-CL", UYU: "es-UY" };

export function money(amount) {
  const how = { style: "currency", currency: page.currency, currencyDisplay: "narrowSymbol" };
  return new Intl.NumberFormat(LOCALES[page.currency] || page.language, how).format(amount);
}

export async function act(deed, facts = {}) {
  say("error", "");
  const body = JSON.stringify({ deed, ...facts });
  const answer = await fetch("/world/do", { method: "POST", body }).catch(() => null);
  if (answer === null) return say("error", page.words.offline);
  if (!answer.ok) {
    const { why } = await answer.json().catch(() => ({}));
    if (why) say("error", why);
  }
}
