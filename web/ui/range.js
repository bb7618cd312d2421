// SPDX-License-Identifier: Apache-2.0
// The range of time that a page shows. It stands in the address (?since=-1h, or since= and until=), so
// that a link shows the same to everybody and back and forward work.
import { html, live, nothing } from "./lit.js";
import { clockText, dayText } from "./time.js";
import { isPaused, setPaused } from "./live.js";

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

function secondsOf(text) {
  const found = /^-(\d{1,9})([smhd])$/.exec(text || "");
  return found ? Number(found[1]) * UNITS[found[2]] : null;
}

// {since, until}: as in the address and the API's calls; from, to: Dates; seconds; isLive: it ends now.
export function rangeOf(params) {
  let since = params.get("since") || DEFAULT;
  let until = params.get("until") || "";
  const now = Date.now();
  const isTime = (text) => !Number.isNaN(Date.parse(text));
  if (secondsOf(since) === null && !isTime(since)) since = DEFAULT;
  if (until && !isTime(until)) until = "";
  const to = until ? Date.parse(until) : now;
  const back = secondsOf(since);
  const from = back === null ? Date.parse(since) : to - back * 1000;
  if (from >= to) return rangeOf(new URLSearchParams({ since: DEFAULT }));
  return {
    since,
    until,
    from: new Date(from),
    to: new Date(to),
    seconds: (to - from) / 1000,
    isLive: until === "",
  };
}

// What a call or a link of the same range carries.
export function rangeQuery(range) {
  return { since: range.since, until: range.until || undefined };
}

function go(context, range) {
  const params = new URLSearchParams(context.params);
  params.set("since", range.since);
  if (range.until) params.set("until", range.until);
  else params.delete("until");
  context.go(location.pathname + "?" + params);
}

export function setRange(context, from, to) {
  go(context, { since: new Date(from).toISOString(), until: new Date(to).toISOString() });
}

// "2026-11-20T18:03" of a Date in the user's zone, as the input wants it.
function inputText(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60000);
  return local.toISOString().slice(0, 16);
}

function takeCustom(context, submit) {
  submit.preventDefault();
  const form = new FormData(submit.target);
  const from = new Date(form.get("from"));
  const to = new Date(form.get("to"));
  if (Number.isNaN(from.getTime()) || Number.isNaN(to.getTime()) || from >= to) {
    context.state.rangeFault = "The beginning must be before the end.";
    context.update();
    return;
  }
  context.state.rangeFault = "";
  setRange(context, from, to);
}

function spanText(range) {
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
          @click=${() => go(context, { since: value, until: "" })}
        >
          ${words}
        </button>`,
    )}
    <details class="custom" ?open=${live(Boolean(context.state.rangeFault))}>
      <summary class="chip" aria-label="Another range">
        ${isPreset ? "Other …" : spanText(range)}
      </summary>
      <form class="custom-form" @submit=${(submit) => takeCustom(context, submit)}>
        <label
          >From <input type="datetime-local" name="from" required .value=${inputText(range.from)}
        /></label>
        <label
          >To <input type="datetime-local" name="to" required .value=${inputText(range.to)}
        /></label>
        <button type="submit">Show</button>
        ${context.state.rangeFault ? html`<p class="error-note" role="alert">${context.state.rangeFault}</p>` : nothing}
      </form>
    </details>
    ${
      range.isLive
        ? html`<button
            type="button"
            class="chip live"
            aria-pressed=${isPaused() ? "true" : "false"}
            title="Stop or go on renewing what is shown"
            @click=${() => {
              setPaused(!isPaused());
              context.update();
              if (!isPaused()) context.reload();
            }}
          >
            ${isPaused() ? "▶ Paused" : "● Live"}
          </button>`
        : nothing
    }
  </div>`;
}
