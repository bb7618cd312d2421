// SPDX-License-Identifier: Apache-2.0
// Every objective: what is promised, what was kept, what is left of the budget, how fast it burns.
import { get } from "../api.js";
import { count } from "../format.js";
import { html } from "../lit.js";
import { badge, budget, link, percent, workflowLink } from "../parts.js";
import { table } from "../table.js";
import { duration } from "../time.js";

export function windowText(window) {
  if (window.kind === "rolling") return "last " + duration(window.seconds).replace(/ 0 [hms]$/, "");
  return window.kind + (window.timezone ? ", " + window.timezone : "");
}

const burn = (name) => ({
  name: "burn-" + name,
  title: "Burn " + name,
  className: "num" + (name === "1h" ? "" : " wide"),
  hint: "1 spends the whole budget in just its window",
  value: (one) => one.burn && one.burn[name],
  cell: (one) =>
    one.burn && typeof one.burn[name] === "number"
      ? one.burn[name] > 1
        ? badge("warn", one.burn[name].toFixed(1))
        : one.burn[name].toFixed(1)
      : "–",
});

const columns = [
  {
    name: "objective",
    title: "Objective",
    className: "wrap",
    value: (one) => one.title || one.name,
    cell: (one) => link("/objectives/" + encodeURIComponent(one.name), one.title || one.name),
  },
  {
    name: "budget",
    title: "Budget left",
    value: (one) => (one.total > 0 ? one.budget_remaining : null),
    cell: (one) => budget(one),
  },
  {
    name: "workflow",
    title: "Workflow",
    className: "wide",
    value: (one) => one.workflow,
    cell: (one) => workflowLink(one.workflow),
  },
  { name: "kind", title: "Kind", className: "wide", value: (one) => one.kind },
  {
    name: "target",
    title: "Target",
    className: "num",
    value: (one) => one.target,
    cell: (one) => percent(one.target),
  },
  {
    name: "ratio",
    title: "Kept",
    className: "num",
    value: (one) => (one.total > 0 ? one.ratio : null),
    cell: (one) => (one.total > 0 ? percent(one.ratio) : "–"),
  },
  {
    name: "good",
    title: "Good",
    className: "num wide",
    value: (one) => one.good,
    cell: (one) => count(one.good),
  },
  {
    name: "bad",
    title: "Bad",
    className: "num wide",
    value: (one) => one.bad,
    cell: (one) => count(one.bad),
  },
  {
    name: "undecided",
    title: "Undecided",
    className: "num wide",
    hint: "Open, before their deadline",
    value: (one) => one.undecided,
    cell: (one) => count(one.undecided),
  },
  burn("1h"),
  burn("6h"),
  burn("3d"),
  {
    name: "exhaustion",
    title: "Spent in",
    className: "num wide",
    hint: "At the burn rate of the last hour",
    value: (one) => one.exhaustion,
    cell: (one) =>
      one.exhaustion === null || one.exhaustion === undefined ? "–" : duration(one.exhaustion),
  },
  { name: "window", title: "Over", className: "wide", value: (one) => windowText(one.window) },
  { name: "owner", title: "Owner", className: "wide", value: (one) => one.owner },
];

export const page = {
  what: "the objectives",
  views: ["objective/"],
  every: 1000,
  title: () => "Objectives",
  load: ({ signal }) => get("/objectives", { limit: 1000 }, signal),
  view: (answer, context) =>
    html`<h1 class="small">Objectives</h1>
      <section class="panel" aria-label="Objectives">
        ${table(context, {
          name: "objectives",
          caption: "Objectives",
          columns,
          rows: answer.items,
          key: (one) => one.name,
          sort: ["budget", "asc"],
          empty: "No objective is defined; see objectives of workflows.",
        })}
      </section>`,
};
