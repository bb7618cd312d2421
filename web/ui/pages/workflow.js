// SPDX-License-Identifier: Apache-2.0
// One workflow: its graph with what waits where, its plots over the chosen range, the runs in trouble,
// its objectives.
import { get } from "../api.js";
import { count, plural, rate } from "../format.js";
import { graph } from "../graph.js";
import { html, nothing } from "../lit.js";
import {
  badge,
  budget,
  countLink,
  link,
  percent,
  runsPath,
  systemMark,
  verdict,
  verdictState,
} from "../parts.js";
import { plot } from "../plot.js";
import { rangeBar, rangeQuery } from "../range.js";
import { runColumns } from "../runlist.js";
import { table } from "../table.js";
import { duration } from "../time.js";

function stepState(step) {
  if (step.failed > 0) return "bad";
  if (step.overdue > 0) return "warn";
  if (step.after.length === 0) return step.rate > 0 ? "ok" : "unknown";
  return verdictState(step.verdict);
}

function drain(step) {
  if (step.drain_seconds === "growing") return "grows";
  return step.waiting && step.drain_seconds !== null
    ? "empty in " + duration(step.drain_seconds)
    : "";
}

function node(workflow, step) {
  const filter = { workflow: workflow.name, step: step.name, open: "1" };
  const isStart = step.after.length === 0;
  return html`<div class="node-head">
      ${systemMark(step.system)}${step.destination ? html`<span class="step-end">end</span>` : nothing}
    </div>
    <strong class="node-title">${step.title || step.name}</strong>
    <div class="node-facts">
      <span title="Done a second, mean of five minutes">${rate(step.rate)}/s</span>
      ${isStart ? nothing : html`<span title="Waiting for this step">${count(step.waiting)} wait</span>`}
      ${step.overdue ? countLink(step.overdue, runsPath({ ...filter, state: "overdue" }), "warn", count(step.overdue) + " overdue") : nothing}
      ${step.failed ? countLink(step.failed, runsPath({ ...filter, state: "failed" }), "bad", count(step.failed) + " failed") : nothing}
    </div>
    ${isStart ? nothing : html`<div class="node-facts dim">${step.waiting ? html`<span title="Age of the oldest that waits">oldest ${duration(step.oldest_age)}</span>` : nothing}<span>${drain(step)}</span></div>`}`;
}

function flowGraph(workflow) {
  const nodes = workflow.steps.map((step) => ({
    id: step.name,
    state: stepState(step),
    view: () => node(workflow, step),
  }));
  const edges = workflow.steps.flatMap((step) =>
    step.after.map((before) => ({
      from: before,
      to: step.name,
      state: stepState(step) === "ok" || stepState(step) === "unknown" ? "" : stepState(step),
      label:
        step.lag && step.lag.count
          ? duration(step.lag.p95)
          : step.within === null
            ? ""
            : "≤ " + duration(step.within),
      title:
        step.lag && step.lag.count
          ? "p50 " +
            duration(step.lag.p50) +
            ", p95 " +
            duration(step.lag.p95) +
            ", p99 " +
            duration(step.lag.p99) +
            " of " +
            plural(step.lag.count, "run") +
            (step.within === null ? "" : "; due within " + duration(step.within))
          : "due within " + duration(step.within),
    })),
  );
  return graph({ nodes, edges, label: "Steps of " + (workflow.title || workflow.name) });
}

const stepColumns = (workflow) => [
  { name: "step", title: "Step", value: (step) => step.title || step.name },
  {
    name: "system",
    title: "System",
    value: (step) => step.system,
    cell: (step) => systemMark(step.system),
  },
  {
    name: "rate",
    title: "Per second",
    className: "num",
    hint: "Mean of the chosen time",
    value: (step) => step.rate,
    cell: (step) => rate(step.rate),
  },
  {
    name: "waiting",
    title: "Waiting",
    className: "num",
    value: (step) => (step.after.length ? step.waiting : null),
  },
  {
    name: "overdue",
    title: "Overdue",
    className: "num",
    value: (step) => (step.after.length ? step.overdue : null),
    cell: (step) =>
      step.after.length
        ? countLink(
            step.overdue,
            runsPath({ workflow: workflow.name, step: step.name, state: "overdue", open: "1" }),
            "warn",
            count(step.overdue),
          )
        : "–",
  },
  {
    name: "failed",
    title: "Failed",
    className: "num",
    value: (step) => step.failed,
    cell: (step) =>
      countLink(
        step.failed,
        runsPath({ workflow: workflow.name, step: step.name, state: "failed", open: "1" }),
        "bad",
        count(step.failed),
      ),
  },
  {
    name: "oldest",
    title: "Oldest",
    className: "num",
    value: (step) => (step.waiting ? step.oldest_age : null),
    cell: (step) => (step.after.length && step.waiting ? duration(step.oldest_age) : "–"),
  },
  ...["p50", "p95", "p99"].map((name) => ({
    name,
    title: "Lag " + name,
    className: "num",
    value: (step) => (step.lag && step.lag.count ? step.lag[name] : null),
    cell: (step) => (step.lag && step.lag.count ? duration(step.lag[name]) : "–"),
  })),
  {
    name: "within",
    title: "Due within",
    className: "num",
    value: (step) => step.within,
    cell: (step) => (step.within === null ? "–" : duration(step.within)),
  },
  {
    name: "drain",
    title: "Empty in",
    className: "num",
    value: (step) => (step.drain_seconds === "growing" ? "grows" : step.drain_seconds),
    cell: (step) => drain(step).replace("empty in ", "") || "–",
  },
  {
    name: "verdict",
    title: "Now",
    value: (step) => step.verdict,
    cell: (step) => (step.after.length ? verdict(step.verdict) : "–"),
  },
];

