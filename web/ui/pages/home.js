// SPDX-License-Identifier: Apache-2.0
// The first page: what one can look for, and what the tower says of itself.
import { h, replace } from "../dom.js";
import { get } from "../api.js";
import { badge, breakable, bytes, count, fact, linkTo, outcome, plural, systemMark } from "../format.js";
import { onStatus } from "../live.js";
import { duration, timeElement } from "../time.js";
import { loading } from "../state.js";

// [state, word, what, where to look]
function judgements(s) {
  const t = s.totals;
  const free = s.disk.total_bytes > 0 ? s.disk.free_bytes / s.disk.total_bytes : 1;
  return [
    s.quarantine_open > 0
      ? ["warn", "look", plural(s.quarantine_open, "message") + " could not be understood and wait in quarantine", "/quarantine"]
      : ["ok", "ok", "nothing waits in quarantine", "/quarantine"],
    s.sources.missing > 0
      ? ["warn", "look", plural(s.sources.missing, "event") + " missing in the sequences of " + plural(s.sources.with_gaps, "source"), "/taps?missing=1"]
      : ["ok", "ok", "no sequence has a gap", "/taps"],
    t.effects_duplicate > 0
      ? ["bad", "double", plural(t.effects_duplicate, "event") + " repeated a business effect (posted or captured twice)", null]
      : ["ok", "ok", "no business effect happened twice", null],
    t.events_conflict > 0
      ? ["bad", "conflict", plural(t.events_conflict, "event") + " came again with other content", null]
      : ["ok", "ok", "no event came again with other content", null],
    s.sources.clock_ahead > 0
      ? ["warn", "clock", plural(s.sources.clock_ahead, "source") + " with a clock ahead of the tower's", "/taps"]
      : ["ok", "ok", "no source has a clock ahead of the tower's", "/taps"],
    s.disk.is_full ? ["bad", "full", "the disk is full: acknowledging has stopped", null]
      : free < 0.2 ? ["warn", "low", bytes(s.disk.free_bytes) + " free on the disk of the store", null]
        : ["ok", "ok", bytes(s.disk.free_bytes) + " free on the disk of the store", null],
  ];
}

function judgementRow([state, word, text, href]) {
  const inner = [badge(state, word), h("span", { class: "grow" }, text)];
  return h("li", null, href ? h("a", { class: "judgement row-link", href }, ...inner)
    : h("div", { class: "judgement" }, ...inner));
}

function facts(s) {
  const t = s.totals;
  return h("dl", { class: "facts" },
    fact("Messages received", count(t.messages_received)),
    fact("Events received", count(t.events_received)),
    fact("Accepted", count(t.events_accepted)),
    fact("Duplicates", count(t.events_duplicate)),
    fact("Conflicts", count(t.events_conflict)),
    fact("Quarantined", count(t.events_quarantined)),
    fact("Without an object", count(t.events_uncorrelated)),
    fact("Filled gaps", count(t.sequence_filled)),
    fact("Sources", count(s.sources.count)),
    fact("Acknowledgements", count(t.acks_sent)),
    fact("Stored since", timeElement(s.retention_edge)),
    fact("Store", bytes(s.disk.store_bytes)),
    fact("Partitions", count(s.partitions)),
    fact("Running for", duration(s.uptime_seconds)));
}

const NEWEST = 12;
const EVERY_MS = 1000;

function newestRow(event) {
  return h("tr", null,
    h("td", null, timeElement(event.received)),
    h("td", null, event.system ? systemMark(event.system) : null),
    h("td", { class: "wrap" }, event.kind === "event"
      ? h("a", { href: "/event/" + event.n }, breakable(event.type))
      : h("a", { href: "/event/" + event.n }, event.kind + " of event " + event.of)),
    h("td", null, event.kind === "event" ? outcome(event.outcome)
      : badge(event.kind === "conflict" ? "bad" : "unknown", event.kind)),
    h("td", { class: "links" }, event.journeys.filter((id) => !/^(trace|correlation):/.test(id)).slice(0, 3).map(linkTo)));
}

// The list has its height before there is anything in it.
function blankRows(n) {
  return Array.from({ length: n }, () => h("tr", { "aria-hidden": "true" },
    h("td", { colspan: "5" }, "\u00a0")));
}

// The newest records, again whenever something was committed. While somebody points at the list or
// is in it, it stands still.
function followNewest(body, signal) {
  let last = -1;
  let at = 0;
  return onStatus(async (s) => {
    if (s.last_n === last || performance.now() - at < EVERY_MS || body.matches(":hover, :focus-within")) return;
    last = s.last_n;
    at = performance.now();
    try {
      const answer = await get("/events", { limit: NEWEST }, signal);
      const rows = answer.items.map(newestRow);
      replace(body, rows, blankRows(NEWEST - rows.length));
    } catch {
      last = -1; // the banner tells when the tower is away
    }
  });
}

export function show(view, { signal }) {
  document.title = "Tillwatch";
  const checks = h("ul", { class: "judgements" }, h("li", null, loading("the state of the tower")));
  const numbers = h("div");
  const newest = h("tbody", null, blankRows(NEWEST));
  replace(view,
    h("section", { class: "hero" },
      h("h1", null, "Where is it?"),
      h("p", null, "Type the number of an order, receipt, return, shipment, payment or case, or its ",
        "beginning. A receipt of one store: ", h("code", null, "0042/88"), ". One kind only: ",
        h("code", null, "order:4711"), ".")),
    h("div", { class: "columns" },
      h("section", { class: "panel", "aria-label": "What the tower sees" },
        h("h2", null, "What the tower sees"), checks),
      h("section", { class: "panel", "aria-label": "Since the beginning" },
        h("h2", null, "Since the beginning"), numbers)),
    h("section", { class: "panel", "aria-label": "Just arrived" },
      h("h2", null, "Just arrived"),
      h("div", { class: "scroll" }, h("table", { class: "newest" }, h("thead", null, h("tr", null,
        ["Received", "System", "Event", "Outcome", "Belongs to"].map((text) => h("th", { scope: "col" }, text)))),
      newest))));
  let shown = "";
  const endNewest = followNewest(newest, signal);
  const end = onStatus((s) => {
    const rows = judgements(s);
    const text = JSON.stringify(rows);
    if (text !== shown && !checks.contains(document.activeElement)) {
      shown = text;
      replace(checks, rows.map(judgementRow));
    }
    replace(numbers, facts(s));
  });
  return () => {
    end();
    endNewest();
  };
}
