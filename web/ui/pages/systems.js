// SPDX-License-Identifier: Apache-2.0
// Who talks to whom: the systems, and between them the steps of all workflows that lead from one to
// the other, with what goes, waits and fails there.
import { get } from "../api.js";
import { circle } from "../circle.js";
import { count, rate } from "../format.js";
import { html } from "../lit.js";
import { badge, countLink, runsPath, systemMark, verdict, verdictState } from "../parts.js";
import { table } from "../table.js";
import { duration } from "../time.js";

const WORST = ["bad", "warn", "ok", "unknown"];

// {from -> to: {rate, waiting, overdue, failed, p95, steps}} over all workflows.
function edgesOf(workflows) {
  const edges = new Map();
  for (const workflow of workflows) {
    const systemOf = new Map(workflow.steps.map((step) => [step.name, step.system]));
    for (const step of workflow.steps) {
      for (const before of step.after) {
        const from = systemOf.get(before);
        if (from === step.system) continue;
        const key = from + "\n" + step.system;
        const edge = edges.get(key) || {
          from,
          to: step.system,
          rate: 0,
          waiting: 0,
          overdue: 0,
          failed: 0,
          p95: null,
          steps: [],
        };
        edge.rate += step.rate || 0;
        edge.waiting += step.waiting || 0;
        edge.overdue += step.overdue || 0;
        edge.failed += step.failed || 0;
        if (step.lag && step.lag.count && (edge.p95 === null || step.lag.p95 > edge.p95))
          edge.p95 = step.lag.p95;
        edge.steps.push((workflow.title || workflow.name) + ": " + (step.title || step.name));
        edges.set(key, edge);
      }
    }
  }
  return [...edges.values()];
}

function stateOf(row) {
  if (row.failed > 0) return "bad";
  if (row.overdue > 0) return "warn";
  const state = verdictState(row.verdict);
  return WORST.includes(state) ? state : "unknown";
}

function node(row) {
  return html`<div class="node-head">${systemMark(row.system)}</div>
    <div class="node-facts">
      <span title="Steps done a second, mean of five minutes"
        >${row.rate === undefined || row.rate === null ? "–" : rate(row.rate) + "/s"}</span
      ><span>${count(row.waiting || 0)} wait</span>
    </div>
    <div class="node-facts">
      ${row.overdue ? countLink(row.overdue, runsPath({ system: row.system, state: "overdue", open: "1" }), "warn", count(row.overdue) + " overdue") : ""}
      ${row.failed ? countLink(row.failed, runsPath({ system: row.system, state: "failed", open: "1" }), "bad", count(row.failed) + " failed") : ""}
    </div>`;
}

const columns = [
  {
    name: "system",
    title: "System",
    value: (row) => row.system,
    cell: (row) => systemMark(row.system),
  },
  {
    name: "state",
    title: "State",
    value: (row) => WORST.indexOf(stateOf(row)),
    cell: (row) =>
      row.failed
        ? badge("bad", count(row.failed) + " failed")
        : row.overdue
          ? badge("warn", count(row.overdue) + " overdue")
          : verdict(row.verdict),
  },
  {
    name: "rate",
    title: "Done a second",
    className: "num",
    value: (row) => row.rate,
    cell: (row) => rate(row.rate),
  },
  {
    name: "waiting",
    title: "Waiting",
    className: "num",
    value: (row) => row.waiting,
    cell: (row) => count(row.waiting),
  },
  {
    name: "overdue",
    title: "Overdue",
    className: "num",
    value: (row) => row.overdue,
    cell: (row) =>
      countLink(
        row.overdue,
        runsPath({ system: row.system, state: "overdue", open: "1" }),
        "warn",
        count(row.overdue),
      ),
  },
  {
    name: "failed",
    title: "Failed",
    className: "num",
    value: (row) => row.failed,
    cell: (row) =>
      countLink(
        row.failed,
        runsPath({ system: row.system, state: "failed", open: "1" }),
        "bad",
        count(row.failed),
      ),
  },
  {
    name: "oldest",
    title: "Oldest",
    className: "num",
    value: (row) => (row.waiting ? row.oldest_age : null),
    cell: (row) => (row.waiting ? duration(row.oldest_age) : "–"),
  },
  ...["p50", "p95", "p99"].map((name) => ({
    name,
    title: "Lag " + name,
    className: "num",
    value: (row) => (row.lag && row.lag.count ? row.lag[name] : null),
    cell: (row) => (row.lag && row.lag.count ? duration(row.lag[name]) : "–"),
  })),
  {
    name: "drain",
    title: "Empty in",
    className: "num",
    value: (row) => row.drain_seconds,
    cell: (row) =>
      row.drain_seconds === "growing"
        ? "grows"
        : row.waiting && row.drain_seconds !== null && row.drain_seconds !== undefined
          ? duration(row.drain_seconds)
          : "–",
  },
  {
    name: "watermark",
    title: "Judged up to",
    className: "num",
    hint: "Deadlines of its steps are judged up to so long ago",
    value: (row) => row.watermark_lag,
    cell: (row) =>
      row.watermark_lag > 15 ? badge("warn", duration(row.watermark_lag) + " ago") : "now",
  },
];

