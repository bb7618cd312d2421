// SPDX-License-Identifier: Apache-2.0
// A journey: everything that concerns one object, in order of time, while it happens.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { badge, breakable, count, fact, journeyCall, journeyLink, outcome, plural, scoped, systemMark,
  typeMark } from "../format.js";
import { onStatus } from "../live.js";
import { failed, loading } from "../state.js";
import { duration, secondsBetween, timeElement, dayText } from "../time.js";
import { runRow } from "../track.js";
import { showPayload } from "./payload.js";

const LIMIT = 200; // events at once; more by a button
const AGAIN_MS = 2000; // between two readings of a journey that is being watched
const STILL_MS = 5000; // the same while nothing arrives: deadlines pass

function badges(event) {
  return [
    event.duplicates ? badge("unknown", "came " + (event.duplicates + 1) + " times", "The same event was received again; it counts once") : null,
    event.conflicts ? badge("bad", plural(event.conflicts, "conflict"), "The same source and id came with other content") : null,
    event.effect_of ? badge("bad", "repeats the effect of event " + event.effect_of, "A different event with the same business effect") : null,
    event.replayid ? badge("unknown", "replay", event.replayid) : null,
    event.has_time ? null : badge("warn", "no time", "Placed by when it was received"),
    event.clock_behind_seconds > 1 ? badge("warn", "clock " + duration(event.clock_behind_seconds) + " behind, corrected",
      "Deadlines count from " + event.tracked_time) : null,
    event.has_time && event.transit_seconds < -1 ? badge("warn", event.clock_behind_seconds < 0
      ? "clock " + duration(-event.clock_behind_seconds) + " ahead, corrected" : "clock ahead",
    "Its time is after its receipt; deadlines count from " + event.tracked_time) : null,
    event.has_time && event.transit_seconds > 60 && !(event.clock_behind_seconds > 1) ? badge("warn", "received " + duration(event.transit_seconds) + " later", "Between its time and its receipt") : null,
  ];
}

function eventObjects(event, own) {
  const parts = [];
  for (const [type, ids] of Object.entries(event.objects)) {
    for (const id of ids.slice(0, 6)) {
      if (type + ":" + id !== own) parts.push(h("span", { class: "object plain" }, typeMark(type), id));
    }
    if (ids.length > 6) parts.push(h("span", { class: "dim" }, "and " + (ids.length - 6) + " more"));
  }
  return parts;
}

function eventRow(event, before, state) {
  const detail = h("div", { class: "detail", id: "detail-" + event.n, hidden: true });
  const lag = before ? secondsBetween(before.time, event.time) : null;
  const button = h("button", { type: "button", class: "event row-link", "aria-expanded": "false",
    "aria-controls": "detail-" + event.n },
  h("span", { class: "e-time" }, timeElement(event.time, false)),
  h("span", { class: "e-lag" }, lag === null ? "" : "+" + duration(lag)),
  h("span", { class: "e-dot " + (event.outcome === "ok" ? "ok" : event.outcome === "failed"
    || event.outcome === "deadletter" ? "bad" : event.outcome === "retrying" ? "warn" : "unknown"),
  "aria-hidden": "true" }),
  h("span", { class: "e-system" }, systemMark(event.system)),
  h("span", { class: "e-what" },
    h("span", { class: "e-type" }, breakable(event.type)), outcome(event.outcome), badges(event),
    event.error ? h("span", { class: "e-error" }, [event.error.class, event.error.code, event.error.message].filter(Boolean).join(" · ")) : null,
    h("span", { class: "e-objects" }, eventObjects(event, state.own))),
  h("span", { class: "e-more", "aria-hidden": "true" }));
  const toggle = (open) => {
    button.setAttribute("aria-expanded", String(open));
    detail.hidden = !open;
    if (open) {
      state.open.add(event.n);
      showPayload(detail, event.n, state.signal);
    } else {
      state.open.delete(event.n);
      replace(detail);
    }
  };
  button.addEventListener("click", () => toggle(detail.hidden));
  if (state.open.has(event.n)) toggle(true);
  return h("li", { data: { n: String(event.n) } }, button, detail);
}

function notices(journey) {
  return h("div", { class: "notices" },
    journey.duplicate_effects ? h("p", null, badge("bad", "double effect"),
      h("span", null, plural(journey.duplicate_effects, "event") + " repeated a business effect of this journey.")) : null,
    journey.conflicts ? h("p", null, badge("bad", "conflict"),
      h("span", null, plural(journey.conflicts, "event") + " came again with other content; the first counts, the other is kept.")) : null,
    journey.partial ? h("p", null, badge("warn", "partial"),
      h("span", null, "This journey is not shown whole: a limit was reached, or retention has cut it.")) : null,
    journey.hubs.length ? h("p", null, badge("unknown", "hub"),
      h("span", null, journey.hubs.join(", "), " links more objects than a journey follows; what lies behind is left out.")) : null);
}

