// SPDX-License-Identifier: Apache-2.0
// What the tower says once a second, over one stream (SSE) a page: the strip of counters, the banner
// when it does not answer, and whoever wants to know of news. Where the stream cannot be had (all
// its places are taken), the status is asked for instead.
import { get, Unreachable } from "./api.js";
import { bytes, count, rate } from "./format.js";
import { html, render } from "./lit.js";
import { badge, time } from "./parts.js";
import { duration } from "./time.js";

const EVERY_MS = 1000;
const RATE_WINDOW_MS = 5000; // a rate over less would only show how commits fall into seconds
const STALE_S = 10; // the collector commits each second, also when nothing arrives
const QUIET_MS = 5000; // a stream that says nothing for so long is taken for lost
const tickListeners = new Set();
const samples = []; // {at, received}
let lost = null; // since when nobody answers
let paused = false;
let isFirst = true;
let status = null;

// Listeners hear {views: [names], isFirst}: what changed since the tick before; "*": perhaps all.
export function onTick(listener) {
  tickListeners.add(listener);
  return () => tickListeners.delete(listener);
}

// Paused: pages are not renewed; the strip and the banner are.
export function isPaused() {
  return paused;
}

export function setPaused(value) {
  paused = value;
}

const CELLS = [
  ["state", "Tower"],
  ["rate", "Events/s"],
  ["accepted", "Accepted"],
  ["duplicates", "Duplicates"],
  ["quarantine", "In quarantine", "/quarantine"],
  ["sources", "Sources", "/taps"],
  ["missing", "Missing", "/taps?missing=1"],
  ["disk", "Disk free"],
  ["watermark", "Since last commit"],
];

function ratePerSecond() {
  const first = samples[0];
  const last = samples[samples.length - 1];
  if (!first || last.at - first.at < 500) return null;
  return Math.max(0, ((last.received - first.received) * 1000) / (last.at - first.at));
}

// {key: [value, "", "warn" or "bad"]} of every cell.
function cellsOf(s) {
  const perSecond = ratePerSecond();
  const free = s.disk.total_bytes > 0 ? s.disk.free_bytes / s.disk.total_bytes : 1;
  const isStale = s.watermark_age_seconds === null || s.watermark_age_seconds > STALE_S;
  return {
    state: [
      s.disk.is_full
        ? badge("bad", "disk full")
        : isStale
          ? badge("bad", "behind", "The collector does not commit: it does not run, or is stuck")
          : badge("ok", perSecond > 0 ? "live" : "idle"),
    ],
    rate: [rate(perSecond)],
    accepted: [count(s.totals.events_accepted)],
    duplicates: [count(s.totals.events_duplicate)],
    quarantine: [count(s.quarantine_open), s.quarantine_open > 0 ? "warn" : ""],
    sources: [count(s.sources.count)],
    missing: [count(s.sources.missing), s.sources.missing > 0 ? "warn" : ""],
    disk: [bytes(s.disk.free_bytes), s.disk.is_full ? "bad" : free < 0.2 ? "warn" : ""],
    watermark: [
      s.watermark_age_seconds === null ? "never" : duration(s.watermark_age_seconds),
      isStale ? "bad" : "",
    ],
  };
}

function drawStrip(values) {
  render(
    CELLS.map(([key, label, href]) => {
      const [value, state] = values[key] || ["–"];
      const inner = html`<span class="label">${label}</span><span class="value">${value}</span>`;
      return href
        ? html`<a class="cell" href=${href} data-key=${key} data-state=${state || ""}>${inner}</a>`
        : html`<div class="cell" data-key=${key} data-state=${state || ""}>${inner}</div>`;
    }),
    document.getElementById("strip"),
  );
}

function showBanner(error) {
  const banner = document.getElementById("banner");
  banner.hidden = !error;
  if (!error) return;
  const isAway = error instanceof Unreachable;
  render(
    html`<strong
        >${isAway ? "Connection to the tower lost since " : "The tower cannot read its store since "}${time(lost)}</strong
      >
      <span
        >${isAway ? "What you see is as of then. Trying again every second." : error.message}</span
      >`,
    banner,
  );
  drawStrip({
    ...(status ? cellsOf(status) : {}),
    state: [badge("bad", isAway ? "lost" : "not ready"), "bad"],
  });
}

function take(fresh, views) {
  const wasLost = lost !== null;
  status = fresh;
  samples.push({ at: performance.now(), received: fresh.totals.events_received });
  while (samples.length > 2 && performance.now() - samples[1].at > RATE_WINDOW_MS) samples.shift();
  lost = null;
  showBanner(null);
  drawStrip(cellsOf(fresh));
  document.getElementById("about").textContent = "Tillwatch " + fresh.version;
  const tick = { views: wasLost ? ["*"] : views, isFirst };
  isFirst = false;
  for (const listener of tickListeners) listener(tick);
}

function lose(error) {
  lost = lost || new Date().toISOString();
  samples.length = 0;
  showBanner(error);
}

// --- the stream

let source = null;
let watch = 0;

function listen() {
  source = new EventSource("/api/v1/stream");
  const quiet = () => {
    clearTimeout(watch);
    watch = setTimeout(() => {
      source.close();
      poll();
    }, QUIET_MS);
  };
  quiet();
  source.addEventListener("tick", (message) => {
    const tick = JSON.parse(message.data);
    quiet();
    take(tick.status, tick.views);
  });
  source.addEventListener("error", () => {
    source.close();
    clearTimeout(watch);
    poll();
  });
}

// Ask until the tower answers, then listen again. A page that nobody looks at asks less often.
async function poll() {
  try {
    take(await get("/status"), ["*"]);
    setTimeout(listen, EVERY_MS);
  } catch (error) {
    lose(error);
    setTimeout(poll, document.hidden ? 10 * EVERY_MS : EVERY_MS);
  }
}

export function start() {
  drawStrip({});
  listen();
  // A page that comes back from the browser's cache has lost its stream.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && source.readyState === EventSource.CLOSED) poll();
  });
}
