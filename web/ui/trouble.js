// SPDX-License-Identifier: Apache-2.0
// How a workflow is, in one word: what a tile's colour means, and which come first.
import { count } from "./format.js";
import { VERDICT_ORDER } from "./parts.js";

const RANKS = ["bad", "warn", "ok", "unknown"];
const BUDGET_LOW = 0.25;

// The oldest that waits, over all steps that wait for another.
export function oldestOf(workflow) {
  let oldest = null;
  for (const step of workflow.steps) {
    if (step.after.length > 0 && step.waiting > 0 && (oldest === null || step.oldest_age > oldest))
      oldest = step.oldest_age;
  }
  return oldest;
}

export function waitingOf(workflow) {
  return workflow.steps.reduce(
    (sum, step) => sum + (step.after.length > 0 ? step.waiting || 0 : 0),
    0,
  );
}

// The objective of which least is left; null: none has decided anything.
export function worstBudget(objectives) {
  let worst = null;
  for (const objective of objectives) {
    const isKnown = typeof objective.budget_remaining === "number" && objective.total > 0;
    if (isKnown && (worst === null || objective.budget_remaining < worst.budget_remaining))
      worst = objective;
  }
  return worst;
}

// {state, why}: "bad", "warn", "ok", or "unknown": nothing goes on, or too little was seen to say that
// it is well.
export function judge(workflow, objectives) {
  const runs = workflow.runs || { failed: 0, overdue: 0, open: 0 };
  const budget = worstBudget(objectives);
  const left = budget ? budget.budget_remaining : 1;
  const why = [];
  if (runs.failed) why.push(["bad", count(runs.failed) + " failed"]);
  if (workflow.verdict === "stop" || workflow.verdict === "stall")
    why.push(["bad", workflow.verdict === "stop" ? "stopped" : "stalled"]);
  if (left <= 0) why.push(["bad", "budget spent"]);
  if (runs.overdue) why.push(["warn", count(runs.overdue) + " overdue"]);
  if (workflow.verdict === "warn") why.push(["warn", "falls behind"]);
  if (left > 0 && left < BUDGET_LOW) why.push(["warn", "budget low"]);
  const state = why.length ? why[0][0] : workflow.verdict === "ok" ? "ok" : "unknown";
  return { state, why: why.map(([, words]) => words) };
}

// In small letters, which puts titles in order without what takes a browser long to begin with (Intl).
function titleOf({ workflow }) {
  return workflow.title.toLowerCase();
}

// Trouble first; of the same trouble, what matters more, then what is worse, then by title.
export function byTrouble(a, b) {
  const weight = { critical: 0, standard: 1, deferrable: 2 };
  return (
    RANKS.indexOf(a.trouble.state) - RANKS.indexOf(b.trouble.state) ||
    weight[a.workflow.criticality] - weight[b.workflow.criticality] ||
    VERDICT_ORDER.indexOf(a.workflow.verdict) - VERDICT_ORDER.indexOf(b.workflow.verdict) ||
    (titleOf(a) < titleOf(b) ? -1 : titleOf(a) > titleOf(b) ? 1 : 0)
  );
}
