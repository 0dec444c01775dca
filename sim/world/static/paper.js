// The paper, row by row as it comes out of the printer.

import { $, element, page } from "./dom.js";

const sheets = new Map();
const PAPER_DOTS = 576;

export function clearPaper() {
  sheets.clear();
  for (const each of [...$("paper").querySelectorAll(".sheet")]) each.remove();
  $("no-paper").hidden = false;
}

export function showPaper(news) {
  for (const each of news) {
    const sheet = sheetOf(each.sheet);
    if (each.again) sheet.rows.replaceChildren();
    if (each.rows) sheet.rows.append(...each.rows.map(row));
    if (each.end) end(sheet, each);
  }
  $("no-paper").hidden = sheets.size > 0;
  $("paper").scrollTop = $("paper").scrollHeight;
}

function sheetOf(number) {
  if (!sheets.has(number)) {
    const rows = element("div", { "aria-hidden": "true" });
    const caption = element("figcaption", { className: "hidden" });
    const figure = element("figure", { className: "sheet" }, rows, caption);
    figure.dataset.sheet = number;
    $("paper").append(figure);
    sheets.set(number, { figure, rows, caption });
  }
  return sheets.get(number);
}

function row({ dots, picture }) {
  if (picture) return element("img", { src: `data:image/png;base64,${picture}`, alt: "", width: PAPER_DOTS, height: dots });
  const blank = element("div");
  blank.style.paddingTop = `${(100 * dots) / PAPER_DOTS}%`;
  return blank;
}

function end({ figure, caption }, { cut, whole, copy, text }) {
  figure.classList.add("ended", cut ? "cut" : "torn");
  const tag = whole ? (copy ? page.words.copy : "") : page.words.torn;
  if (tag) figure.dataset.tag = tag;
  caption.textContent = whole ? text : `${page.words.torn}: ${text}`;
  caption.style.whiteSpace = "pre";
}
