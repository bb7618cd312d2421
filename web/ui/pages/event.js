// SPDX-License-Identifier: Apache-2.0
// One record of the journal, by its number.
import { h, replace } from "../dom.js";
import { badge, breakable, outcome, systemMark } from "../format.js";
import { showPayload } from "./payload.js";

export function show(view, { rest, signal }) {
  const head = h("h1", { class: "small" }, "Event " + rest);
  const place = h("section", { class: "panel" });
  document.title = "Event " + rest + " – Tillwatch";
  replace(view, head, place);
  showPayload(place, encodeURIComponent(rest), signal, (event) => {
    replace(head, "Event " + event.n + " ", event.system ? systemMark(event.system) : null, " ",
      breakable(event.type), " ", event.kind === "event" ? outcome(event.outcome)
        : badge(event.kind === "conflict" ? "bad" : "unknown", event.kind));
  });
  return null;
}
