// What the till says: its very samples, one after the other, with subtitles.

import { $, fill, page, say } from "./dom.js";

let waiting = Promise.resolve();

export function hear({ number, text }) {
  $("voice").hidden = false;
  waiting = waiting.then(() => {
    say("subtitle", fill(page.words.says, { text }));
    return $("sound").checked ? play(`/world/sound/${number}`) : undefined;
  });
}

// A browser that lets nothing be heard before the first click shows the subtitle all the same.
function play(address) {
  return new Promise((resolve) => {
    const sound = new Audio(address);
    sound.onended = sound.onerror = resolve;
    sound.play().catch(resolve);
  });
}
