// SPDX-License-Identifier: Apache-2.0
// A journey: everything that concerns one object, in order of time, while it happens.
import { get } from "../api.js";
import { count, journeyCall, plural, scoped } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import {
  badge,
  breakable,
  fact,
  journeyLink,
  outcome,
  storeLink,
  systemMark,
  hueOf,
  time,
  typeMark,
} from "../parts.js";
import { runRow } from "../runrow.js";
import { dayText, duration, secondsBetween } from "../time.js";
import { payload } from "./payload.js";

const LIMIT = 200; // events at once; more by a button
const LIMIT_MAX = 1000;
const RELATED = 60;

function badges(event) {
  const skew = event.clock_behind_seconds;
  return [
    event.duplicates
      ? badge(
          "unknown",
          "came " + (event.duplicates + 1) + " times",
          "The same event was received again; it counts once",
        )
      : nothing,
    event.conflicts
      ? badge(
          "bad",
          plural(event.conflicts, "conflict"),
          "The same source and id came with other content",
        )
      : nothing,
    event.effect_of
      ? badge(
          "bad",
          "repeats the effect of event " + event.effect_of,
          "A different event with the same business effect",
        )
      : nothing,
    event.replayid ? badge("unknown", "replay", event.replayid) : nothing,
    event.has_time ? nothing : badge("warn", "no time", "Placed by when it was received"),
    skew > 1
      ? badge(
          "warn",
          "clock " + duration(skew) + " behind, corrected",
          "Deadlines count from " + event.tracked_time,
        )
      : nothing,
    event.has_time && event.transit_seconds < -1
      ? badge(
          "warn",
          skew < 0 ? "clock " + duration(-skew) + " ahead, corrected" : "clock ahead",
          "Its time is after its receipt; deadlines count from " + event.tracked_time,
        )
      : nothing,
    event.has_time && event.transit_seconds > 60 && !(skew > 1)
      ? badge(
          "warn",
          "received " + duration(event.transit_seconds) + " later",
          "Between its time and its receipt",
        )
      : nothing,
  ];
}

function eventObjects(event, own) {
  const parts = [];
  for (const [type, ids] of Object.entries(event.objects)) {
    for (const id of ids.slice(0, 6)) {
      if (type + ":" + id !== own)
        parts.push(html`<span class="object plain">${typeMark(type)}${id}</span>`);
    }
    if (ids.length > 6) parts.push(html`<span class="dim">and ${ids.length - 6} more</span>`);
  }
  return parts;
}

function toggle(context, n) {
  const open = context.state.open;
  if (open.has(n)) open.delete(n);
  else open.add(n);
  context.update();
}

const DOTS = { ok: "ok", failed: "bad", deadletter: "bad", retrying: "warn" };

function eventRow(context, event, before) {
  const isOpen = context.state.open.has(event.n);
  const lag = before ? secondsBetween(before.time, event.time) : null;
  return html`<li data-n=${event.n}>
    <button
      type="button"
      class="event row-link"
      aria-expanded=${isOpen ? "true" : "false"}
      aria-controls="detail-${event.n}"
      @click=${() => toggle(context, event.n)}
    >
      <span class="e-time">${time(event.time, false)}</span
      ><span class="e-lag">${lag === null ? "" : "+" + duration(lag)}</span>
      <span class="e-dot ${DOTS[event.outcome] || "unknown"}" aria-hidden="true"></span>
      <span class="e-system">${systemMark(event.system)}</span>
      <span class="e-what"
        ><span class="e-type">${breakable(event.type)}</span
        >${outcome(event.outcome)}${badges(event)}
        ${event.error ? html`<span class="e-error">${[event.error.class, event.error.code, event.error.message].filter(Boolean).join(" · ")}</span>` : nothing}
        <span class="e-objects">${eventObjects(event, context.rest)}</span></span
      >
      <span class="e-more" aria-hidden="true"></span>
    </button>
    <div class="detail" id="detail-${event.n}" ?hidden=${!isOpen}>
      ${isOpen ? payload(context, event.n) : nothing}
    </div>
  </li>`;
}

function timeline(journey, context) {
  let before = null;
  return html`<ol class="timeline" aria-label="Events in order of time">
    ${repeat(
      journey.events,
      (event) => event.n,
      (event) => {
        const last = before;
        before = event;
        return html`${!last || dayText(last.time) !== dayText(event.time) ? html`<li class="day">${dayText(event.time)}</li>` : nothing}
        ${eventRow(context, event, last)}`;
      },
    )}
  </ol>`;
}

