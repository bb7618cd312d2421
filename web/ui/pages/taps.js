// SPDX-License-Identifier: Apache-2.0
// The taps, and every source that was heard on them: silence, gaps, disorder, clocks.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { badge, breakable, bytes, count, plural, rate } from "../format.js";
import { empty, failed, loading } from "../state.js";
import { duration, timeElement } from "../time.js";

const EVERY_MS = 2000;
const PAGE = 100;

function th(text, className, title) {
  return h("th", { scope: "col", class: className, title }, text);
}

function tapRow(tap) {
  return h("tr", null,
    h("th", { scope: "row" }, tap.name),
    h("td", null, tap.kind || "not configured any more"),
    h("td", { class: "wrap" }, h("code", null, [...tap.bind, ...tap.connect].join(" ") || "–")),
    h("td", null, tap.is_acknowledged ? "after commit" : "best effort"),
    h("td", null, tap.has_curve ? "CURVE" : "none"),
    h("td", { class: "num" }, count(tap.messages)),
    h("td", { class: "num" }, bytes(tap.bytes)),
    h("td", { class: "num" }, count(tap.events)),
    h("td", { class: "num" }, count(tap.quarantined)),
    h("td", { class: "num" }, tap.is_acknowledged ? count(tap.acks) : "–"),
    h("td", { class: "num" }, tap.last_received ? duration(tap.silent_seconds) : "never"));
}

// "12–15, 20"
function gapText(source) {
  const shown = source.gaps.slice(0, 4).map((gap) => gap.first === gap.last ? String(gap.first)
    : gap.first + "–" + gap.last);
  return shown.join(", ") + (source.gap_count > shown.length ? ", …" : "");
}

function sourceRow(source) {
  return h("tr", null,
    h("th", { scope: "row", class: "wrap" }, breakable(source.name)),
    h("td", null, source.tap),
    h("td", { class: "num" }, count(source.events)),
    h("td", { class: "num" }, rate(source.rate)),
    h("td", { class: "num" }, source.last_received ? duration(source.silent_seconds) : "never"),
    h("td", { class: "num" }, source.missing > 0 ? badge("warn", count(source.missing))
      : source.is_sequenced ? "0" : "–"),
    h("td", { class: "wrap small" }, source.is_sequenced ? gapText(source) || "–" : "not sequenced"),
    h("td", { class: "num" }, count(source.rewinds)),
    h("td", { class: "num" }, count(source.duplicates)),
    h("td", { class: "num" }, source.conflicts > 0 ? badge("bad", count(source.conflicts)) : "0"),
    h("td", { class: "num" }, count(source.out_of_order)),
    h("td", { class: "num" }, source.skew_seconds > 1
      ? badge("warn", "+" + duration(source.skew_seconds)) : "–"));
}

export function show(view, { params, signal, go }) {
  document.title = "Taps – Tillwatch";
  const state = { q: params.get("q") || "", missing: params.get("missing") === "1", limit: PAGE };
  const taps = h("tbody");
  const sources = h("tbody");
  const note = h("p", { class: "dim", role: "status" }, "");
  const more = h("div", { class: "more" });
  const filter = h("input", { type: "search", id: "source-filter", value: state.q, maxlength: "255",
    placeholder: "Part of a name" });
  const onlyMissing = h("input", { type: "checkbox", id: "only-missing" });
  onlyMissing.checked = state.missing;
  const problem = h("div");
  let timer = 0;
  let typing = 0;

  function remember() {
    state.q = filter.value.trim();
    state.missing = onlyMissing.checked;
    const query = new URLSearchParams();
    if (state.q) query.set("q", state.q);
    if (state.missing) query.set("missing", "1");
    history.replaceState(null, "", "/taps" + (query.size ? "?" + query : ""));
    load();
  }
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(remember, 200);
  });
  onlyMissing.addEventListener("change", remember);

  async function load() {
    clearTimeout(timer);
    try {
      const answer = await get("/taps", { q: state.q, missing: state.missing ? "1" : "",
        limit: state.limit }, signal);
      replace(problem);
      replace(taps, answer.items.map(tapRow));
      const list = answer.sources;
      replace(sources, list.items.map(sourceRow));
      note.textContent = list.items.length === 0
        ? (state.q || state.missing ? "No source fits this filter." : "No source was heard yet.")
        : plural(list.items.length, "source") + (list.total === null ? "" : " of " + count(list.total));
      replace(more, list.next && state.limit < 1000 ? h("button", { type: "button", on: { click: () => {
        state.limit = Math.min(1000, state.limit * 3);
        load();
      } } }, "Show more") : null);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!taps.firstChild) replace(problem, failed(error, load));
    }
    timer = setTimeout(load, EVERY_MS);
  }
  replace(view,
    h("h1", { class: "small" }, "Taps and sources"), problem,
    h("section", { class: "panel", "aria-label": "Taps" }, h("h2", null, "Taps"),
      h("div", { class: "scroll", tabindex: "0" }, h("table", null, h("thead", null, h("tr", null,
        th("Tap"), th("Kind"), th("Where"), th("Acknowledged"), th("Encryption"), th("Messages", "num"),
        th("Volume", "num"), th("Events", "num"), th("Quarantined", "num"), th("Acks", "num"),
        th("Silent for", "num"))), taps))),
    h("section", { class: "panel", "aria-label": "Sources" },
      h("div", { class: "panel-head" }, h("h2", null, "Sources"),
        h("label", { for: "source-filter" }, "Filter "), filter,
        h("label", { for: "only-missing", class: "check" }, onlyMissing, " with gaps only"), note),
      h("div", { class: "scroll", tabindex: "0" }, h("table", null, h("thead", null, h("tr", null,
        th("Source"), th("Tap"), th("Events", "num"), th("Per second", "num"), th("Silent for", "num"),
        th("Missing", "num", "Sequence numbers that did not arrive"), th("Gaps"),
        th("Rewinds", "num", "Began to count again"), th("Duplicates", "num"), th("Conflicts", "num"),
        th("Out of order", "num"), th("Clock ahead", "num"))), sources)), more));
  note.textContent = "Loading …";
  load();
  return () => {
    clearTimeout(timer);
    clearTimeout(typing);
  };
}
