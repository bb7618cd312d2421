// SPDX-License-Identifier: Apache-2.0
// Alerts in words and shapes, the same wherever they are shown.
import { count, plural } from "./format.js";
import { html, nothing } from "./lit.js";
import { badge, link, percent, storeLink } from "./parts.js";
import { duration } from "./time.js";

const SEVERITIES = {
  critical: ["bad", "critical", "Somebody is called"],
  warning: ["warn", "warning", "A ticket: within the working day"],
  info: ["plain", "info", "Shown, and told to nobody"],
};
export const SEVERITY_WORDS = Object.keys(SEVERITIES);

// External alerts may have none, or one of their own.
export function severityMark(word) {
  const known = Object.hasOwn(SEVERITIES, word || "")
    ? SEVERITIES[word]
    : ["unknown", word || "no severity"];
  return badge(...known);
}

// The colour of what it stands on.
export function severityState(word) {
  return Object.hasOwn(SEVERITIES, word || "") ? SEVERITIES[word][0] : "unknown";
}

const STATES = {
  firing: ["bad", "firing"],
  pending: ["warn", "pending", "Its condition holds, but not yet as long as the rule asks for"],
  resolved: ["ok", "resolved"],
};
export const STATE_WORDS = Object.keys(STATES);

// A state stands beside its severity, which has the colour.
export function stateMark(word) {
  const known = Object.hasOwn(STATES, word || "") ? STATES[word] : ["unknown", word || "unknown"];
  return word === "firing" ? badge("plain", known[1]) : badge(...known);
}

export function alertPath(alert) {
  return "/alerts/" + encodeURIComponent(alert.fingerprint);
}

export function rulePath(name) {
  return "/rules/" + encodeURIComponent(name);
}

// A page of alerts, one a line, with this filter.
export function listPath(filter) {
  const params = new URLSearchParams({ view: "list" });
  for (const [name, value] of Object.entries(filter)) if (value) params.set(name, value);
  return "/alerts?" + params;
}

// Times the rate that uses a budget up exactly: 14.4x.
function burnText(value) {
  return (value < 99.95 ? String(Number(value.toPrecision(3))) : count(Math.round(value))) + "x";
}

// As people read it in the unit of the rule; null: it is not known.
export function valueText(value, unit) {
  if (value === null || value === undefined) return "unknown";
  if (unit === "seconds") return duration(value);
  if (unit === "share") return percent(value, 1);
  if (unit === "burn") return burnText(value);
  if (Number.isInteger(value)) return count(value);
  return Math.abs(value) >= 1000 ? count(value) : String(Number(value.toPrecision(4)));
}

export function limitText(alert) {
  if (alert.threshold === null || alert.threshold === undefined) return "";
  const side = alert.comparison === "below" ? "below " : "above ";
  return "fires " + side + valueText(alert.threshold, alert.unit);
}

// It fires, and its condition does not hold now: a rule may go on for a while, so that what comes and
// goes is one alert.
export function isCalm({ state, value, threshold, comparison }) {
  if (state !== "firing" || typeof value !== "number" || typeof threshold !== "number")
    return false;
  return comparison === "below" ? value >= threshold : value <= threshold;
}

// The value against its threshold, in words that a line has room for.
export function againstText(alert) {
  const limit = limitText(alert);
  if (alert.value === null || alert.value === undefined) return limit;
  return valueText(alert.value, alert.unit) + (limit ? ", " + limit : "");
}

