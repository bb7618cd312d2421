// SPDX-License-Identifier: Apache-2.0
// One alert: how bad, since when, its value against its threshold, what was done and told, and the
// runbook beside it.
import { get } from "../api.js";
import { chosenLabels, openAck, openSilence, takeBackAck } from "../alertdialog.js";
import { noticeState } from "../alertnotices.js";
import { alertPages } from "../alertpages.js";
import {
  alertLinks,
  alertPath,
  flags,
  isCalm,
  labelList,
  limitText,
  ownerOf,
  panelOf,
  rulePath,
  severityMark,
  severityState,
  spanOf,
  stateMark,
  valueText,
} from "../alertwords.js";
import { count } from "../format.js";
import { shownNow } from "../frame.js";
import { html, nothing, repeat } from "../lit.js";
import { runbook } from "../runbook.js";
import { faultWords } from "../notes.js";
import { ago, badge, fact, link, storeLink, systemMark, moment, workflowLink } from "../parts.js";
import { plot } from "../plot.js";
import { duration, secondsBetween } from "../time.js";

const WHAT = {
  pending: ["warn", "pending"],
  fired: ["bad", "fired"],
  resolved: ["ok", "resolved"],
  acknowledged: ["plain", "acknowledged"],
  unacknowledged: ["plain", "taken back"],
  notified: ["plain", "told"],
  escalated: ["warn", "escalated"],
  flapping: ["warn", "flapping"],
  calm: ["plain", "calm again"],
  nodata: ["warn", "no data"],
  data: ["plain", "data again"],
  maintenance: ["unknown", "maintenance"],
  silenced: ["unknown", "silenced"],
  inhibited: ["unknown", "follows"],
  note: ["plain", "note"],
};

const CAUSES_NAMED = 3; // each is asked for
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

// What is known by a number only is told by name, and leads to it.
function detailOf(one, alert) {
  const detail = one.detail || "";
  if (one.what === "silenced" && UUID.test(detail)) {
    const silence = (alert.silences || []).find(({ id }) => id === detail);
    return html`by
    ${link("/silences", "a silence")}${silence ? html` of <b>${silence.created_by}</b>: “${silence.comment}”` : nothing}`;
  }
  return detail;
}

// The alert that another one follows from, by its title where that is known.
function causeLink(alert, fingerprint) {
  const cause = (alert.causes || []).find((one) => one.fingerprint === fingerprint);
  return link(alertPath({ fingerprint }), cause ? cause.title || cause.alert : "another alert");
}

function timelineRow(one, alert) {
  const known = Object.hasOwn(WHAT, one.what) ? WHAT[one.what] : ["unknown", one.what];
  const hasValue = one.value !== null && one.value !== undefined;
  return html`<li>
    <span class="num-left">${moment(one.at)}</span>
    <span>${badge(...known)}</span>
    <span class="grow"
      >${one.actor ? html`<b>${one.actor}</b> ` : nothing}${hasValue ? html`at ${valueText(one.value, alert.unit)} ` : nothing}${detailOf(one, alert)}</span
    >
  </li>`;
}

function timeline(alert) {
  return html`<section class="panel" aria-label="Timeline">
    <h2>Timeline</h2>
    <ol class="timeline-list">
      ${(alert.timeline || []).map((one) => timelineRow(one, alert))}
    </ol>
  </section>`;
}

function notices(alert) {
  const list = alert.notifications || [];
  return html`<section class="panel" aria-label="Notifications">
    <h2>Who was told</h2>
    ${
      list.length === 0
        ? html`<p class="dim">Nobody yet.</p>`
        : html`<ol class="timeline-list">
            ${repeat(
              list,
              (one) => one.id,
              (one) =>
                html`<li>
                  <span>${moment(one.created)}</span><span>${noticeState(one)}</span>
                  <span class="grow"
                    >${link("/notifications?receiver=" + encodeURIComponent(one.receiver), one.receiver)}
                    <span class="dim">${one.integration}, ${one.reason}</span>
                    ${one.error ? html`<span class="error-note">${one.error}</span>` : nothing}</span
                  >
                </li>`,
            )}
          </ol>`
    }
    ${(alert.receivers || []).length ? html`<p class="dim">Its routes lead to ${alert.receivers.join(", ")}.</p>` : nothing}
  </section>`;
}

// It has fired before: each time is an episode of its own.
function episodes(alert) {
  const others = (alert.episodes || []).filter((one) => one.id !== alert.id);
  if (others.length === 0) return nothing;
  return html`<section class="panel" aria-label="At other times">
    <h2>At other times</h2>
    <ol class="timeline-list">
      ${others.map(
        (one) =>
          html`<li>
            <span>${link(alertPath(alert) + "?id=" + one.id, moment(one.fired || one.since))}</span>
            <span>${stateMark(one.state)}</span>
            <span class="grow"
              >${one.ended ? "lasted " + duration(secondsBetween(one.fired || one.since, one.ended)) : nothing}</span
            >
          </li>`,
      )}
    </ol>
  </section>`;
}

// One click, one effect: what is under way is not begun again.
async function takeBack(context, alert) {
  const { state } = context;
  if (state.isActing) return;
  state.isActing = true;
  state.said = "";
  context.update();
  try {
    await takeBackAck(alert.fingerprint);
  } catch (error) {
    state.said = faultWords(error);
  }
  state.isActing = false;
  context.reload();
}

