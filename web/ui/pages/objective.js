// SPDX-License-Identifier: Apache-2.0
// One objective: its budget as it burns down over the window, and what spent it.
import { get } from "../api.js";
import { count } from "../format.js";
import { html, nothing } from "../lit.js";
import {
  badge,
  budget,
  fact,
  link,
  percent,
  runsPath,
  storeLink,
  systemMark,
  time,
  workflowLink,
} from "../parts.js";
import { plot } from "../plot.js";
import { rangeBar } from "../range.js";
import { duration } from "../time.js";
import { windowText } from "./objectives.js";

const STATES = {
  firing: ["bad", "firing"],
  "low-traffic": ["warn", "fires, little traffic"],
  quiet: ["ok", "quiet"],
  "few-events": ["unknown", "too few events"],
  "few-bad": ["ok", "too few bad"],
  unusable: ["unknown", "unusable"],
};

function spent(title, rows, cell) {
  const total = rows.reduce((sum, row) => sum + row.bad, 0);
  return html`<section class="panel" aria-label="Spent by ${title}">
    <h2>By ${title}</h2>
    ${
      rows.length === 0 || total <= 0
        ? html`<p class="dim">Nothing was spent.</p>`
        : html`<ol class="spent">
            ${rows.map(
              (row) =>
                html`<li>
                  <span class="spent-name">${cell(row.what)}</span
                  ><span class="spent-bar"
                    ><i .style=${"width:" + Math.max(0, (100 * row.bad) / rows[0].bad) + "%"}></i
                  ></span>
                  <span class="num">${count(row.bad)}</span
                  ><span class="num dim">${percent(row.bad / total, 0)}</span>
                </li>`,
            )}
          </ol>`
    }
  </section>`;
}

function burns(objective) {
  return html`<section class="panel" aria-label="Burn rates">
    <h2>Burn rates <span class="dim">1 spends the budget in just its window</span></h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Burn rates">
      <table>
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col">Long</th>
            <th scope="col" class="num">Burn</th>
            <th scope="col">Short</th>
            <th scope="col" class="num">Burn</th>
            <th scope="col" class="num">Threshold</th>
            <th scope="col" class="num">Least events</th>
            <th scope="col">Now</th>
          </tr>
        </thead>
        <tbody>
          ${(objective.rules || []).map(
            (rule) =>
              html`<tr>
                <th scope="row">${rule.rule}${rule.pages ? " (page)" : ""}</th>
                <td>${rule.long}</td>
                <td class="num">${number(objective.burn[rule.long])}</td>
                <td>${rule.short}</td>
                <td class="num">${number(objective.burn[rule.short])}</td>
                <td class="num">${number(rule.threshold)}</td>
                <td class="num">${count(rule.events_min)}</td>
                <td>
                  ${badge(...(rule.feasible ? STATES[rule.state] || ["unknown", rule.state] : ["unknown", rule.use]))}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function number(value) {
  return typeof value === "number" ? value.toFixed(2).replace(/\.?0+$/, "") : "–";
}

// The objective's own window, and behind it room for how it goes on: up to the end of the budget, at most
// half a window. In steps, so that the picture is not drawn anew each second.
function windowRange(objective) {
  const from = Date.parse(objective.window.from);
  const until = Date.parse(objective.window.until);
  const length = until - from;
  const step = Math.max(60000, length / 200);
  const now = Date.parse(objective.at);
  const spent = objective.exhaustion > 0 ? now + 1000 * objective.exhaustion : now;
  const end = Math.max(until, Math.min(spent + length / 50, now + length / 2));
  return {
    isLive: false,
    from: new Date(Math.floor(from / step) * step),
    to: new Date(Math.ceil(end / step) * step),
  };
}

function burndown(objective, context) {
  const isSpent = objective.budget_remaining !== null && objective.budget_remaining <= 0;
  const words = isSpent
    ? "The budget is spent."
    : objective.exhaustion > 0
      ? "If it goes on as in the last hour, it is spent in " + duration(objective.exhaustion) + "."
      : "Nothing burns.";
  return html`<section class="panel" aria-label="Burn-down">
    ${
      objective.window.from && objective.at
        ? plot(context, "burndown", {
            panel: "objective.burndown",
            title: "Burn-down over its window",
            params: { objective: objective.name },
            range: windowRange(objective),
            width: 1540,
            height: 260,
          })
        : html`<h2>Burn-down over its window</h2>
            <p class="dim">Nothing was counted yet.</p>`
    }
    <p class="dim">
      ${objective.total > 0 ? words : "Nothing was decided yet."} A gap: the tower did not watch.
    </p>
  </section>`;
}

export const page = {
  what: "the objective",
  views: ["objective/"],
  every: 1000,
  hasRange: true,
  title: (objective, { rest }) => (objective ? objective.title || rest : rest),
  load: ({ rest, signal }) => get("/objectives/" + encodeURIComponent(rest), null, signal),
  view(objective, context) {
    const params = { objective: objective.name };
    const isKnown = objective.total > 0;
    return html`<div class="page-head">
        <h1>${objective.title || objective.name}</h1>
        ${budget(objective)}
        <span class="dim">${workflowLink(objective.workflow)} · ${objective.owner}</span>
      </div>
      <dl class="facts line">
        ${fact("Target", percent(objective.target))}${fact("Kept", isKnown ? percent(objective.ratio) : "–")}
        ${fact("Good", count(objective.good))}${fact("Bad", link(runsPath({ workflow: objective.workflow }), count(objective.bad)))}
        ${fact("Undecided", count(objective.undecided))}${objective.excluded ? fact("In maintenance", count(objective.excluded)) : nothing}
        ${fact("Over", windowText(objective.window))}${fact("From", Date.parse(objective.window.from) > 0 ? time(objective.window.from) : "–")}
        ${fact("Spent in", objective.exhaustion === null || objective.exhaustion === undefined ? "–" : duration(objective.exhaustion))}
        ${objective.within ? fact("Within", duration(objective.within)) : nothing}
      </dl>
      ${burndown(objective, context)} ${rangeBar(context)}
      <div class="plots">
        <section class="panel" aria-label="Budget">
          ${plot(context, "budget", { panel: "objective.budget", title: "Budget remaining", params, width: 760, height: 240 })}
        </section>
        <section class="panel" aria-label="Burn">
          ${plot(context, "burn", { panel: "objective.burn", title: "Burn rate", params, width: 760, height: 240 })}
        </section>
      </div>
      ${burns(objective)}
      <div class="thirds">
        ${spent("cause", objective.spend.cause, (what) => link(runsPath({ workflow: objective.workflow, cause: what }), what))}
        ${spent("system", objective.spend.system, (what) => systemMark(what))}${spent("store", objective.spend.store, (what) => storeLink(what))}
      </div>`;
  },
};
