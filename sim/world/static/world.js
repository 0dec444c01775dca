// The demo's page: words, and whatever happens as it happens.

import { showBox, startBox } from "./box.js";
import { $, act, element, fill, page, redraw, say } from "./dom.js";
import { clearMessages, showMessages, startMessages } from "./messages.js";
import { clearPaper, showPaper } from "./paper.js";
import { showPhone } from "./phone.js";
import { hear } from "./sound.js";

const LOST_AFTER_MS = 8000;
let lastHeard = Date.now();

async function start() {
  const wanted = new URLSearchParams(location.search).get("language") || "";
  const facts = await (await fetch(`/world/words?language=${encodeURIComponent(wanted)}`)).json();
  Object.assign(page, { words: facts.words, language: facts.language });
  document.documentElement.lang = facts.language;
  document.title = facts.words.title;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = facts.words[each.dataset.word];
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", facts.words[each.dataset.label]);
  for (const each of document.querySelectorAll("[data-title]")) each.title = facts.words[each.dataset.title];
  facts.words.how.forEach((text, number) => say(`how-${number + 1}`, text));
  showLanguages(facts.languages);
  showScenarios(facts.scenarios);
  startBox();
  startMessages();
  $("stop").onclick = () => act("stop");
  $("till").src = `/till?language=${facts.language}`;
  listen();
  setInterval(() => { if (Date.now() - lastHeard > LOST_AFTER_MS) say("error", page.words.offline); }, 1000);
}

function showLanguages(languages) {
  $("languages").replaceChildren(...languages.map((each) => {
    const link = element("a", { text: each, href: `?language=${each}`, lang: each });
    if (each === page.language) link.setAttribute("aria-current", "true");
    return link;
  }));
}

function showScenarios(names) {
  $("scenarios").replaceChildren(...names.map((name) => {
    const [title, about] = page.words.scenarios[name];
    const button = element("button", { text: title, title: about, id: `scenario-${name}` });
    button.onclick = async () => {
      if (document.body.dataset.playing === "true") return;
      await act("scenario", { name });
      $("playing-title").focus({ preventScroll: true });
    };
    return element("li", {}, button);
  }));
}

function listen() {
  const stream = new EventSource("/world/live");
  const on = (name, handle) => stream.addEventListener(name, (event) => {
    lastHeard = Date.now();
    handle(JSON.parse(event.data));
  });
  on("hello", () => { clearMessages(); clearPaper(); say("error", ""); });
  on("state", show);
  on("messages", showMessages);
  on("paper", showPaper);
  on("sounds", (sounds) => sounds.forEach(hear));
}

function show(state) {
  page.currency = state.currency;
  document.body.dataset.playing = state.playing;
  showPromise(state.promise);
  showFaults(state);
  showBox(state);
  showPhone(state.phone, state.playing);
  showScenario(state.scenario, state.playing);
}

function showPromise(promise) {
  const names = Object.entries(page.words.counters);
  redraw($("counters"), names.map(([name, word]) => [word, promise[name], name]), (all) => all.map(([word, count, name]) => (
    element("div", {}, element("dt", { text: word }), element("dd", { text: String(count), id: `count-${name}` }))
  )));
  const broken = promise.unpaid + promise.unmarked > 0;
  $("kept").classList.toggle("broken", broken);
  say("kept", broken ? fill(page.words.broken, promise) : page.words.kept);
}

function showFaults({ faults, playing }) {
  if (!$("faults").children.length) {
    $("faults").replaceChildren(...Object.entries(page.words.faults).map(([name, word]) => {
      const button = element("button", { text: word, role: "switch", "aria-checked": "false", id: `fault-${name}` });
      button.onclick = () => act("fault", { name, on: button.getAttribute("aria-checked") !== "true" });
      return element("li", {}, button);
    }));
  }
  for (const name of Object.keys(page.words.faults)) {
    $(`fault-${name}`).setAttribute("aria-checked", String(faults.includes(name)));
    $(`fault-${name}`).disabled = playing;
  }
}

function showScenario(scenario, playing) {
  for (const each of $("scenarios").querySelectorAll("button")) each.setAttribute("aria-disabled", String(playing));
  $("playing").hidden = scenario === null;
  if (scenario === null) return;
  const [title, about] = page.words.scenarios[scenario.name];
  say("playing-title", title);
  say("playing-about", about);
  $("stop").hidden = !playing;
  $("playing").dataset.name = scenario.name;
  $("playing").dataset.result = playing ? "" : scenario.result;
  redraw($("steps"), [scenario.name, scenario.steps], ([name, steps]) => steps.map((step, number) => {
    const tag = name === "guide" ? step.name : String(number + 1);
    const text = fill(page.words.steps[name][step.name], step.facts);
    const line = element("li", {}, element("span", { className: "tag", text: tag }), element("span", { text }));
    line.dataset.state = step.state;
    if (step.state === "doing") line.setAttribute("aria-current", "step");
    return line;
  }));
  const doing = scenario.steps.find((step) => step.state === "doing");
  const now = doing ? fill(page.words.steps[scenario.name][doing.name], doing.facts) : page.words.tidying;
  $("result").className = playing ? "hidden" : scenario.result;
  say("result", playing ? now : fill(page.words.results[scenario.result] || "", { ...scenario.gain, why: scenario.why }));
}

start();