function actions(context, alert) {
  const { state } = context;
  const isOpen = alert.state !== "resolved";
  return html`<p class="row-form">
      ${
        alert.state === "firing" && !alert.acknowledged
          ? html`<button
              type="button"
              class="primary"
              id="ack"
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
      ${
        isOpen && alert.acknowledged
          ? html`<button
              type="button"
              id="take-back"
              ?disabled=${state.isActing}
              @click=${() => takeBack(context, alert)}
            >
              Take the acknowledgement back
            </button>`
          : nothing
      }
      <button
        type="button"
        id="silence"
        @click=${() =>
          openSilence({
            labels: alert.labels,
            chosen: chosenLabels(alert.labels),
            done: context.reload,
          })}
      >
        Silence …
      </button>
      ${alert.runbook ? html`<a href="#runbook" class="to-runbook">Runbook</a>` : nothing}
      ${alertLinks(alert)}
    </p>
    <p role="status" class="error-note">${state.said || nothing}</p>`;
}

function because(alert) {
  const parts = [];
  for (const one of alert.inhibited_by || [])
    parts.push(html`<p>Told to nobody: it follows from ${causeLink(alert, one)}.</p>`);
  for (const one of alert.silences || [])
    parts.push(
      html`<p>
        Told to nobody until ${moment(one.ends)}: ${link("/silences", "silenced")} by
        <b>${one.created_by}</b>, “${one.comment}”
      </p>`,
    );
  if (isCalm(alert))
    parts.push(html`<p>Its condition does not hold now: it is resolved once it stays so.</p>`);
  if ((alert.muted_by || []).length)
    parts.push(html`<p>Told to nobody at this time: ${alert.muted_by.join(", ")}.</p>`);
  if (alert.acknowledged)
    parts.push(
      html`<p>
        <b>${alert.acknowledged.by}</b> acknowledged it at ${moment(alert.acknowledged.at)}:
        “${alert.acknowledged.comment}”
      </p>`,
    );
  if (alert.inhibits > 0)
    parts.push(
      html`<p>
        ${count(alert.inhibits)} ${alert.inhibits === 1 ? "other follows" : "others follow"} from it
        and ${alert.inhibits === 1 ? "is" : "are"} told to nobody.
      </p>`,
    );
  return parts;
}

function facts(alert) {
  const lasted = alert.ended ? secondsBetween(alert.fired || alert.since, alert.ended) : null;
  return html`<dl class="facts line">
    ${alert.ended ? fact("Lasted", duration(lasted)) : fact("For", ago(alert.fired || alert.since))}
    ${fact("Since", moment(alert.since))}
    ${alert.fired ? fact("Fired", moment(alert.fired)) : nothing}
    ${alert.ended ? fact("Resolved", moment(alert.ended)) : nothing}
    ${ownerOf(alert) ? fact("Owner", ownerOf(alert)) : nothing}
    ${alert.workflow ? fact("Workflow", workflowLink(alert.workflow)) : nothing}
    ${alert.system ? fact("System", systemMark(alert.system)) : nothing}
    ${alert.store ? fact("Store", storeLink(alert.store)) : nothing}
    ${alert.origin === "rule" ? fact("Rule", link(rulePath(alert.alert), alert.alert)) : fact("Alert", alert.alert)}
  </dl>`;
}

function head(context, alert) {
  const isOver = alert.state === "resolved";
  const state = isOver ? "ok" : severityState(alert.severity);
  return html`<section class="panel alert-head ${state}" aria-label="Alert">
    <p class="alarm-marks">
      ${severityMark(alert.severity)}${stateMark(alert.state)}${flags(alert)}
    </p>
    <h1>${alert.title || alert.alert}</h1>
    ${alert.summary ? html`<p class="alarm-summary">${alert.summary}</p>` : nothing}
    ${alert.description ? html`<p>${alert.description}</p>` : nothing}
    <p class="alarm-value">
      ${alert.value === null || alert.value === undefined ? nothing : html`<span class="big ${isCalm(alert) ? "calm" : ""}">${valueText(alert.value, alert.unit)}</span>`}
      <span class="dim">${limitText(alert)}</span>
    </p>
    ${facts(alert)} ${because(alert)} ${actions(context, alert)}
  </section>`;
}

function picture(context, alert) {
  const panel = panelOf(alert);
  if (!panel) return nothing;
  return html`<section class="panel" aria-label="Value and threshold">
    ${plot(context, "alert", {
      ...panel,
      title: "Value and threshold",
      width: 900,
      height: 280,
      range: context.params.has("since") ? context.range : spanOf(alert, shownNow()),
    })}
  </section>`;
}

export const page = {
  what: "the alert",
  views: ["alerts"],
  every: 1000,
  hasRange: true,
  title: (alert, { rest }) => (alert ? alert.title || alert.alert : rest),
  async load({ rest, params, signal }) {
    const alert = await get(alertPath({ fingerprint: rest }), { id: params.get("id") }, signal);
    const asked = (alert.inhibited_by || []).slice(0, CAUSES_NAMED);
    const lists = await Promise.all(
      asked.map((fingerprint) => get("/alerts", { fingerprint }, signal)),
    );
    return { ...alert, causes: lists.flatMap(({ items }) => items) };
  },
  view(alert, context) {
    return html`${alertPages("/alerts")}
      <div class="alert-columns">
        <div>
          ${head(context, alert)} ${picture(context, alert)} ${timeline(alert)} ${notices(alert)}
          ${episodes(alert)}
          <section class="panel" aria-label="Labels">
            <h2>Labels</h2>
            <p>${labelList(Object.entries(alert.labels || {}))}</p>
          </section>
        </div>
        ${runbook(context, alert.runbook)}
      </div>`;
  },
};
