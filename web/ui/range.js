// SPDX-License-Identifier: Apache-2.0
// The range of time that a page shows. It stands in the address (?since=-1h, or since= and until=), so
// that a link shows the same to everybody and back and forward work.
import { html, nothing } from "./lit.js";
import { shownNow } from "./frame.js";
import { clockText, dayText, duration } from "./time.js";

const PRESETS = [
  ["-15m", "15 min"],
  ["-1h", "1 hour"],
  ["-6h", "6 hours"],
  ["-24h", "24 hours"],
  ["-7d", "7 days"],
  ["-30d", "30 days"],
];
const UNITS = { s: 1, m: 60, h: 3600, d: 86400 };
const DEFAULT = "-1h";
const SECONDS_MAX = 400 * 86400; // longer than anything is kept; as the panels' range

function secondsOf(text) {
  const found = /^-(\d{1,9})([smhd])$/.exec(text);
  return found ? Number(found[1]) * UNITS[found[2]] : null;
}

// ms since 1970 of "-1h" or of a point in time; NaN: neither.
function timeOf(text, now) {
  const back = secondsOf(text);
  return back === null ? Date.parse(text) : now - 1000 * back;
}

function faultOf(since, until, from, to) {
  const why = "; times are written like -90m, -24h or 2026-11-20T18:00Z. The last hour is shown.";
  if (Number.isNaN(from)) return "“" + since + "” is no time" + why;
  if (Number.isNaN(to)) return "“" + until + "” is no time" + why;
  if (from >= to) return "The range in the address ends before it begins. The last hour is shown.";
  if (to - from > 1000 * SECONDS_MAX)
    return "The range in the address is longer than 400 days. The last hour is shown.";
  return "";
}

// {since, until}: as in the address; from, to: Dates; seconds; isLive: it ends now; fault: why it is not
// what the address says.
export function rangeOf(params) {
  const now = shownNow();
  let since = params.get("since") || DEFAULT;
  let until = params.get("until") || "";
  let from = timeOf(since, now);
  let to = until ? timeOf(until, now) : now;
  const fault = faultOf(since, until, from, to);
  if (fault) {
    since = DEFAULT;
    until = "";
    from = timeOf(DEFAULT, now);
    to = now;
  }
  return {
    since,
    until,
    from: new Date(from),
    to: new Date(to),
    seconds: (to - from) / 1000,
    isLive: until === "",
    fault,
  };
}

// What a call of the API carries for the same range.
export function rangeQuery(range) {
  return range.isLive
    ? { since: range.since }
    : { since: range.from.toISOString(), until: range.to.toISOString() };
}

export function setRange(context, from, to) {
  context.put({ since: new Date(from).toISOString(), until: new Date(to).toISOString() });
}

// "2026-11-20T18:03:00" of a Date in the user's zone, as the input wants it.
function inputText(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60000);
  return local.toISOString().slice(0, 19);
}

function takeCustom(context, submit) {
  submit.preventDefault();
  const form = new FormData(submit.target);
  const from = new Date(form.get("from"));
  const to = new Date(form.get("to"));
  const isKnown = !Number.isNaN(from.getTime()) && !Number.isNaN(to.getTime());
  context.state.rangeFault = !isKnown
    ? "Both ends are needed, each with its day and its time."
    : from >= to
      ? "The beginning must be before the end."
      : to - from > 1000 * SECONDS_MAX
        ? "At most 400 days can be shown at once."
        : "";
  if (context.state.rangeFault) {
    context.update();
    return;
  }
  const details = submit.target.closest("details");
  details.open = false;
  details.querySelector("summary").focus();
  setRange(context, from, to);
}

function spanText(range) {
  if (range.isLive) return "the last " + duration(range.seconds).replace(/ 0 [hms]$/, "");
  const text = (date) =>
    dayText(date.toISOString()) + " " + clockText(date.toISOString()).slice(0, 5);
  return text(range.from) + " – " + text(range.to);
}

// The row of choices; `context` is that of the page.
export function rangeBar(context) {
  const range = context.range;
  const isPreset = range.isLive && PRESETS.some(([value]) => value === range.since);
  return html`<div class="range" role="group" aria-label="Range of time">
    ${PRESETS.map(
      ([value, words]) =>
        html`<button
          type="button"
          class="chip"
          aria-pressed=${range.isLive && range.since === value ? "true" : "false"}
          @click=${() => context.put({ since: value, until: "" })}
        >
          ${words}
        </button>`,
    )}
    <details
      class="custom"
      @keydown=${(key) => {
        if (key.key !== "Escape" || !key.currentTarget.open) return;
        key.currentTarget.open = false;
        key.currentTarget.querySelector("summary").focus();
        key.stopPropagation();
      }}
    >
      <summary class="chip">
        <span class="hidden">Another range: </span>${isPreset ? "Other …" : spanText(range)}
      </summary>
      <form class="custom-form" novalidate @submit=${(submit) => takeCustom(context, submit)}>
        <label
          >From <input type="datetime-local" step="1" name="from" .value=${inputText(range.from)}
        /></label>
        <label
          >To <input type="datetime-local" step="1" name="to" .value=${inputText(range.to)}
        /></label>
        <button type="submit">Show</button>
        ${context.state.rangeFault ? html`<p class="error-note" role="alert">${context.state.rangeFault}</p>` : nothing}
      </form>
    </details>
    ${range.fault ? html`<p class="error-note" role="alert">${range.fault}</p>` : nothing}
  </div>`;
}
