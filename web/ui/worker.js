// SPDX-License-Identifier: Apache-2.0
// A shared worker: one stream of the tower for all tabs of a browser, since a browser grants a host
// six connections, and each page that held one left none for the seventh. It lives as long as any of them
// does; none leads, so that none is missed when it is closed. docs/decisions/0063-one-stream.md.
//
// Tabs say {kind: "here", isHidden, isWaiting}, again and again, and {kind: "bye"}; they hear what feed.js
// tells, and each second {kind: "beat"}, so that a worker that has died with its process is soon missed. A
// tab in the background hears ten times less: what it missed is joined, and told at once when it is
// looked at. Alerts all tabs hear at once, and one of those that wait for them is told that it is the one
// (isTeller) which tells them on the desktop.
import { startFeed } from "./feed.js";

const BEAT_MS = 1000;
const HIDDEN_MS = 10000; // between what a hidden tab is told
const REST_MS = 60000; // nobody has looked for so long: the stream is ended
const SILENT_MS = 300000; // a tab that did not say that it is there for so long is gone
const NAMES_MAX = 500; // that were missed; beyond it: "*", which means all
const FRESH_MS = 1500; // what was told so long ago is still news to a tab that opens

const tabs = new Map(); // port: {isHidden, isWaiting, heardAt, toldAt, missed: Set of names}
let last = null;
let lastAt = 0;
let alert = null; // the newest
let lookedAt = Date.now();

function send(port, tab) {
  tab.toldAt = Date.now();
  if (last.kind !== "tick") {
    port.postMessage(last);
    return;
  }
  const views = tab.missed.has("*") || tab.missed.size > NAMES_MAX ? ["*"] : [...tab.missed];
  tab.missed.clear();
  port.postMessage({ kind: "tick", tick: { ...last.tick, views } });
}

// The tab that tells: one that is looked at, else the one that was heard last.
function tellerOf() {
  let teller = null;
  for (const [port, tab] of tabs) {
    const before = teller && tabs.get(teller);
    if (
      !tab.isWaiting ||
      (before && before.isHidden === tab.isHidden && before.heardAt > tab.heardAt)
    )
      continue;
    if (!before || before.isHidden || !tab.isHidden) teller = port;
  }
  return teller;
}

function sendAlert(message) {
  const teller = tellerOf();
  for (const port of tabs.keys()) port.postMessage({ ...message, isTeller: port === teller });
  // What is new is new once: a tab that opens later hears only how many fire.
  alert = { ...message, alert: { ...message.alert, new: [] } };
}

const feed = startFeed((message) => {
  const now = Date.now();
  if (message.kind === "alert") {
    sendAlert(message);
    return;
  }
  last = message;
  lastAt = now;
  for (const [port, tab] of tabs) {
    if (now - tab.heardAt > SILENT_MS) {
      tabs.delete(port);
      continue;
    }
    if (message.kind === "tick") message.tick.views.forEach((name) => tab.missed.add(name));
    if (!tab.isHidden || now - tab.toldAt >= HIDDEN_MS) send(port, tab);
  }
  if ([...tabs.values()].some((tab) => !tab.isHidden || tab.isWaiting)) lookedAt = now;
  if (now - lookedAt > REST_MS) feed.setWatched(false);
});

function hear(port, message) {
  if (message.kind === "bye") {
    tabs.delete(port);
    return;
  }
  const isNew = !tabs.has(port);
  const tab = isNew ? { isHidden: false, toldAt: 0, missed: new Set(["*"]) } : tabs.get(port);
  const isSeen = !message.isHidden && (isNew || tab.isHidden);
  tab.heardAt = Date.now();
  tab.isHidden = message.isHidden;
  tab.isWaiting = message.isWaiting;
  tabs.set(port, tab);
  if (isNew && alert) port.postMessage(alert);
  if (!tab.isHidden || tab.isWaiting) {
    lookedAt = Date.now();
    feed.setWatched(true);
  }
  if (isSeen && last && Date.now() - lastAt < FRESH_MS) send(port, tab);
}

setInterval(() => {
  for (const [port, tab] of tabs) if (!tab.isHidden) port.postMessage({ kind: "beat" });
}, BEAT_MS);

self.addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data }) => hear(port, data);
});
