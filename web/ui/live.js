// SPDX-License-Identifier: Apache-2.0
// The state of the tower, asked once a second: the strip of counters, the banner when it does not
// answer, and whoever wants to know of news.
import { get, Unreachable } from "./api.js";
import { badge, bytes, count, rate } from "./format.js";
import { h, replace, setText } from "./dom.js";
import { duration, timeElement } from "./time.js";

const EVERY_MS = 1000;
const RATE_WINDOW_MS = 5000; // a rate over less would only show how commits fall into seconds
const STALE_S = 10; // the collector commits each second, also when nothing arrives
const listeners = new Set();
const samples = []; // {at, received}
let lost = null; // since when nobody answers
export let status = null;

export function onStatus(listener) {
  listeners.add(listener);
  if (status) listener(status);
  return () => listeners.delete(listener);
}

const CELLS = [
  ["state", "Tower"], ["rate", "Events/s"], ["accepted", "Accepted"], ["duplicates", "Duplicates"],
  ["quarantine", "In quarantine", "/quarantine"], ["sources", "Sources", "/taps"],
  ["missing", "Missing", "/taps?missing=1"], ["disk", "Disk free"], ["watermark", "Since last commit"],
];
const cells = {};

function buildStrip() {
  const strip = document.getElementById("strip");
  for (const [key, label, href] of CELLS) {
    const value = h("span", { class: "value" }, "–");
    cells[key] = value;
    strip.append(h(href ? "a" : "div", { class: "cell", href, data: { key } },
      h("span", { class: "label" }, label), value));
  }
}

function ratePerSecond() {
  const first = samples[0];
  const last = samples[samples.length - 1];
  if (!first || last.at - first.at < 500) return null;
  return Math.max(0, (last.received - first.received) * 1000 / (last.at - first.at));
}

function mark(key, state) {
  cells[key].parentElement.dataset.state = state;
}

function showStrip(s) {
  const perSecond = ratePerSecond();
  const free = s.disk.total_bytes > 0 ? s.disk.free_bytes / s.disk.total_bytes : 1;
  const isFull = s.disk.is_full;
  const isStale = s.watermark_age_seconds === null || s.watermark_age_seconds > STALE_S;
  replace(cells.state, isFull ? badge("bad", "disk full")
    : isStale ? badge("bad", "behind", "The collector does not commit: it does not run, or is stuck")
      : badge("ok", perSecond > 0 ? "live" : "idle"));
  setText(cells.rate, rate(perSecond));
  setText(cells.accepted, count(s.totals.events_accepted));
  setText(cells.duplicates, count(s.totals.events_duplicate));
  setText(cells.quarantine, count(s.quarantine_open));
  mark("quarantine", s.quarantine_open > 0 ? "warn" : "");
  setText(cells.sources, count(s.sources.count));
  setText(cells.missing, count(s.sources.missing));
  mark("missing", s.sources.missing > 0 ? "warn" : "");
  setText(cells.disk, bytes(s.disk.free_bytes));
  mark("disk", isFull ? "bad" : free < 0.2 ? "warn" : "");
  setText(cells.watermark, s.watermark_age_seconds === null ? "never"
    : duration(s.watermark_age_seconds));
  mark("watermark", isStale ? "bad" : "");
}

function showBanner(error) {
  const banner = document.getElementById("banner");
  if (!error) {
    banner.hidden = true;
    return;
  }
  const words = error instanceof Unreachable
    ? "Connection to the tower lost since " : "The tower cannot read its store since ";
  replace(banner, h("strong", null, words, timeElement(lost)), h("span", null,
    error instanceof Unreachable ? "What you see is as of then. Trying again every second."
      : error.message));
  banner.hidden = false;
  mark("state", "bad");
  replace(cells.state, badge("bad", error instanceof Unreachable ? "lost" : "not ready"));
}

async function tick() {
  try {
    const fresh = await get("/status");
    status = fresh;
    samples.push({ at: performance.now(), received: fresh.totals.events_received });
    while (samples.length > 2 && performance.now() - samples[1].at > RATE_WINDOW_MS) samples.shift();
    lost = null;
    mark("state", "");
    showBanner(null);
    showStrip(fresh);
    setText(document.getElementById("about"), "Tillwatch " + fresh.version);
    for (const listener of listeners) listener(fresh);
  } catch (error) {
    lost = lost || new Date().toISOString();
    samples.length = 0;
    showBanner(error);
  }
  // A page that nobody looks at asks less often.
  setTimeout(tick, document.hidden ? 10 * EVERY_MS : EVERY_MS);
}

export function start() {
  buildStrip();
  tick();
}
