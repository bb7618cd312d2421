// SPDX-License-Identifier: Apache-2.0
// Every store as a cell: its colour and shape say how it is.
import { html, nothing } from "./lit.js";
import { count } from "./format.js";
import { duration } from "./time.js";

// "bad": something failed; "warn": overdue, missing numbers, or silent (the tower says from when on);
// "ok"; "unknown": never heard.
export function storeState(store) {
  if (store.failed > 0) return "bad";
  if (store.overdue > 0 || store.missing > 0 || store.is_silent) return "warn";
  return store.last_received ? "ok" : "unknown";
}

export function storeWords(store) {
  const words = [];
  if (store.failed > 0) words.push(count(store.failed) + " failed");
  if (store.overdue > 0) words.push(count(store.overdue) + " overdue");
  if (store.missing > 0) words.push(count(store.missing) + " missing");
  if (store.is_silent) words.push("silent for " + duration(store.silent_seconds));
  return words.join(", ") || (store.last_received ? "well" : "never heard of");
}

// How long a store may say nothing, as a setting is written: "15 minutes".
export function limitWords(seconds) {
  if (seconds % 60 !== 0 || seconds >= 7200) return duration(seconds);
  return count(seconds / 60) + (seconds === 60 ? " minute" : " minutes");
}

// A clock that is wrong is put right; it says so where it is off by more than a second.
export function clockWords(seconds) {
  if (!(Math.abs(seconds || 0) > 1)) return "";
  return duration(Math.abs(seconds)) + (seconds > 0 ? " behind" : " ahead");
}

const SHAPES = { bad: "✕", warn: "▲", ok: "", unknown: "?" };

let collator = null; // made when it is needed: that takes a browser long

// By number, where stores have one.
function orderOf(stores) {
  if (stores.every(({ store }) => /^\d+$/.test(store)))
    return (a, b) => a.store - b.store || a.store.length - b.store.length;
  collator = collator || new Intl.Collator(undefined, { numeric: true });
  return (a, b) => collator.compare(a.store, b.store);
}

export function storeGrid(stores) {
  if (stores.length === 0) return html`<p class="dim">No event has named a store yet.</p>`;
  const sorted = [...stores].sort(orderOf(stores));
  return html`<ul class="cells ${sorted.length > 150 ? "many" : ""}">
    ${sorted.map((store) => {
      const state = storeState(store);
      const words = "Store " + store.store + ": " + storeWords(store);
      return html`<li>
        <a
          class="store-cell ${state}"
          href="/stores/${encodeURIComponent(store.store)}"
          title=${words}
          aria-label=${words}
          >${SHAPES[state] ? html`<span aria-hidden="true">${SHAPES[state]}</span>` : nothing}</a
        >
      </li>`;
    })}
  </ul>`;
}
