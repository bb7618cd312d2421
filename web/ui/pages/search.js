// SPDX-License-Identifier: Apache-2.0
// What an identifier, or its beginning, stands for; and why there is nothing.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { count, journeyPath, plural, scoped, typeMark } from "../format.js";
import { empty, failed, loading } from "../state.js";
import { duration, timeElement } from "../time.js";

function row(hit) {
  const label = scoped(hit.scope, hit.id);
  return h("li", null, h("a", { class: "hit row-link", href: journeyPath(hit.journey) },
    typeMark(hit.type),
    h("span", { class: "ident", title: label }, label),
    h("span", { class: "num" }, plural(hit.events, "event")),
    h("span", { class: "when" }, timeElement(hit.first)),
    h("span", { class: "when" }, timeElement(hit.last))));
}

function nothing(q, n) {
  const reasons = [];
  if (n.reason === "store_empty") {
    reasons.push("No event has arrived yet: the tower has nothing to look in.");
  } else {
    reasons.push("No stored event carries an identifier that begins like this.");
  }
  if (n.is_past_retention_possible) {
    reasons.push(["What was received before ", timeElement(n.retention_edge), " is past retention and gone."]);
  }
  if (n.quarantine_open > 0) {
    reasons.push([h("a", { href: "/quarantine" }, plural(n.quarantine_open, "message")),
      " in quarantine could not be understood; it may be in one of them."]);
  }
  if (n.uncorrelated > 0) {
    reasons.push(plural(n.uncorrelated, "event") + " arrived without any identifier that links.");
  }
  if (n.ignored_identifiers > 0) {
    reasons.push(plural(n.ignored_identifiers, "identifier") + " said nothing (0, null, without its store) and were ignored.");
  }
  if (n.is_behind_possible && n.watermark_age_seconds !== null) {
    reasons.push("The last commit was " + duration(n.watermark_age_seconds)
      + " ago: the collector does not run or is behind, so it may still be on its way.");
  }
  return empty("Nothing found for “" + q + "”, because …",
    h("ul", null, reasons.map((reason) => h("li", null, reason))));
}

export function show(view, { params, signal, go }) {
  const q = (params.get("q") || "").trim();
  document.title = q + " – Tillwatch";
  if (!q) {
    replace(view, empty("Type an identifier", h("p", null, "The search box is above; press / to go there.")));
    return null;
  }
  const list = h("ol", { class: "hits" });
  const head = h("h1", { class: "small" }, "Search");
  const more = h("div", { class: "more" });
  let cursor = null;
  let total = 0;
  if (!view.querySelector(".hits")) replace(view, loading("results"));

  async function page() {
    try {
      const answer = await get("/search", { q, limit: 50, cursor }, signal);
      const exact = answer.items.filter((hit) => hit.id === q || scoped(hit.scope, hit.id) === q
        || hit.journey === q);
      const linking = exact.filter((hit) => hit.is_linking);
      if (params.get("go") && !cursor && linking.length === 1 && exact.length === 1) {
        go(journeyPath(exact[0].journey), "replace");
        return;
      }
      if (answer.nothing) {
        replace(view, nothing(q, answer.nothing));
        return;
      }
      total += answer.items.length;
      if (!cursor) replace(view, head, h("div", { class: "hit heads", "aria-hidden": "true" },
        h("span", null, "Kind"), h("span", null, "Identifier"), h("span", { class: "num" }, "Events"),
        h("span", { class: "when" }, "First"), h("span", { class: "when" }, "Last")), list, more);
      list.append(...answer.items.map(row));
      cursor = answer.next;
      head.textContent = count(total) + (cursor ? "+" : "") + " found for “" + q + "”";
      replace(more, cursor ? h("button", { type: "button", class: "row-link", on: { click: page } },
        "Show more") : null);
    } catch (error) {
      if (error.name !== "AbortError") replace(view, failed(error, page));
    }
  }
  page();
  return null;
}
