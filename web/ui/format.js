// SPDX-License-Identifier: Apache-2.0
// Numbers, badges, links: small pieces that every page uses.
import { h } from "./dom.js";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

export function count(n) {
  return n === null || n === undefined ? "–" : whole.format(n);
}

// "1 event", "2 events"
export function plural(n, word) {
  return count(n) + " " + word + (n === 1 ? "" : "s");
}

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond > 0 && perSecond < 0.05) return "<0.1";
  return perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : whole.format(perSecond);
}

export function bytes(n) {
  if (n === null || n === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = n;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return (unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)) + " " + units[unit];
}

// State is told by a word and a shape; the colour only repeats it.
const SHAPES = { ok: "✓", warn: "▲", bad: "✕", unknown: "?", plain: "" };

export function badge(state, word, title) {
  const shape = SHAPES[state];
  return h("span", { class: "badge " + state, title },
    shape ? h("span", { class: "shape", "aria-hidden": "true" }, shape) : null, word);
}

const OUTCOMES = {
  ok: ["ok", "ok"],
  failed: ["bad", "failed"],
  retrying: ["warn", "retrying"],
  deadletter: ["bad", "dead letter"],
  compensated: ["unknown", "compensated"],
};

export function outcome(text) {
  const [state, word] = OUTCOMES[text] || ["unknown", text || "unknown"];
  return badge(state, word);
}

// A system keeps its colour wherever it appears; the hues are none of those that mean a state.
// Those of one flow differ; unknown systems take the hue of their name.
const HUES = 8;
const KNOWN = { pos: 0, ecommerce: 2, middleware: 5, erp: 3, crm: 7, cdp: 7, loyalty: 1, wms: 1,
  inventory: 6, payment: 4, service: 5 };

export function systemMark(name) {
  let hue = 0;
  if (Object.hasOwn(KNOWN, name || "")) hue = KNOWN[name];
  else for (const c of name || "") hue = (hue * 31 + c.codePointAt(0)) % 65521;
  return h("span", { class: "system hue" + hue % HUES }, name || "unknown");
}

// Ids are encoded once more for a URL, but ':' and '/' stay readable where that is safe.
function pathOf(id) {
  const whole = encodeURIComponent(id);
  const readable = whole.replaceAll("%3A", ":").replaceAll("%2F", "/");
  return readable.split("/").some((part) => part === "." || part === ".." || part === "")
    ? whole : readable;
}

export function journeyPath(id) {
  return "/journey/" + pathOf(id);
}

export function journeyCall(id) {
  return "/journeys/" + pathOf(id);
}

// Long names break behind their dots and slashes, not within a word.
export function breakable(text) {
  return (text || "").split(/(?<=[./_-])/).map((part) => [part, h("wbr")]);
}

export function typeMark(type) {
  return h("span", { class: "type" }, type);
}

// "order:4711" as a link, the type in words and the identifier as text.
export function journeyLink(id, type, label, className) {
  return h("a", { class: "object " + (className || ""), href: journeyPath(id) }, typeMark(type), label);
}

// The same from nothing but the id of the journey.
export function linkTo(id) {
  const colon = id.indexOf(":");
  let label = id.slice(colon + 1);
  try {
    label = label.split("/").map(decodeURIComponent).join("/");
  } catch {
    // bytes that are no UTF-8: the encoded form is the readable one
  }
  return journeyLink(id, id.slice(0, colon), label);
}

// "0042/88" from a scope and an identifier.
export function scoped(scope, identifier) {
  return [...Object.values(scope || {}), identifier].join("/");
}

export function fact(label, ...value) {
  return h("div", { class: "fact" }, h("dt", null, label), h("dd", null, ...value));
}
