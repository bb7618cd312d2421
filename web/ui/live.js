// SPDX-License-Identifier: Apache-2.0
// What the tower says once a second: the strip of counters, the banner when it says nothing, and whoever
// wants to know of news. It comes by a stream that all tabs of a browser share (worker.js).
import { bytes, count, rate } from "./format.js";
import { html, render } from "./lit.js";
import { badge } from "./parts.js";
import { clockText, duration } from "./time.js";

const EVERY_MS = 1000;
const RATE_WINDOW_MS = 5000; // a rate over less would only show how commits fall into seconds
const STALE_S = 10; // the collector commits each second, also when nothing arrives
const SILENT_MS = 2500; // a worker that says nothing for so long is taken for dead
const ATTEMPTS = 4; // at a worker that never says anything
const SAY_MS = 30000; // between "I am here"
const REST_MS = 60000; // hidden for so long: the stream of this page alone is ended
const tickListeners = new Set();
const alertListeners = new Set();
const samples = []; // {at, received}
let lost = null; // since when nobody answers
let isFirst = true;
let status = null;
let alert = null; // what was said last of alerts
let isWaiting = false; // for alerts, also while hidden

// Listeners hear {views: [names], isFirst}: what changed since the tick before; "*": perhaps all.
export function onTick(listener) {
  tickListeners.add(listener);
  return () => tickListeners.delete(listener);
}

// Listeners hear {firing, critical, warning, quiet, new: [alerts], isTeller}: at once the newest, if one came,
// then each. isTeller: this page is the one of the browser that tells what is new on the desktop.
export function onAlert(listener) {
  alertListeners.add(listener);
  if (alert) listener({ ...alert, new: [] });
}

// This page waits for alerts, also while nobody looks at it: the stream is not ended then.
export function waitForAlerts(value) {
  isWaiting = value;
  if (port) sayHere();
}

function takeAlert(message) {
  alert = { ...message.alert, isTeller: message.isTeller !== false };
  for (const listener of alertListeners) listener(alert);
}

// The status that came with the newest tick; null: none came yet, or nobody answers.
export function statusNow() {
  return lost === null ? status : null;
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

function showBanner(words) {
  const banner = document.getElementById("banner");
  banner.hidden = !words;
  if (words) render(html`<strong>${words[0]}</strong> <span>${words[1]}</span>`, banner);
}

// A fresh status, and the names of what changed.
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

// No place in the stream: all is loaded anew now and then, and said to be old in between.
function takeStale({ status: fresh, seconds, words }) {
  take(fresh, ["*"]);
  samples.length = 0; // they are too far apart for a rate
  drawStrip({ ...cellsOf(fresh), state: [badge("warn", "stale", words), "warn"] });
  showBanner([
    "Not live: the tower has no place for another viewer. ",
    `What you see is as of ${clockText(fresh.now).slice(0, 8)} and is loaded anew every ${seconds} s (${words}).`,
  ]);
}

function lose({ isAway, words }) {
  lost = lost || new Date().toISOString();
  samples.length = 0;
  showBanner([
    (isAway ? "Connection to the tower lost since " : "The tower cannot read its store since ") +
      clockText(lost).slice(0, 8),
    isAway ? "What you see is as of then. Trying again every second." : words,
  ]);
  drawStrip({
    ...(status ? cellsOf(status) : {}),
    state: [badge("bad", isAway ? "lost" : "not ready"), "bad"],
  });
}

// --- where it comes from

let port = null; // of the worker; null: this page has a feed of its own
let heardAt = 0;
let saidAt = 0;
let attempts = 0; // at the worker, since it said anything

function hear(message) {
  heardAt = Date.now();
  attempts = 0;
  if (message.kind === "tick") take(message.tick.status, message.tick.views);
  else if (message.kind === "alert") takeAlert(message);
  else if (message.kind === "refused") takeStale(message);
  else if (message.kind === "lost") lose(message);
}

// For this page alone, where the browser has no shared workers.
async function listenAlone() {
  port = null;
  let feed = null;
  try {
    const { startFeed } = await import("./feed.js");
    feed = startFeed(hear);
  } catch (error) {
    lose({ isAway: true, words: error.message });
    setTimeout(listenAlone, EVERY_MS);
    return;
  }
  let timer = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => feed.setWatched(isWaiting), REST_MS);
    else feed.setWatched(true);
  });
}

function sayHere() {
  saidAt = Date.now();
  port.postMessage({ kind: "here", isHidden: document.hidden, isWaiting });
}

// By the worker that all tabs share. It is named by what it and pages say to each other: after an update
// of the tower, old tabs keep the old one.
export function listen() {
  if (typeof SharedWorker !== "function" || ++attempts > ATTEMPTS) {
    listenAlone();
    return;
  }
  const worker = new SharedWorker("/ui/worker.js", { type: "module", name: "tillwatch-2" });
  worker.addEventListener("error", () => {
    if (port === worker.port) listenAlone();
  });
  port = worker.port;
  port.onmessage = ({ data }) => hear(data);
  heardAt = Date.now();
  sayHere();
}

// The worker says something each second, if only that it is there. One that does not has died.
function checkWorker() {
  if (!port) return;
  if (!document.hidden && Date.now() - heardAt > SILENT_MS) {
    port.close();
    listen();
  } else if (Date.now() - saidAt > SAY_MS) {
    sayHere();
  }
}

// All but the stream itself, which listen() begins.
export function start() {
  drawStrip({});
  setInterval(checkWorker, EVERY_MS / 2);
  document.addEventListener("visibilitychange", () => {
    heardAt = Date.now();
    if (port) sayHere();
  });
  window.addEventListener("pagehide", () => {
    if (port) port.postMessage({ kind: "bye" });
  });
  // A page that comes back from the browser's cache.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && port) sayHere();
  });
}