function relatedLinks(journey) {
  if (journey.related.length === 0) return null;
  const shown = journey.related.slice(0, 60);
  return h("section", { class: "panel", "aria-label": "Linked objects" }, h("h2", null, "Linked objects"),
    h("div", { class: "objects" }, shown.map((object) => [
      journeyLink(object.id, object.type, scoped(object.scope, object.identifier),
        object.is_same_type ? "other" : ""),
      object.is_same_type ? h("span", { class: "dim small" }, "another " + object.type) : null,
      object.is_hub ? badge("unknown", "hub") : null])),
    journey.related.length > shown.length
      ? h("p", { class: "dim" }, "and " + count(journey.related.length - shown.length) + " more") : null);
}

function head(journey) {
  const label = scoped(journey.scope, journey.identifier);
  return h("section", { class: "journey-head" },
    h("h1", null, typeMark(journey.type), h("span", { class: "ident" }, label)),
    h("dl", { class: "facts line" },
      fact("Events", count(journey.event_count)),
      fact("First", timeElement(journey.first)),
      fact("Last", timeElement(journey.last)),
      fact("From first to last", duration(secondsBetween(journey.first, journey.last))),
      fact("Duplicates", count(journey.duplicates)),
      journey.stores.length ? fact(journey.stores.length === 1 ? "Store" : "Stores",
        journey.stores.slice(0, 8).join(", ") + (journey.stores.length > 8 ? " …" : "")) : null));
}

// What is still to come: each run as a row of its steps. Drawn again by itself, since what waits
// grows older without any event.
function drawRuns(box, journey) {
  const now = new Date().toISOString();
  const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  replace(box, journey.runs.length === 0 ? null
    : h("section", { class: "panel", "aria-label": "Runs" }, h("h2", null, "Runs"),
      h("ul", { class: "run-list" }, journey.runs.map((run) => runRow(run, journey.id, now))),
      journey.runs_partial ? h("p", { class: "dim" }, "More linked objects have runs; see their own journeys.") : null));
  const again = focused && [...box.querySelectorAll("a")].find((one) => one.getAttribute("href") === focused);
  if (again) again.focus({ preventScroll: true });
}

function timeline(journey, state) {
  const rows = [];
  let before = null;
  for (const event of journey.events) {
    if (!before || dayText(before.time) !== dayText(event.time)) {
      rows.push(h("li", { class: "day" }, dayText(event.time)));
    }
    rows.push(eventRow(event, before, state));
    before = event;
  }
  return h("ol", { class: "timeline", "aria-label": "Events in order of time" }, rows);
}

export function show(view, { rest, signal }) {
  const state = { open: new Set(), signal, own: rest, limit: LIMIT, shown: "", at: 0, lastN: -1,
    isBusy: false };
  document.title = rest + " – Tillwatch";
  replace(view, loading("the journey of " + rest));

  const runs = h("div");

  function render(journey) {
    const focused = document.activeElement && document.activeElement.closest("li[data-n]");
    const n = focused && focused.dataset.n;
    replace(view, head(journey), notices(journey), runs, relatedLinks(journey), timeline(journey, state),
      journey.next ? h("div", { class: "more" }, h("button", { type: "button", class: "row-link",
        on: { click: () => {
          state.limit = Math.min(1000, state.limit + 400);
          load();
        } } }, "Show more of " + plural(journey.total, "event"))) : null);
    const again = n && view.querySelector("li[data-n=\"" + Number(n) + "\"] .event");
    if (again) again.focus({ preventScroll: true });
  }

  async function load() {
    if (state.isBusy) return;
    state.isBusy = true;
    try {
      const journey = await get(journeyCall(rest), { limit: state.limit }, signal);
      const text = JSON.stringify({ ...journey, runs: null });
      state.at = performance.now();
      if (text !== state.shown) {
        state.shown = text;
        render(journey);
      }
      drawRuns(runs, journey);
    } catch (error) {
      // A journey on the screen stays there while the tower is away: the banner tells.
      if (error.name !== "AbortError" && !state.shown) replace(view, failed(error, load));
    } finally {
      state.isBusy = false;
    }
  }
  load();
  return onStatus((s) => {
    const quiet = performance.now() - state.at;
    if (state.shown && quiet > (s.last_n === state.lastN ? STILL_MS : AGAIN_MS)) {
      state.lastN = s.last_n;
      load();
    }
  });
}
