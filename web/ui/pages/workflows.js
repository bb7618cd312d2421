// SPDX-License-Identifier: Apache-2.0
// Every workflow on one line, trouble first.
import { get } from "../api.js";
import { count } from "../format.js";
import { html } from "../lit.js";
import { badge, budget, countLink, runsPath, verdict, workflowLink } from "../parts.js";
import { table } from "../table.js";
import { duration } from "../time.js";
import { byTrouble, judge, oldestOf, waitingOf, worstBudget } from "../trouble.js";

const runCount = (row, state, className) =>
  countLink(
    row.workflow.runs ? row.workflow.runs[state] : null,
    runsPath({ workflow: row.workflow.name, state, open: "1" }),
    className,
    count(row.workflow.runs && row.workflow.runs[state]),
  );

function stateWords({ workflow, trouble }) {
  const others = { ok: "well", unknown: workflow.verdict === "idle" ? "idle" : "no data" };
  return trouble.why.join(", ") || others[trouble.state];
}

const columns = [
  {
    name: "workflow",
    title: "Workflow",
    value: (row) => row.workflow.title,
    cell: (row) => workflowLink(row.workflow.name, row.workflow.title),
  },
  {
    name: "state",
    title: "State",
    value: (row) => row.rank,
    text: stateWords,
    cell: (row) => badge(row.trouble.state, stateWords(row)),
  },
  {
    name: "verdict",
    title: "Lag",
    className: "wide",
    value: (row) => row.workflow.verdict,
    cell: (row) => verdict(row.workflow.verdict),
  },
  {
    name: "oldest",
    title: "Oldest waiting",
    className: "num",
    value: (row) => oldestOf(row.workflow),
    cell: (row) => (oldestOf(row.workflow) === null ? "–" : duration(oldestOf(row.workflow))),
  },
  {
    name: "waiting",
    title: "Waiting",
    className: "num",
    value: (row) => waitingOf(row.workflow),
    cell: (row) => count(waitingOf(row.workflow)),
  },
  {
    name: "overdue",
    title: "Overdue",
    className: "num",
    value: (row) => row.workflow.runs && row.workflow.runs.overdue,
    cell: (row) => runCount(row, "overdue", "warn"),
  },
  {
    name: "failed",
    title: "Failed",
    className: "num",
    value: (row) => row.workflow.runs && row.workflow.runs.failed,
    cell: (row) => runCount(row, "failed", "bad"),
  },
  {
    name: "completed",
    title: "Completed",
    className: "num wide",
    hint: "Since tracking began",
    value: (row) => row.workflow.runs && row.workflow.runs.completed + row.workflow.runs.recovered,
    cell: (row) =>
      count(row.workflow.runs && row.workflow.runs.completed + row.workflow.runs.recovered),
  },
  {
    name: "budget",
    title: "Least budget",
    className: "wide",
    value: (row) => row.worst && row.worst.budget_remaining,
    cell: (row) => (row.worst ? budget(row.worst) : badge("unknown", "no data")),
  },
  {
    name: "criticality",
    title: "Criticality",
    className: "wide",
    value: (row) => row.workflow.criticality,
  },
  { name: "owner", title: "Owner", className: "wide", value: (row) => row.workflow.owner },
];

export const page = {
  what: "the workflows",
  views: ["workflow/", "objective/"],
  every: 1000,
  title: () => "Workflows",
  async load({ signal }) {
    const [workflows, objectives] = await Promise.all([
      get("/workflows", { limit: 1000 }, signal),
      get("/objectives", { limit: 1000 }, signal),
    ]);
    return workflows.items
      .map((workflow) => {
        const own = objectives.items.filter((objective) => objective.workflow === workflow.name);
        return { workflow, trouble: judge(workflow, own), worst: worstBudget(own) };
      })
      .sort(byTrouble)
      .map((row, rank) => ({ ...row, rank }));
  },
  view: (rows, context) =>
    html`<h1 class="small">Workflows</h1>
      <section class="panel" aria-label="Workflows">
        ${table(context, {
          name: "workflows",
          caption: "Workflows",
          columns,
          rows,
          key: (row) => row.workflow.name,
          sort: ["state", "asc"],
          empty: "No workflow is defined; see workflows in the configuration.",
        })}
      </section>`,
};
