// SPDX-License-Identifier: Apache-2.0
// Every rule: how it is, when it fired last, and who owns it. Those that cannot be judged come first.
import { get } from "../api.js";
import { alertPages } from "../alertpages.js";
import { listPath, rulePath, severityMark } from "../alertwords.js";
import { count, plural } from "../format.js";
import { html, nothing } from "../lit.js";
import { ago, badge, link, moment } from "../parts.js";
import { ruleState } from "../rulewords.js";
import { table } from "../table.js";

const ORDER = ["error", "firing", "pending", "nodata", "ok", "disabled"];
const SEVERITY = ["critical", "warning", "info"];

const columns = [
  {
    name: "rule",
    title: "Rule",
    className: "wrap said-column",
    value: (rule) => rule.title || rule.name,
    text: (rule) => [rule.title, rule.name].join(" "),
    cell: (rule) =>
      html`${link(rulePath(rule.name), rule.title || rule.name, "row-link")}
        <span class="dim">${rule.name}</span>`,
  },
  {
    name: "state",
    title: "State",
    value: (rule) => ORDER.indexOf(rule.state),
    text: (rule) => rule.state,
    cell: (rule) =>
      rule.firing
        ? link(listPath({ rule: rule.name }), ruleState(rule), "state-link")
        : ruleState(rule),
  },
  {
    name: "condition",
    title: "Fires when",
    className: "wrap said-column wide",
    value: (rule) => rule.condition,
  },
  {
    name: "severity",
    title: "Severity",
    value: (rule) => SEVERITY.indexOf(rule.severity),
    text: (rule) => rule.severity,
    cell: (rule) => severityMark(rule.severity),
  },
  {
    name: "fired",
    title: "Last fired",
    className: "num wide",
    value: (rule) => rule.last_fired,
    text: (rule) => rule.last_fired || "never",
    cell: (rule) =>
      rule.last_fired ? moment(rule.last_fired) : html`<span class="dim">never</span>`,
  },
  { name: "owner", title: "Owner", className: "wide", value: (rule) => rule.owner },
  { name: "group", title: "File", className: "wide", value: (rule) => rule.group },
  {
    name: "evaluated",
    title: "Looked at",
    className: "num wide",
    value: (rule) => rule.evaluated,
    cell: (rule) => ago(rule.evaluated),
  },
];

export const page = {
  what: "the rules",
  views: ["alerts"],
  every: 5000,
  title: () => "Rules",
  load: ({ signal }) => get("/rules", null, signal),
  view({ items }, context) {
    const faulty = items.filter((rule) => rule.state === "error").length;
    const mute = items.filter((rule) => rule.state === "nodata").length;
    return html`${alertPages("/rules")}
      <div class="page-head">
        <h1 class="small">${plural(items.length, "rule")}</h1>
        ${faulty ? badge("bad", count(faulty) + " cannot be judged") : nothing}
        ${mute ? badge("unknown", count(mute) + " without data") : nothing}
        <span class="grow"></span>
        <a class="chip" href="/rules/+new" id="new-rule">Try a rule of your own</a>
      </div>
      <section class="panel" aria-label="Rules">
        ${table(context, {
          name: "rules",
          className: "runs",
          caption: "Rules",
          columns,
          rows: items,
          key: (rule) => rule.name,
          sort: ["state", "asc"],
          empty: "There is no rule: nothing is watched. See alerts in the configuration.",
        })}
      </section>`;
  },
};
