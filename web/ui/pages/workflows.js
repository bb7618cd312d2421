// SPDX-License-Identifier: Apache-2.0
// Every workflow: what waits at which step, how late it is, and what is left of its budgets.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { badge, count, plural, rate, systemMark } from "../format.js";
import { empty, failed, loading } from "../state.js";
import { duration, secondsBetween } from "../time.js";
import { runsPath, verdict } from "../track.js";

const EVERY_MS = 2000;
const BEHIND_S = 15; // deadlines are judged about a second behind the clock when all is well

function th(text, className, title) {
  return h("th", { scope: "col", class: className, title }, text);
}

// A number that leads to its runs; 0 leads nowhere.
function link(n, filter, state) {
  if (n === null || n === undefined) return "–";
  if (n === 0) return "0";
  return h("a", { class: "count " + state, href: runsPath(filter) }, count(n));
}

function drain(step) {
  if (step.drain_seconds === "growing") return h("span", { class: "dim", title: "Not more leave than come" }, "grows");
  if (!step.waiting || step.drain_seconds === null) return "–";
  return duration(step.drain_seconds);
}

function age(step) {
  if (!step.waiting) return "–";
  return duration(step.oldest_age);
}

// A run is listed by its worst step, and one that waits only once it has waited long: the lists may
// be shorter than these numbers. Those of the whole workflow are exact.
function stepRow(workflow, step) {
  const isStart = step.after.length === 0;
  const filter = { workflow: workflow.name, step: step.name, open: "1" };
  const lag = step.lag || {};
  return h("tr", { class: step.destination ? "destination" : "" },
    h("th", { scope: "row", class: "wrap" }, step.title || step.name,
      step.destination ? h("span", { class: "step-end" }, "destination") : null),
    h("td", { class: "wide" }, systemMark(step.system)),
    h("td", { class: "num wide" }, rate(step.rate)),
    h("td", { class: "num" }, isStart ? "–" : count(step.waiting)),
    h("td", { class: "num" }, isStart ? "–" : link(step.overdue, { ...filter, state: "overdue" }, "warn")),
    h("td", { class: "num" }, link(step.failed, { ...filter, state: "failed" }, "bad")),
    h("td", { class: "num wide" }, isStart ? "–" : age(step)),
    h("td", { class: "num" }, lag.count
      ? [h("span", { class: "dim wide" }, duration(lag.p50) + " / "), duration(lag.p95)] : "–"),
    h("td", { class: "num wide" }, step.within === null ? "–" : duration(step.within)),
    h("td", { class: "num wide" }, isStart ? "–" : drain(step)),
    h("td", { class: "wide" }, isStart ? null : verdict(step.verdict)));
}

function percent(share) {
  const text = (100 * share).toFixed(3).replace(/\.?0+$/, "");
  return text + " %";
}

// A budget as a bar with its number; nothing decided is no data, never whole.
function objectiveRow(objective) {
  const left = objective.budget_remaining;
  const isKnown = typeof left === "number" && objective.total > 0;
  const state = !isKnown ? "unknown" : left <= 0 ? "bad" : left < 0.25 ? "warn" : "ok";
  const burn = objective.burn ? objective.burn["1h"] : null;
  return h("li", { class: "objective" },
    h("span", { class: "grow" }, objective.title || objective.name),
    h("span", { class: "dim num" }, isKnown ? percent(objective.ratio) + " of " : "target ", percent(objective.target)),
    h("meter", { class: state, value: isKnown ? Math.max(0, Math.min(1, left)) : 0, "aria-label": "Budget that is left" }),
    isKnown ? badge(state, left < 0 ? "overspent" : percent(Math.round(left * 1000) / 1000) + " left",
      percent(Math.round(left * 1000) / 1000) + " of the budget is left"
        + (burn === null ? "" : "; burn rate of the last hour: " + burn.toFixed(2)))
      : badge("unknown", "no data", "Nothing was decided in its window"));
}

function counts(workflow) {
  const runs = workflow.runs;
  const filter = { workflow: workflow.name, open: "1" };
  if (!runs) return null;
  return h("p", { class: "run-counts" },
    h("span", null, plural(runs.open, "open run")),
    h("span", null, link(runs.overdue, { ...filter, state: "overdue" }, "warn"), " overdue"),
    h("span", null, link(runs.failed, { ...filter, state: "failed" }, "bad"), " failed"),
    h("span", { class: "dim" }, count(runs.completed + runs.recovered) + " completed"),
    runs.compensated ? h("span", { class: "dim" }, count(runs.compensated) + " compensated") : null);
}

