// A device asks to be let in: a code is printed when somebody presses the till's button.

import { $, ask, page, say, sentence } from "./dom.js";

const STAGES = { asked: "pair_press", printed: "pair_press", no_paper: "pair_no_paper", unheard: "pair_unheard" };
const LOOK_EVERY_MS = 1500;
let timer = 0;

export function startPairing(asks) {
  $("pair").hidden = false;
  $("pair-ask").onclick = $("pair-again").onclick = askCode;
  $("pair-form").onsubmit = enter;
  if (asks) waitForCode();
}

async function askCode() {
  say("pair-error", "");
  try {
    await ask("/api/pair/ask", {});
    waitForCode();
  } catch (error) {
    say("pair-error", sentence(error));
  }
}

function waitForCode() {
  $("pair-ask").hidden = true;
  $("pair-steps").hidden = false;
  say("pair-stage", page.words.pair_press);
  $("pair-code").focus();
  clearInterval(timer);
  timer = setInterval(look, LOOK_EVERY_MS);
}

async function look() {
  try {
    const { stage } = await ask("/api/pair/asking");
    say("pair-stage", page.words[STAGES[stage]] || page.words.errors.expired);
    if (stage === "expired") clearInterval(timer);
  } catch (error) {
    say("pair-error", sentence(error));
  }
}

async function enter(event) {
  event.preventDefault();
  say("pair-error", "");
  try {
    await ask("/api/pair/enter", { code: $("pair-code").value });
    location.reload();
  } catch (error) {
    say("pair-error", sentence(error));
    $("pair-code").select();
  }
}