function objectiveItem(objective) {
  const isKnown = typeof objective.budget_remaining === "number" && objective.total > 0;
  const burn =
    objective.burn && typeof objective.burn["1h"] === "number"
      ? objective.burn["1h"].toFixed(1)
      : "–";
  return html`<li class="objective">
    <span class="grow"
      >${link("/objectives/" + encodeURIComponent(objective.name), objective.title || objective.name)}</span
    >
    <span class="dim num"
      >${isKnown ? percent(objective.ratio) + " of " : "target "}${percent(objective.target)}</span
    >
    <span class="dim num" title="Burn rate of the last hour">burn ${burn}</span>${budget(objective)}
  </li>`;
}

const REMOVED = badge("unknown", "removed", "No longer in force; its last runs are still followed");

function head(workflow) {
  const runs = workflow.runs;
  return html`<div class="page-head">
    <h1>${workflow.title || workflow.name}</h1>
    ${workflow.removed ? REMOVED : nothing}${verdict(workflow.verdict)}
    <span class="dim"
      >${workflow.criticality} · ${workflow.owner}${workflow.financial ? " · financial" : ""}</span
    >
    ${
      runs
        ? html`<p class="run-counts">
            <span>${plural(runs.open, "open run")}</span>
            <span
              >${countLink(runs.overdue, runsPath({ workflow: workflow.name, state: "overdue", open: "1" }), "warn", count(runs.overdue))}
              overdue</span
            >
            <span
              >${countLink(runs.failed, runsPath({ workflow: workflow.name, state: "failed", open: "1" }), "bad", count(runs.failed))}
              failed</span
            >
            <span class="dim"
              >${count(runs.completed + runs.recovered)} completed, ${count(runs.compensated)}
              compensated since tracking began</span
            >
          </p>`
        : nothing
    }
  </div>`;
}

const PLOTS = [
  ["workflow.throughput", "Throughput"],
  ["workflow.lag", "Lag"],
  ["workflow.waiting", "Waiting and overdue"],
  ["workflow.failures", "Failures"],
];

export const page = {
  what: "the workflow",
  views: ["workflow/", "objective/", "runs"],
  every: 1000,
  hasRange: true,
  title: (data, { rest }) => (data ? data.workflow.title || rest : rest),
  async load({ rest, range, signal }) {
    const seconds = Math.round(range.seconds);
    const window =
      range.isLive && seconds >= 60 && seconds !== 3600 ? Math.min(2592000, seconds) : "";
    // Of a name that is none the first call says so best; the others refuse it as a parameter.
    const own = get("/workflows/" + encodeURIComponent(rest), { window }, signal);
    const others = Promise.all([
      get("/objectives", { workflow: rest, limit: 1000 }, signal),
      get(
        "/runs",
        { workflow: rest, limit: 100, ...(range.isLive ? { open: "1" } : rangeQuery(range)) },
        signal,
      ),
    ]);
    others.catch(() => {});
    const workflow = await own;
    const [objectives, runs] = await others;
    return { workflow, objectives: objectives.items, runs };
  },
  view({ workflow, objectives, runs }, context) {
    const filter = (extra) => runsPath({ workflow: workflow.name, ...extra });
    return html`${head(workflow)}${rangeBar(context)}
      <section class="panel" aria-label="Steps">${flowGraph(workflow)}</section>
      <div class="plots">
        ${PLOTS.map(
          ([panel, title]) =>
            html`<section class="panel" aria-label=${title}>
              ${plot(context, panel, {
                panel,
                title,
                params: { workflow: workflow.name },
                width: 760,
                height: 220,
                runs: filter,
              })}
            </section>`,
        )}
      </div>
      <section class="panel" aria-label="Runs in trouble">
        <h2>${link(filter({ open: "1" }), "Runs that failed, are overdue, or wait longest")}</h2>
        ${table(context, {
          name: "runs",
          caption: "Runs in trouble",
          className: "runs",
          columns: runColumns.filter((one) => one.name !== "workflow"),
          rows: runs.items,
          key: (run) => run.object,
          sort: ["since", "desc"],
          empty: "No run is in trouble.",
          more: runs.next && { total: runs.total },
        })}
      </section>
      ${
        objectives.length
          ? html`<section class="panel" aria-label="Objectives">
              <h2>Objectives</h2>
              <ul class="objectives">
                ${objectives.map(objectiveItem)}
              </ul>
            </section>`
          : nothing
      }
      <section class="panel" aria-label="Steps in numbers">
        <h2>Steps in numbers</h2>
        ${table(context, {
          name: "steps",
          caption: "Steps",
          columns: stepColumns(workflow),
          rows: workflow.steps,
          key: (step) => step.name,
        })}
      </section>
      <details class="panel">
        <summary>
          Definition (${workflow.file}:${workflow.line}, version ${workflow.version})
        </summary>
        <pre class="json" tabindex="0">${workflow.text}</pre>
      </details>`;
  },
};