function flow(workflow, objectives) {
  const title = workflow.title || workflow.name;
  return h("section", { class: "panel flow", "aria-label": title, data: { workflow: workflow.name } },
    h("div", { class: "panel-head" }, h("h2", null, title), workflow.removed ? badge("unknown", "removed", "No longer in force; its last runs are still followed") : null, verdict(workflow.verdict),
      workflow.criticality === "critical" ? h("span", { class: "dim" }, "critical") : null,
      h("span", { class: "dim" }, workflow.owner)),
    counts(workflow),
    h("div", { class: "flow-body" }, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Steps of " + title },
      h("table", { class: "steps" }, h("thead", null, h("tr", null,
        th("Step"), th("System", "wide"), th("Per second", "num wide", "Mean of five minutes"), th("Waiting", "num"),
        th("Overdue", "num"), th("Failed", "num"), th("Oldest", "num wide"),
        th("Lag", "num", "Half took less / 95 of 100 took less, of the last five minutes"),
        th("Due within", "num wide"), th("Empty in", "num wide"), th("Now", "wide"))),
      h("tbody", null, workflow.steps.map((step) => stepRow(workflow, step))))),
    objectives.length ? h("ul", { class: "objectives", "aria-label": "Objectives of " + title },
      objectives.map(objectiveRow)) : null));
}

function isIdle(workflow) {
  return !workflow.runs || (workflow.runs.open === 0 && (workflow.verdict === "idle" || workflow.verdict === "unknown"));
}

// Idle workflows are one line each: nothing of them is late, and nothing is shown to be well.
function idleRow(workflow) {
  return h("li", null, h("span", { class: "judgement" }, verdict(workflow.verdict),
    h("span", { class: "grow" }, workflow.title || workflow.name),
    h("span", { class: "dim" }, workflow.runs ? count(workflow.runs.completed + workflow.runs.recovered) + " completed" : "")));
}

function notice(items) {
  const marks = items.map((workflow) => workflow.watermark).filter(Boolean).sort();
  if (items.length > 0 && items.every((workflow) => !workflow.at)) {
    return h("div", { class: "note" }, h("strong", null, "The collector has not said anything of workflows yet."));
  }
  const behind = marks.length ? secondsBetween(marks[0], new Date().toISOString()) : 0;
  if (behind < BEHIND_S) return null;
  return h("div", { class: "note warn" }, h("strong", null, "Behind by " + duration(behind) + ". "),
    "A source is delivering old events, or the taps are not read to their end: what is past its deadline since then is not called overdue yet.");
}

export function show(view, { signal }) {
  document.title = "Workflows – Tillwatch";
  const state = { shown: "", timer: 0 };
  const note = h("div");
  const body = h("div", null, loading("the workflows"));
  replace(view, h("h1", { class: "small" }, "Workflows"), note, body);

  function render(workflows, objectives) {
    const focused = document.activeElement && body.contains(document.activeElement)
      ? document.activeElement.getAttribute("href") : null;
    const busy = workflows.filter((workflow) => !isIdle(workflow));
    const idle = workflows.filter(isIdle);
    replace(body,
      workflows.length === 0 ? empty("No workflow is defined", h("p", null, "See workflows in the configuration.")) : null,
      h("div", { class: "flows" }, busy.map((workflow) => flow(workflow,
        objectives.filter((objective) => objective.workflow === workflow.name)))),
      idle.length ? h("section", { class: "panel", "aria-label": "Idle workflows" }, h("h2", null, "Idle"),
        h("ul", { class: "judgements" }, idle.map(idleRow))) : null);
    const again = focused && [...body.querySelectorAll("a")].find((one) => one.getAttribute("href") === focused);
    if (again) again.focus({ preventScroll: true });
  }

  async function load() {
    clearTimeout(state.timer);
    try {
      const [workflows, objectives] = await Promise.all([
        get("/workflows", { limit: 1000 }, signal), get("/objectives", { limit: 1000 }, signal)]);
      const text = JSON.stringify([workflows, objectives]);
      if (text !== state.shown) {
        state.shown = text;
        replace(note, notice(workflows.items));
        render(workflows.items, objectives.items);
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!state.shown) replace(body, failed(error, load));
    }
    state.timer = setTimeout(load, document.hidden ? 5 * EVERY_MS : EVERY_MS);
  }
  load();
  return () => clearTimeout(state.timer);
}