// Where the time went: one bar an event, from the event before it to itself, all on one scale.
function waterfall(journey) {
  const events = journey.events;
  if (events.length < 3 || events.length > 60) return nothing;
  const from = Date.parse(events[0].time);
  const span = Date.parse(events[events.length - 1].time) - from;
  if (!(span > 0)) return nothing;
  return html`<section class="panel" aria-label="Where the time went">
    <h2>Where the time went</h2>
    <ol class="waterfall">
      ${events.slice(1).map((event, i) => {
        const begin = Date.parse(events[i].time) - from;
        const end = Math.max(begin, Date.parse(event.time) - from);
        return html`<li>
          <span class="fall-name" title=${event.type}>${event.type}</span>
          <span class="fall"
            ><i
              class="hue${hueOf(event.system)}"
              .style=${"left:" + (100 * begin) / span + "%;width:max(3px," + (100 * (end - begin)) / span + "%)"}
            ></i
          ></span>
          <span class="num">${duration((end - begin) / 1000)}</span>
        </li>`;
      })}
    </ol>
  </section>`;
}

function notice(state, word, words) {
  return html`<p>${badge(state, word)}<span>${words}</span></p>`;
}

function notices(journey) {
  return html`<div class="notices">
    ${journey.duplicate_effects ? notice("bad", "double effect", plural(journey.duplicate_effects, "event") + " repeated a business effect of this journey.") : nothing}
    ${journey.conflicts ? notice("bad", "conflict", plural(journey.conflicts, "event") + " came again with other content; the first counts, the other is kept.") : nothing}
    ${journey.partial ? notice("warn", "partial", "This journey is not shown whole: a limit was reached, or retention has cut it.") : nothing}
    ${journey.hubs.length ? notice("unknown", "hub", journey.hubs.join(", ") + " links more objects than a journey follows; what lies behind is left out.") : nothing}
  </div>`;
}

function related(journey) {
  if (journey.related.length === 0) return nothing;
  return html`<section class="panel" aria-label="Linked objects">
    <h2>Linked objects</h2>
    <div class="objects">
      ${repeat(
        journey.related.slice(0, RELATED),
        (object) => object.id,
        (object) =>
          html` ${journeyLink(object.id, object.is_same_type ? "other" : "")}
          ${object.is_same_type ? html`<span class="dim small">another ${object.type}</span>` : nothing}
          ${object.is_hub ? badge("unknown", "hub") : nothing}`,
      )}
    </div>
    ${journey.related.length > RELATED ? html`<p class="dim">and ${count(journey.related.length - RELATED)} more</p>` : nothing}
  </section>`;
}

function head(journey) {
  return html`<section class="journey-head">
    <h1>
      ${typeMark(journey.type)}<span class="ident"
        >${scoped(journey.scope, journey.identifier)}</span
      >
    </h1>
    <dl class="facts line">
      ${fact("Events", count(journey.event_count))}${fact("First", time(journey.first))}
      ${fact("Last", time(journey.last))}${fact("From first to last", duration(secondsBetween(journey.first, journey.last)))}
      ${fact("Duplicates", count(journey.duplicates))}
      ${
        journey.stores.length
          ? fact(
              journey.stores.length === 1 ? "Store" : "Stores",
              html`${journey.stores.slice(0, 8).map((store, i) => html`${i ? ", " : ""}${storeLink(store)}`)}${journey.stores.length > 8 ? " …" : ""}`,
            )
          : nothing
      }
    </dl>
  </section>`;
}

export const page = {
  what: "the journey",
  views: ["events", "replays"],
  every: 2000,
  title: (journey, { rest }) => rest,
  load({ rest, signal, state }) {
    state.open = state.open || new Set();
    state.limit = state.limit || LIMIT;
    return get(journeyCall(rest), { limit: state.limit }, signal);
  },
  view: (journey, context) =>
    html`${head(journey)}${notices(journey)}
    ${
      journey.runs.length === 0
        ? nothing
        : html`<section class="panel" aria-label="Runs">
            <h2>Runs</h2>
            <ul class="run-list">
              ${repeat(
                journey.runs,
                (run) => run.workflow + run.object,
                (run) => runRow(run, journey.id, context.go),
              )}
            </ul>
            ${journey.runs_partial ? html`<p class="dim">More linked objects have runs; see their own journeys.</p>` : nothing}
          </section>`
    }
    ${related(journey)}${waterfall(journey)}${timeline(journey, context)}
    ${
      journey.next
        ? html`<div class="more">
            <button
              type="button"
              class="row-link"
              @click=${() => {
                context.state.limit = Math.min(LIMIT_MAX, context.state.limit + 400);
                context.reload();
              }}
            >
              Show more of ${plural(journey.total, "event")}
            </button>
          </div>`
        : nothing
    }`,
};
