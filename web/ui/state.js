// SPDX-License-Identifier: Apache-2.0
// What a page shows while it has nothing else to show: loading, an error, emptiness.
import { h } from "./dom.js";
import { Unreachable } from "./api.js";

export function loading(what) {
  return h("p", { class: "note dim", role: "status" }, "Loading " + what + " …");
}

export function failed(error, retry) {
  const title = error instanceof Unreachable ? "The tower does not answer" : error.title || "Error";
  return h("div", { class: "note bad", role: "alert" }, h("strong", null, title),
    h("p", null, error.detail || error.message),
    retry ? h("button", { type: "button", on: { click: retry } }, "Try again") : null);
}

export function empty(title, ...words) {
  return h("div", { class: "note" }, h("strong", null, title), ...words);
}
