// The box: lamps as the pins are, the button to press and hold, what the printer's sensors see.

import { $, act, element, page, say } from "./dom.js";

let down = false;

export function startBox() {
  const button = $("button");
  const press = (isDown) => {
    if (isDown === down || (isDown && button.disabled)) return;
    down = isDown;
    act("button", { down });
  };
  const isKey = (event) => event.key === "Enter" || event.key === " ";
  button.addEventListener("pointerdown", (event) => { if (event.button === 0) press(true); });
  for (const type of ["pointerup", "pointerleave", "pointercancel", "blur"]) button.addEventListener(type, () => press(false));
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => { if (isKey(event)) { event.preventDefault(); press(true); } });
  button.addEventListener("keyup", (event) => { if (isKey(event)) { event.preventDefault(); press(false); } });
}

export function showBox(state) {
  const { lamps, looks, meanings, printer_states } = page.words;
  if (!$("lamps").children.length) $("lamps").replaceChildren(...Object.keys(lamps).map(lamp));
  for (const colour of Object.keys(lamps)) {
    $(`lamp-${colour}`).classList.toggle("lit", state.on[colour]);
    say(`look-${colour}`, looks[state.looks[colour]]);
  }
  $("meaning").dataset.meaning = state.meaning;
  say("meaning", meanings[state.meaning]);
  $("button").classList.toggle("down", state.pressed);
  $("button").disabled = state.playing || !state.power;
  say("printer-state", printer_states[state.printer]);
}

function lamp(colour) {
  return element("li", {},
    element("span", { className: `lamp ${colour}`, id: `lamp-${colour}`, "aria-hidden": "true" }),
    element("b", { text: page.words.lamps[colour] }),
    element("small", { id: `look-${colour}` }));
}