// What stands beside a state and hides nothing: acknowledged, silenced and the like.
export function flags(alert) {
  const shown = [];
  const silenced = alert.silenced_by || [];
  const inhibited = alert.inhibited_by || [];
  const muted = alert.muted_by || [];
  if (alert.nodata) shown.push(["warn", "no data", "Its series says nothing any more"]);
  if (alert.flapping)
    shown.push(["warn", "flapping", "It came and went: it is resolved once it stays away"]);
  if (isCalm(alert))
    shown.push([
      "plain",
      "calm now",
      "Its condition does not hold now: it is resolved once it stays so",
    ]);
  if (alert.acknowledged)
    shown.push([
      "plain",
      "acknowledged by " + alert.acknowledged.by,
      alert.acknowledged.comment || "",
    ]);
  if (silenced.length) shown.push(["unknown", "silenced", "Told to nobody while a silence lasts"]);
  if (inhibited.length)
    shown.push(["unknown", "follows from another", "Told to nobody while its cause fires"]);
  if (muted.length)
    shown.push(["unknown", "muted", "Told to nobody at this time: " + muted.join(", ")]);
  if (alert.maintenance) shown.push(["unknown", "in maintenance", ""]);
  if (alert.origin === "tower")
    shown.push(["plain", "the tower itself", "About Tillwatch, not about what it watches"]);
  if (alert.origin === "external")
    shown.push(["plain", "from outside", "Sent to the tower by another program"]);
  return shown.map((flag) => badge(...flag));
}

export function isHushed(alert) {
  return [alert.silenced_by, alert.inhibited_by, alert.muted_by].some((one) => one && one.length);
}

// What tells alerts of one rule apart: their labels but those that all of them have.
const COMMON = ["alertname", "severity", "owner", "workflow"];

export function ownLabels(labels, common = COMMON) {
  return Object.entries(labels || {}).filter(([name]) => !common.includes(name));
}

export function labelList(labels) {
  return labels.map(
    ([name, value]) =>
      html`<span class="label-pair"
        ><span class="dim">${name}</span> ${name === "store" ? storeLink(value) : value}</span
      >`,
  );
}

export function labelText(labels) {
  return ownLabels(labels, ["alertname", "severity", "owner"])
    .map(([name, value]) => name + "=" + value)
    .join(" ");
}

const LINKS = [
  ["failures", "Failures"],
  ["journeys", "Journeys"],
  ["runs", "Runs"],
  ["replay", "Replay plan"],
  ["store", "Store"],
  ["workflow", "Workflow"],
  ["objective", "Objective"],
];

const OF_ALL = ["workflow", "objective"];

// Where to go on from an alert: paths of the tower only. `isOne`: it stands for itself; one of several
// stores leads to what they have in common.
export function alertLinks(alert, isOne = true) {
  const links = alert.links || {};
  const shown = LINKS.filter(
    ([name]) =>
      (name !== "runs" || links.runs !== links.journeys) &&
      /^\/(?!\/)/.test(links[name] || "") &&
      (isOne || !alert.store || OF_ALL.includes(name)),
  );
  return shown.length === 0
    ? nothing
    : html`<span class="alarm-links"
        >${shown.map(([name, words]) => link(links[name], words))}</span
      >`;
}

// What GET /alerts calls a panel: {panel, params} of its address; null: it has none.
export function panelOf(alert) {
  const found = /^\/plots\/([^?]+)\.svg(?:\?(.*))?$/.exec(alert.plot || "");
  if (!found) return null;
  return {
    panel: decodeURIComponent(found[1]),
    params: Object.fromEntries(new URLSearchParams(found[2] || "")),
  };
}

// The time around an alert, that a plot shows: as much before it as helps, on to now or to its end.
export function spanOf(alert, now) {
  const since = Date.parse(alert.since || alert.fired || new Date(now).toISOString());
  const end = alert.ended ? Date.parse(alert.ended) : now;
  const before = Math.max(1800, Math.min(6 * 3600, (end - since) / 2000));
  if (!alert.ended) {
    // In whole minutes, so that the picture keeps its beginning.
    const seconds = 60 * Math.ceil(((now - since) / 1000 + before) / 60);
    return { isLive: true, seconds: Math.min(seconds, 31 * 86400) };
  }
  return {
    isLive: false,
    from: new Date(since - 1000 * before),
    to: new Date(Math.min(now, end + 1000 * Math.min(before, 3600))),
  };
}

// "3 fire, 1 is pending": of a group.
export function stateWords(group) {
  const parts = [];
  if (group.firing) parts.push(count(group.firing) + (group.firing === 1 ? " fires" : " fire"));
  if (group.pending) parts.push(count(group.pending) + " pending");
  return parts.join(", ") || plural(group.count || 0, "alert");
}

export function ownerOf(alert) {
  return alert.owner || "";
}
