// SPDX-License-Identifier: Apache-2.0
// Small pieces that every page shows the same way: badges, systems, links, times.
import { html, nothing } from "./lit.js";
import { journeyPath } from "./format.js";
import { clockText, dayText } from "./time.js";

// State is told by a word and a shape; the colour only repeats it.
const SHAPES = { ok: "✓", warn: "▲", bad: "✕", unknown: "?", plain: "" };

export function badge(state, word, title) {
  return html`<span class="badge ${state}" title=${title || nothing}
    >${
      SHAPES[state] ? html`<span class="shape" aria-hidden="true">${SHAPES[state]}</span>` : nothing
    }${word}</span
  >`;
}

function known(words, word) {
  return Object.hasOwn(words, word || "") ? words[word] : ["unknown", word || "unknown"];
}

const OUTCOMES = {
  ok: ["ok", "ok"],
  failed: ["bad", "failed"],
  retrying: ["warn", "retrying"],
  deadletter: ["bad", "dead letter"],
  compensated: ["unknown", "compensated"],
};

export function outcome(word) {
  return badge(...known(OUTCOMES, word));
}

const RUN_STATES = {
  running: ["plain", "running"],
  completed: ["ok", "completed"],
  failed: ["bad", "failed"],
  overdue: ["warn", "overdue"],
  recovered: ["ok", "recovered"],
  compensated: ["unknown", "compensated"],
};
export const RUN_WORDS = Object.keys(RUN_STATES);

export function runState(word) {
  return badge(...known(RUN_STATES, word));
}

const VERDICTS = {
  ok: ["ok", "keeps up", "What waits is not older than usual"],
  idle: ["plain", "idle", "Nothing waits, and nothing came or went"],
  warn: ["warn", "falls behind", "What waits grows, in number or in age"],
  stall: ["bad", "stalled", "It is heard of, but nothing comes through"],
  stop: ["bad", "stopped", "Nothing was heard of it for minutes, and something waits"],
  unknown: ["unknown", "no data yet", "Too little has been seen to say anything"],
};
export const VERDICT_ORDER = ["stop", "stall", "warn", "unknown", "ok", "idle"];

export function verdict(word) {
  return badge(...known(VERDICTS, word || "unknown"));
}

// "ok", "warn", "bad" or "unknown" of a verdict: the colour of what it stands on.
export function verdictState(word) {
  const [state] = known(VERDICTS, word || "unknown");
  return state === "plain" ? "unknown" : state;
}

// A system keeps its colour wherever it appears; the hues are none of those that mean a state.
const HUES = 8;
const KNOWN = {
  pos: 0,
  ecommerce: 2,
  middleware: 5,
  erp: 3,
  crm: 7,
  cdp: 7,
  loyalty: 1,
  wms: 1,
  inventory: 6,
  payment: 4,
  service: 5,
};

export function hueOf(name) {
  if (Object.hasOwn(KNOWN, name || "")) return KNOWN[name];
  let hue = 0;
  for (const c of name || "") hue = (hue * 31 + c.codePointAt(0)) % 65521;
  return hue % HUES;
}

export function systemMark(name) {
  return html`<span class="system hue${hueOf(name)}">${name || "unknown"}</span>`;
}

// Long names break behind their dots and slashes, not within a word.
export function breakable(text) {
  return (text || "").split(/(?<=[./_-])/).map((part) => html`${part}<wbr />`);
}

export function typeMark(type) {
  return html`<span class="type">${type}</span>`;
}

// A link into the tower; what is given is a path, never a whole address.
export function link(path, words, className) {
  return html`<a href=${/^\/(?!\/)/.test(path) ? path : "/"} class=${className || nothing}
    >${words}</a
  >`;
}

// "order:4711" as a link, the type in words and the identifier as text.
export function journeyLink(id, className) {
  const colon = id.indexOf(":");
  let label = id.slice(colon + 1);
  try {
    label = label.split("/").map(decodeURIComponent).join("/");
  } catch {
    // bytes that are no UTF-8: the encoded form is the readable one
  }
  return link(
    journeyPath(id),
    html`${typeMark(id.slice(0, colon))}${label}`,
    "object " + (className || ""),
  );
}

export function storeLink(store) {
  return store ? link("/stores/" + encodeURIComponent(store), store) : "–";
}

export function workflowLink(name, title) {
  return link("/workflows/" + encodeURIComponent(name), title || name);
}

// A point in time: local, with UTC behind it. null: a dash.
export function time(text, withDay = true) {
  if (!text) return html`<span class="dim">–</span>`;
  const shown =
    withDay && dayText(text) !== "today" ? dayText(text) + " " + clockText(text) : clockText(text);
  return html`<time datetime=${text} title="${text} (UTC)">${shown}</time>`;
}

// The same without parts of a second: of what is judged every ten seconds, or done by hand.
export function moment(text) {
  if (!text) return html`<span class="dim">–</span>`;
  const clock = clockText(text).slice(0, 8);
  const shown = dayText(text) === "today" ? clock : dayText(text) + " " + clock;
  return html`<time datetime=${text} title="${text} (UTC)">${shown}</time>`;
}

// How long ago, ticking.
export function ago(text) {
  return text
    ? html`<time datetime=${text} data-since=${text} title="${text} (UTC)"></time>`
    : html`<span class="dim">–</span>`;
}

// How long until it is due, or past it, ticking.
export function due(text) {
  return text
    ? html`<time datetime=${text} data-due=${text} title="due ${text} (UTC)"></time>`
    : html`<span class="dim">–</span>`;
}

export function fact(label, value) {
  return html`<div class="fact">
    <dt>${label}</dt>
    <dd>${value}</dd>
  </div>`;
}

export function percent(share, digits = 3) {
  if (share === null || share === undefined) return "–";
  const text = (100 * share).toFixed(digits);
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text) + " %";
}

// What is left of a budget, as a bar with its number; nothing decided is no data, never whole.
export function budget(objective) {
  const left = objective.budget_remaining;
  const isKnown = typeof left === "number" && objective.total > 0;
  const state = !isKnown ? "unknown" : left <= 0 ? "bad" : left < 0.25 ? "warn" : "ok";
  const words = isKnown ? (left < 0 ? "overspent" : percent(left, 1) + " left") : "no data";
  const burn = objective.burn ? objective.burn["1h"] : null;
  const title = isKnown
    ? percent(left, 1) +
      " of the budget is left" +
      (typeof burn === "number" ? "; burn rate of the last hour: " + burn.toFixed(2) : "")
    : "Nothing was decided in its window";
  return html`<span class="budget"
    ><meter
      class=${state}
      value=${isKnown ? Math.max(0, Math.min(1, left)) : 0}
      aria-label="Budget that is left"
    ></meter
    >${badge(state, words, title)}</span
  >`;
}

// A page of runs with this filter.
export function runsPath(filter) {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
  return "/runs" + (query.size ? "?" + query : "");
}

// A number that leads somewhere; 0 leads nowhere.
export function countLink(n, path, state, words) {
  if (n === null || n === undefined) return "–";
  return n === 0 ? "0" : link(path, words, "count " + state);
}
