// SPDX-License-Identifier: Apache-2.0
// Groups of alerts as they stand on their page: what it is, how bad, since when, its value against its
// threshold as a number and as a plot, whom it concerns, and what can be done.
import {
  againstText,
  alertLinks,
  alertPath,
  flags,
  isCalm,
  isHushed,
  limitText,
  listPath,
  ownLabels,
  ownerOf,
  panelOf,
  severityMark,
  severityState,
  spanOf,
  stateMark,
  stateWords,
  valueText,
} from "./alertwords.js";
import { chosenLabels, openAck, openSilence } from "./alertdialog.js";
import { count } from "./format.js";
import { shownNow } from "./frame.js";
import { html, nothing, repeat } from "./lit.js";
import { ago, badge, fact, link, storeLink, systemMark, moment } from "./parts.js";
import { plot } from "./plot.js";

const STORES_SHOWN = 8;

// All that fires of it is acknowledged.
function isGroupAcked(group) {
  return group.firing > 0 && group.acknowledged >= group.firing;
}

// All that fires of it is told to nobody, and not because somebody has it in hand.
export function isGroupHushed(group) {
  return group.firing > 0 && group.quiet >= group.firing && !isGroupAcked(group);
}

// For those who hear the buttons of a page one after the other.
function ofWhat(group) {
  return html`<span class="hidden"> ${group.title}</span>`;
}

function ackButton(context, group, isMain) {
  const left = group.count - group.acknowledged;
  if (left <= 0 || group.firing === 0) return nothing;
  const one = group.count === 1 ? group.alerts[0] : null;
  return html`<button
    type="button"
    class=${isMain && severityState(group.severity) === "bad" ? "primary ack" : "ack"}
    @click=${() =>
      openAck({
        ...(one ? { fingerprint: one.fingerprint } : { group: group.key }),
        count: left,
        title: one ? one.summary || one.title : group.title,
        done: context.reload,
      })}
  >
    Acknowledge${group.count > 1 ? " all " + count(left) : ""} …${ofWhat(group)}
  </button>`;
}

function silenceButton(context, group) {
  const labels = group.count === 1 ? group.alerts[0].labels : group.labels;
  return html`<button
    type="button"
    class="silence"
    @click=${() => openSilence({ labels, chosen: chosenLabels(labels), done: context.reload })}
  >
    Silence …${ofWhat(group)}
  </button>`;
}

// Which alerts of the page of lists are those of a group.
function allOf(group) {
  const { alertname, workflow } = group.labels || {};
  return listPath({ rule: alertname, workflow });
}

function stores(group) {
  const named = group.stores.map((one) => one.store);
  if (named.length === 0) return nothing;
  const more = Math.max(0, group.store_count - STORES_SHOWN);
  return fact(
    "Stores",
    html`${named.slice(0, STORES_SHOWN).map((store, i) => html`${i ? ", " : ""}${storeLink(store)}`)}${more > 0 ? html` <span class="dim">and ${link(allOf(group), count(more) + " more")}</span>` : nothing}`,
  );
}

function systems(group) {
  const named = group.systems.map((one) => one.system);
  return named.length === 0
    ? nothing
    : fact(group.system_count === 1 ? "System" : "Systems", named.slice(0, 6).map(systemMark));
}

function memberRow(context, alert, common) {
  return html`<li>
    <span class="member-state">${stateMark(alert.state)}</span>
    <span class="grow"
      >${link(alertPath(alert), html`${labelTextOf(alert, common)}`)} ${flags(alert)}</span
    >
    <span class="num">${againstText({ ...alert, threshold: null })}</span>
    <span class="num">${ago(alert.fired || alert.since)}</span>
    ${
      alert.state === "firing" && !alert.acknowledged
        ? html`<button
            type="button"
            class="chip"
            aria-label="Acknowledge ${labelTextOf(alert, common)}"
            @click=${() =>
              openAck({
                fingerprint: alert.fingerprint,
                title: alert.summary || alert.title,
                done: context.reload,
              })}
          >
            Acknowledge …
          </button>`
        : nothing
    }
  </li>`;
}

function labelTextOf(alert, common) {
  const own = ownLabels(alert.labels, common);
  return own.length
    ? own.map(([name, value]) => name + " " + value).join(", ")
    : alert.summary || alert.title || alert.alert;
}

// The alerts of a group, the first of many; open stays open, whatever comes.
function members(context, group) {
  if (group.count < 2) return nothing;
  const common = [...Object.keys(group.labels || {}), "alertname", "severity", "owner"];
  const open = context.state.unfolded || (context.state.unfolded = new Set());
  const more = group.count - group.alerts.length;
  return html`<details
    class="members"
    ?open=${open.has(group.key)}
    @toggle=${(event) => {
      const isOpen = event.target.open;
      if (isOpen === open.has(group.key)) return;
      if (isOpen) open.add(group.key);
      else open.delete(group.key);
      context.update();
    }}
  >
    <summary>${count(group.count)} alerts: ${stateWords(group)}</summary>
    ${
      open.has(group.key)
        ? html`<ol class="brief">
            ${repeat(
              group.alerts,
              (one) => one.fingerprint,
              (one) => memberRow(context, one, common),
            )}
            ${more > 0 ? html`<li>${link(allOf(group), "All " + count(group.count) + ", one a line")}</li>` : nothing}
          </ol>`
        : nothing
    }
  </details>`;
}

