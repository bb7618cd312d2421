// SPDX-License-Identifier: Apache-2.0
// Runs as the rows of a table, the same wherever they are listed.
import { html, nothing } from "./lit.js";
import {
  journeyLink,
  runState,
  storeLink,
  systemMark,
  time,
  workflowLink,
  ago,
  link,
} from "./parts.js";

export const CAUSES = [
  "master-data",
  "throttled",
  "timeout",
  "rejected",
  "unavailable",
  "auth",
  "contract",
  "conflict",
  "duplicate",
  "missing",
  "unknown",
];

// How many minor units (as the API gives them) make one.
function digitsOf(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions()
      .maximumFractionDigits;
  } catch {
    return 2; // no currency that the browser knows: most have two
  }
}

function amount(minor, currency) {
  const digits = digitsOf(currency);
  return (
    (minor / 10 ** digits).toLocaleString(undefined, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }) +
    " " +
    currency
  );
}

// "129.90 EUR" for machines too, whatever the reader's language.
function plainAmount(minor, currency) {
  const digits = digitsOf(currency);
  return (minor / 10 ** digits).toFixed(digits) + " " + currency;
}

// What these runs are worth, by currency.
export function money(runs) {
  const sums = new Map();
  for (const run of runs) {
    if (run.amount_minor !== null)
      sums.set(run.currency, (sums.get(run.currency) || 0) + run.amount_minor);
  }
  return [...sums].map(([currency, minor]) => amount(minor, currency)).join(" + ");
}

function why(run) {
  const missing = run.missing.length
    ? "no answer of " +
      run.missing.slice(0, 4).join(", ") +
      (run.expected - run.answered > 4 ? " …" : "")
    : null;
  return [run.cause === "missing" ? null : run.cause, run.code, missing]
    .filter(Boolean)
    .join(" · ");
}

// The step where it is worst, and how many more are in trouble.
function stepOf(run) {
  const words = run.troubles
    .map((one) => [one.step, one.state, one.cause].filter(Boolean).join(" "))
    .join(", ");
  return html`${run.step || "–"}${run.troubles.length > 1 ? html`<span class="dim" title=${words}> and ${run.troubles.length - 1} more</span>` : nothing}`;
}

function journeyOf(run) {
  return journeyLink(run.object, "row-link");
}

export const runColumns = [
  { name: "object", title: "Object", value: (run) => run.object, cell: journeyOf },
  {
    name: "since",
    title: "For",
    className: "num",
    hint: "How long it has waited, or when it finished",
    value: (run) => run.waiting_seconds,
    cell: (run) => (run.finished ? time(run.finished) : ago(run.since || run.started)),
  },
  { name: "state", title: "State", value: (run) => run.state, cell: (run) => runState(run.state) },
  {
    name: "workflow",
    title: "Workflow",
    className: "wide",
    value: (run) => run.workflow,
    cell: (run) => workflowLink(run.workflow),
  },
  { name: "step", title: "Step", className: "wide", value: (run) => run.step, cell: stepOf },
  {
    name: "system",
    title: "System",
    className: "wide",
    value: (run) => run.system,
    cell: (run) => (run.system ? systemMark(run.system) : "–"),
  },
  { name: "why", title: "Why", className: "wrap", value: why },
  {
    name: "store",
    title: "Store",
    className: "wide",
    value: (run) => run.store,
    cell: (run) => storeLink(run.store),
  },
  {
    name: "amount",
    title: "Amount",
    className: "num wide",
    value: (run) => run.amount_minor,
    text: (run) => (run.amount_minor === null ? "" : plainAmount(run.amount_minor, run.currency)),
    cell: (run) => (run.amount_minor === null ? "–" : amount(run.amount_minor, run.currency)),
  },
  {
    name: "due",
    title: "Due",
    className: "wide",
    value: (run) => run.due,
    cell: (run) => time(run.due),
  },
  {
    name: "event",
    title: "Last event",
    className: "num wide",
    value: (run) => run.last_event,
    cell: (run) =>
      run.last_event ? link("/event/" + run.last_event, String(run.last_event)) : "–",
  },
];
