// The keypad: an amount, or several lines. Amounts are kept as text and never computed in floats but for showing.

import { $, decimalSign, element, fill, money, page, redraw } from "./dom.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
const lines = [];
let key = "";
let ready = false;

export function startSale(put) {
  const last = page.money.decimals ? decimalSign() : "00";
  $("keypad").replaceChildren(...[...KEYS, last, "0", "⌫"].map(keyButton));
  $("amount").addEventListener("beforeinput", filterTyped);
  for (const field of ["amount", "what", "quantity"]) $(field).addEventListener("input", showSale);
  $("add").onclick = addLine;
  $("sale-form").onsubmit = (event) => {
    event.preventDefault();
    if (!$("put").disabled) put(wanted());
  };
  showSale();
}

function keyButton(sign) {
  const button = element("button", { text: sign, type: "button" });
  if (sign === "⌫") button.setAttribute("aria-label", page.words.erase);
  button.onclick = () => {
    $("amount").value = sign === "⌫" ? $("amount").value.slice(0, -1) : typed($("amount").value, sign);
    showSale();
  };
  return button;
}

// In these countries 5.350 is five thousand: a separator of thousands is ignored, and never taken for the decimals'.
function typed(before, signs) {
  let after = before;
  for (const sign of signs) {
    const [whole, part] = after.split(decimalSign());
    if (/\d/.test(sign) && (part === undefined ? whole.length < 10 : part.length < page.money.decimals)) after += sign;
    if (sign === decimalSign() && page.money.decimals && part === undefined) after = `${after || "0"}${sign}`;
  }
  return after.replace(/^0+(?=\d)/, "");
}

function filterTyped(event) {
  if (event.inputType.startsWith("delete") || event.data === null) return;
  event.preventDefault();
  $("amount").value = typed($("amount").value, event.data);
  showSale();
}

// The decimal key of a keyboard's number block means the decimals in every layout.
document.addEventListener("keydown", (event) => {
  if (event.code !== "NumpadDecimal" || event.target !== $("amount")) return;
  event.preventDefault();
  $("amount").value = typed($("amount").value, decimalSign());
  showSale();
});

function plain(text) {
  return text.trim().replace(decimalSign(), ".").replace(/\.$/, "");
}

function current() {
  return { title: $("what").value.trim(), quantity: plain($("quantity").value), price: plain($("amount").value) };
}

function amountOf(line) {
  return Number(line.quantity) * Number(line.price);
}

function isGood(line) {
  return /^\d{1,6}(\.\d{1,3})?$/.test(line.quantity) && /^\d{1,12}(\.\d{1,2})?$/.test(line.price) && amountOf(line) > 0;
}

function addLine() {
  lines.push(current());
  for (const [field, value] of [["amount", ""], ["what", ""], ["quantity", "1"]]) $(field).value = value;
  showSale();
  $("amount").focus();
}

function all() {
  return isGood(current()) ? [...lines, current()] : lines;
}

export function showSale() {
  redraw($("lines"), [lines, page.language], ([all]) => all.map(lineRow));
  const total = all().reduce((sum, line) => sum + amountOf(line), 0);
  const unfinished = $("amount").value !== "" && !isGood(current());
  $("put").textContent = total ? fill(page.words.put, { amount: money(total) }) : page.words.put_nothing;
  $("put").disabled = !ready || !total || unfinished;
  $("add").disabled = !isGood(current());
}

function lineRow(line, number) {
  const times = line.quantity === "1" ? "" : `${line.quantity.replace(".", decimalSign())} × `;
  const button = element("button", { text: page.words.remove, type: "button", className: "quiet" });
  button.onclick = () => {
    lines.splice(number, 1);
    showSale();
    $("amount").focus();
  };
  const name = element("span", { text: `${times}${line.title || money(line.price)}` });
  return element("li", {}, name, element("strong", { text: money(amountOf(line)) }), button);
}

// The same sale has the same key, so that asking again after a failure makes no second order.
function wanted() {
  key ||= freshKey();
  return { key, lines: all() };
}

function freshKey() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const nonce = [...crypto.getRandomValues(new Uint8Array(3))].map((each) => each.toString(16).padStart(2, "0")).join("");
  return `${day}-${time}-${nonce}`;
}

export function anotherKey() {
  key = "";
}

export function clearSale() {
  key = "";
  lines.length = 0;
  for (const [field, value] of [["amount", ""], ["what", ""], ["quantity", "1"]]) $(field).value = value;
  showSale();
}

export function allowSale(may) {
  if (ready === may) return;
  ready = may;
  showSale();
}
