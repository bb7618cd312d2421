// SPDX-License-Identifier: Apache-2.0
// Groups of failures, the same wherever they are listed: their names in words, money, trend.
import { count } from "./format.js";
import { html, nothing, svg } from "./lit.js";
import { ago, badge, link, systemMark, time } from "./parts.js";

export function groupPath(group) {
  return "/failures/" + group.id;
}

const CAUSE_WORDS = {
  "master-data": "invalid master data",
  throttled: "throttling",
  timeout: "a timeout",
  rejected: "a rejection",
  unavailable: "an unavailable system",
  auth: "failed authentication",
  contract: "a broken contract",
  conflict: "a conflict",
  unknown: "an unknown cause",
};

// "did not reach ERP", in the words of the workflow.
export function groupTitle(group) {
  if (group.cause === "duplicate") return "Posted twice";
  return (
    (group.step_title || group.step || "the run") + (group.cause === "missing" ? ": missing" : "")
  );
}

// "312 sales … because of invalid master data (MAT-404)".
export function groupWords(group) {
  const what = group.workflow_title || group.workflow;
  if (group.cause === "duplicate") return what + ": a business effect happened twice";
  if (group.cause === "missing")
    return what + ": " + (group.step_title || group.step) + " has not come";
  return (
    what +
    ": " +
    (group.step_title || group.step) +
    " failed because of " +
    (CAUSE_WORDS[group.cause] || group.cause)
  );
}

function amountsOf(group) {
  return group.amounts.map(
    (one) =>
      Number(one.amount).toLocaleString(undefined, {
        minimumFractionDigits: (one.amount.split(".")[1] || "").length,
      }) +
      " " +
      one.currency,
  );
}

export function amountWords(group) {
  return amountsOf(group).join(" + ") + (group.more_currencies ? " + …" : "");
}

// One line a currency.
function amountLines(group) {
  const lines = amountsOf(group);
  if (group.more_currencies) lines.push("…");
  return lines.length === 0
    ? "–"
    : lines.map(
        (line, i) => html`${i ? html`<br />` : nothing}<span class="amount">${line}</span>`,
      );
}

export function causeMark(group) {
  return html`<span class="cause">${group.cause}</span>${
      group.label ? html` <code>${group.label}</code>` : nothing
    }`;
}

const WIDTH = 96;
const HEIGHT = 22;

// New failures, hour by hour over the last day, the hour under way at the right end.
export function trend(group) {
  const most = Math.max(1, ...group.trend);
  const step = WIDTH / group.trend.length;
  const sum = group.trend.reduce((all, one) => all + one, 0);
  const words = count(sum) + " new in 24 h, " + count(group.trend.at(-1)) + " in this hour";
  return html`<svg
    class="trend"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    width=${WIDTH}
    height=${HEIGHT}
    role="img"
    aria-label=${words}
  >
    <title>${words}</title>
    ${group.trend.map((value, i) => {
      const height = value === 0 ? 1 : Math.max(2, (HEIGHT * value) / most);
      return svg`<rect class=${value === 0 ? "none" : ""} x=${i * step} y=${HEIGHT - height} width=${step - 1} height=${height} />`;
    })}
  </svg>`;
}

export const groupColumns = [
  {
    name: "what",
    title: "What failed",
    className: "wrap said-column",
    value: (group) => groupWords(group),
    cell: (group) =>
      html`${link(groupPath(group), groupTitle(group), "row-link")}
        <span class="dim">${group.workflow_title || group.workflow}</span>
        ${group.new ? badge("warn", "new", "A kind of failure first seen within a day") : nothing}
        ${group.state === "snoozed" ? badge("plain", "snoozed") : nothing}`,
  },
  {
    name: "system",
    title: "System",
    value: (group) => group.system,
    cell: (group) => (group.system ? systemMark(group.system) : "–"),
  },
  {
    name: "cause",
    title: "Cause",
    value: (group) => [group.cause, group.label].filter(Boolean).join(" "),
    cell: causeMark,
  },
  {
    name: "count",
    title: "Open",
    className: "num",
    value: (group) => group.count,
    cell: (group) => html`<b class="count bad">${count(group.count)}</b>`,
  },
  {
    name: "worth",
    title: "Worth",
    className: "num",
    hint: "Of the first currency when there are several",
    value: (group) => (group.amounts.length ? Number(group.amounts[0].amount) : null),
    text: amountWords,
    cell: amountLines,
  },
  {
    name: "stores",
    title: "Stores",
    className: "num",
    value: (group) => group.stores,
    cell: (group) => (group.stores ? count(group.stores) : "–"),
  },
  {
    name: "trend",
    title: "Last 24 h",
    className: "wide",
    hint: "New failures by hour; sorts by the last hour",
    value: (group) => group.trend.at(-1),
    cell: trend,
  },
  {
    name: "since",
    title: "Since",
    className: "num",
    value: (group) => group.first,
    cell: (group) => time(group.first),
  },
  {
    name: "last",
    title: "Latest",
    className: "num",
    value: (group) => group.last,
    cell: (group) => ago(group.last),
  },
  {
    name: "owner",
    title: "Owner",
    className: "wide",
    value: (group) => group.assignee || group.owner,
    cell: (group) =>
      group.assignee
        ? html`<b title="Assigned; the owner is ${group.owner || "nobody"}">${group.assignee}</b>`
        : group.owner || "–",
  },
];