function groupFlags(group) {
  if (group.count === 1) return flags(group.alerts[0]);
  const shown = [];
  const { acknowledged, silenced, inhibited } = group;
  if (acknowledged) shown.push(badge("plain", count(acknowledged) + " acknowledged"));
  if (silenced) shown.push(badge("unknown", count(silenced) + " silenced"));
  if (inhibited)
    shown.push(
      badge(
        "unknown",
        count(inhibited) + (inhibited === 1 ? " follows" : " follow") + " from another",
      ),
    );
  return shown;
}

// How many others are quiet because of it.
function inhibits(group) {
  const n = group.inhibits;
  return n > 0
    ? badge(
        "plain",
        count(n) + (n === 1 ? " other follows" : " others follow") + " from this",
        "They are told to nobody while it fires",
      )
    : nothing;
}

function picture(context, group, isLarge) {
  const [first] = group.alerts;
  const panel = first && panelOf(first);
  if (!panel) return nothing;
  // A range that is chosen in it is looked at on the page of the alert.
  const zoom = (range) => context.go(alertPath(first) + "?" + new URLSearchParams(range));
  return plot({ ...context, put: zoom }, "alert-" + group.key, {
    ...panel,
    alt: "Value and threshold of " + group.title,
    width: isLarge ? 900 : 700,
    height: isLarge ? 260 : 150,
    range: spanOf({ ...first, since: group.since || first.since }, shownNow()),
  });
}

// spec: {isLarge, hasPlot}
export function card(context, group, { isLarge, hasPlot }) {
  const [first] = group.alerts;
  const single = group.count === 1;
  const path = first ? alertPath(first) : allOf(group);
  const isQuiet = isGroupAcked(group) || isGroupHushed(group);
  return html`<li
    class="alarm-card ${severityState(group.severity)} ${isLarge ? "large" : ""} ${isQuiet ? "quiet" : ""}"
    data-group=${group.key}
    tabindex="-1"
  >
    <div class="alarm-words">
      <p class="alarm-marks">
        ${severityMark(group.severity)}${group.state === "firing" ? nothing : stateMark(group.state)}${groupFlags(group)}${inhibits(group)}
      </p>
      <h2>
        ${link(single ? path : allOf(group), group.title || (first && first.alert), "row-link")}
      </h2>
      ${group.summary && group.summary !== group.title ? html`<p class="alarm-summary">${group.summary}${single ? nothing : html`<span class="dim"> and ${count(group.count - 1)} more</span>`}</p>` : nothing}
      <p class="alarm-value">
        ${first && first.value !== null && first.value !== undefined ? html`<span class="big ${isCalm(first) ? "calm" : ""}">${valueText(first.value, first.unit)}</span>` : nothing}
        <span class="dim">${first ? limitText(first) : nothing}</span>
      </p>
      <dl class="facts line">
        ${fact(group.state === "pending" ? "Pending for" : "For", html`${ago(group.since)} <span class="dim">since ${moment(group.since)}</span>`)}
        ${first && ownerOf(first) ? fact("Owner", ownerOf(first)) : nothing}
        ${systems(group)}${stores(group)}
      </dl>
      ${members(context, group)}
      <p class="row-form">
        ${ackButton(context, group, !isQuiet)}${silenceButton(context, group)}
        ${group.runbook && first ? link(alertPath(first) + "#runbook", "Runbook") : nothing}
        ${first ? alertLinks(first, single) : nothing}
      </p>
    </div>
    ${hasPlot ? picture(context, group, isLarge) : nothing}
  </li>`;
}

// One line of a group: what is not told, what is only pending or said to be known.
export function line(context, group) {
  const [first] = group.alerts;
  const path = group.count === 1 && first ? alertPath(first) : allOf(group);
  return html`<li class="alarm-line" data-group=${group.key} tabindex="-1">
    <span class="alarm-marks">${severityMark(group.severity)}${stateMark(group.state)}</span>
    <span class="grow"
      >${link(path, (group.count > 1 ? count(group.count) + " × " : "") + group.title, "row-link")}
      ${group.summary && group.summary !== group.title ? html`<span class="dim">${group.summary}</span>` : nothing}
      ${groupFlags(group)}</span
    >
    <span class="num">${first ? againstText(first) : nothing}</span>
    <span class="num">${ago(group.since)}</span>
    <span class="line-buttons"
      >${ackButton(context, group, false)}${silenceButton(context, group)}</span
    >
  </li>`;
}
