// The customer's phone.

import { $, act, element, fill, money, page, redraw, say } from "./dom.js";

const SIGNS = { idle: "", nothing: "…", asked: "", approved: "✓", rejected: "✕", gone: "✕" };

export function showPhone(phone, playing) {
  const [title, text] = page.words.screens[phone.stage];
  $("phone").dataset.stage = phone.stage;
  say("phone-sign", SIGNS[phone.stage]);
  say("phone-title-line", title);
  say("phone-total", phone.total ? money(phone.total) : "");
  say("phone-text", phone.titles.length ? phone.titles.join(", ") : fill(text, phone));
  redraw($("deeds"), [deedsOf(phone), playing], ([deeds]) => deeds.map((deed, number) => {
    const button = element("button", { text: page.words.deeds[deed], id: `deed-${deed}` });
    if (number === 0) button.className = "primary";
    button.disabled = playing;
    button.onclick = () => act(deed);
    return button;
  }));
}

function deedsOf({ stage, gone }) {
  if (stage === "asked" || stage === "rejected") {
    return gone ? ["pay", "pay_late", "put_away"] : ["pay", "pay_rejected", "pay_other_wallet", "pay_late", "put_away"];
  }
  return stage === "gone" ? ["scan", "pay_late", "put_away"] : stage === "approved" ? ["scan", "put_away"] : ["scan"];
}