// The same of a line between two systems: what its picture says, and all of it where that has no room.
const between = [
  {
    name: "between",
    title: "From, to",
    value: (edge) => edge.from + " → " + edge.to,
    cell: (edge) => html`${systemMark(edge.from)} → ${systemMark(edge.to)}`,
  },
  {
    name: "state",
    title: "State",
    value: (edge) => [-edge.failed, -edge.overdue].find((n) => n !== 0) || 0,
    cell: (edge) =>
      edge.failed
        ? badge("bad", count(edge.failed) + " failed")
        : edge.overdue
          ? badge("warn", count(edge.overdue) + " overdue")
          : badge(
              edge.rate > 0 || edge.waiting > 0 ? "ok" : "plain",
              edge.rate > 0 ? "goes" : "idle",
            ),
  },
  {
    name: "rate",
    title: "Done a second",
    className: "num",
    value: (edge) => edge.rate,
    cell: (edge) => rate(edge.rate),
  },
  {
    name: "p95",
    title: "Lag p95",
    hint: "Of the slowest of its steps",
    className: "num",
    value: (edge) => edge.p95,
    cell: (edge) => (edge.p95 === null ? "–" : duration(edge.p95)),
  },
  {
    name: "waiting",
    title: "Waiting",
    className: "num",
    value: (edge) => edge.waiting,
    cell: (edge) => count(edge.waiting),
  },
  {
    name: "steps",
    title: "Steps",
    value: (edge) => edge.steps.join(", "),
    cell: (edge) => html`<span class="dim">${edge.steps.join(", ")}</span>`,
  },
];

// The picture takes the width there is; where it has too little of it, style.css leaves it away.
function pictureWidth() {
  return Math.max(980, Math.min(1500, window.innerWidth - 130));
}

function labelOf(edge) {
  if (!edge.rate && !edge.failed && !edge.overdue) return "";
  const late = edge.p95 === null ? "" : " · " + duration(edge.p95);
  return rate(edge.rate) + "/s" + late + (edge.failed ? " · ✕" + count(edge.failed) : "");
}

function shortLabelOf(edge) {
  return edge.failed ? "✕" + count(edge.failed) : edge.rate ? rate(edge.rate) + "/s" : "";
}

export const page = {
  what: "the systems",
  views: ["overview", "workflow/"],
  every: 1000,
  title: () => "Systems",
  async load({ signal }) {
    const [overview, workflows] = await Promise.all([
      get("/overview", null, signal),
      get("/workflows", { limit: 1000 }, signal),
    ]);
    return { systems: overview.systems, edges: edgesOf(workflows.items) };
  },
  view({ systems, edges }, context) {
    const known = new Map(systems.map((row) => [row.system, row]));
    for (const edge of edges)
      for (const system of [edge.from, edge.to])
        if (!known.has(system)) known.set(system, { system });
    const talks = new Set(edges.flatMap((edge) => [edge.from, edge.to]));
    const rows = [...known.values()];
    return html`<h1 class="small">Systems</h1>
      <section class="panel picture" aria-label="Who talks to whom">
        ${circle({
          label: "Who talks to whom",
          nodeWidth: 150,
          nodeHeight: 70,
          width: pictureWidth(),
          height: Math.max(530, Math.min(640, window.innerHeight - 230)),
          nodes: rows
            .filter((row) => talks.has(row.system))
            .map((row) => ({ id: row.system, state: stateOf(row), view: () => node(row) })),
          edges: edges.map((edge) => ({
            from: edge.from,
            to: edge.to,
            state: edge.failed ? "bad" : edge.overdue ? "warn" : "",
            label: labelOf(edge),
            shortLabel: shortLabelOf(edge),
            title:
              edge.steps.join("\n") +
              "\np95 of the slowest " +
              (edge.p95 === null ? "unknown" : duration(edge.p95)) +
              ", " +
              count(edge.waiting) +
              " wait, " +
              count(edge.overdue) +
              " overdue, " +
              count(edge.failed) +
              " failed",
          })),
        })}
      </section>
      <section class="panel" aria-label="Systems">
        ${table(context, { name: "systems", caption: "Systems", columns, rows, key: (row) => row.system, sort: ["state", "asc"] })}
      </section>
      <section class="panel" aria-label="Between systems">
        <h2>Between systems</h2>
        ${table(context, { name: "between", caption: "Between systems", columns: between, rows: edges, key: (edge) => edge.from + " " + edge.to, sort: ["state", "asc"] })}
      </section>`;
  },
};
