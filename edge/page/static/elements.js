// Elements by their id, made, filled with words, and made anew. The demo's page uses this file, too.

export const $ = (id) => document.getElementById(id);

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "…");
}

// What comes from outside is only ever set as text: no markup is made of it.
export function element(tag, { text = "", className = "", ...more } = {}, ...children) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  for (const [name, value] of Object.entries(more)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A list is made anew only if what it shows has changed, so that focus and reading stay where they are.
const drawn = new WeakMap();
export function redraw(parent, facts, make) {
  const key = JSON.stringify(facts);
  if (drawn.get(parent) === key) return;
  drawn.set(parent, key);
  parent.replaceChildren(...make(facts));
}

export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}
