// SPDX-License-Identifier: Apache-2.0
// Words and shapes of runs, steps and lag: the same on every page.
import { h } from "./dom.js";
import { badge, linkTo, systemMark } from "./format.js";
import { duration, secondsBetween, timeElement } from "./time.js";

const RUN_STATES = {
  running: ["plain", "running"], completed: ["ok", "completed"], failed: ["bad", "failed"],
  overdue: ["warn", "overdue"], recovered: ["ok", "recovered"], compensated: ["unknown", "compensated"],
};
export const RUN_WORDS = Object.keys(RUN_STATES);
const STEP_STATES = {
  done: ["ok", "done"], waiting: ["plain", "waiting"], failed: ["bad", "failed"],
  overdue: ["warn", "overdue"], skipped: ["unknown", "skipped"],
};
const VERDICTS = {
  ok: ["ok", "keeps up", "What waits is not older than usual"],
  idle: ["plain", "idle", "Nothing waits, and nothing came or went"],
  warn: ["warn", "falls behind", "What waits grows, in number or in age"],
  stall: ["bad", "stalled", "It is heard of, but nothing comes through"],
  stop: ["bad", "stopped", "Nothing was heard of it for minutes, and something waits"],
  unknown: ["unknown", "no data yet", "Too little has been seen to say anything"],
};
export const CAUSES = ["master-data", "throttled", "timeout", "rejected", "unavailable", "auth",
  "contract", "conflict", "duplicate", "missing", "unknown"];

function known(table, word) {
  return Object.hasOwn(table, word || "") ? table[word] : ["unknown", word || "unknown"];
}

export function runState(word) {
  const [state, text] = known(RUN_STATES, word);
  return badge(state, text);
}

export function verdict(word) {
  const [state, text, title] = known(VERDICTS, word || "unknown");
  return badge(state, text, title);
}

// A page of runs with this filter.
export function runsPath(filter) {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
  return "/runs" + (query.size ? "?" + query : "");
}

// The line below a step: how long it took, until when it may take, why it failed.
function stepNote(step, now) {
  if (step.state === "done") {
    return [step.lag === null ? timeElement(step.time, false) : "after " + duration(step.lag),
      step.late ? [" ", badge("warn", "late")] : null,
      step.recovered ? " · " + step.attempts + " attempts" : null];
  }
  const answered = step.answered === null ? null
    : " · " + step.answered + (step.expected ? " of " + step.expected : "") + " stores";
  if (step.state === "failed") {
    return [step.cause || "failed", step.attempts > 1 ? " · " + step.attempts + " attempts" : null, answered];
  }
  if (step.state === "skipped") {
    return step.compensated ? "taken back" : step.failed_event ? "failed, then passed" : "not needed, or not seen";
  }
  if (!step.since) return "not yet its turn";
  if (!step.due) return ["since ", timeElement(step.since, false), answered];
  const left = secondsBetween(now, step.due);
  return [left >= 0 ? "due in " + duration(left) : "due " + duration(-left) + " ago", answered];
}

function stepItem(step, now) {
  const [state, word] = known(STEP_STATES, step.state);
  const n = step.event || step.failed_event;
  const title = step.title || step.name;
  const isAhead = step.state === "waiting" && !step.since;
  return h("li", { class: "run-step " + step.state + (isAhead ? " ahead" : "") + (step.destination ? " destination" : "") },
    badge(state, isAhead ? "to come" : word),
    h("span", { class: "step-title" }, n ? h("a", { href: "/event/" + n }, title) : title),
    systemMark(step.system),
    h("span", { class: "step-note", title: step.due ? "due " + step.due + " (UTC)" : null },
      stepNote(step, now)),
    step.destination ? h("span", { class: "step-end" }, "destination") : null);
}

// One run as a row of its steps. `own` is the object whose page this is.
export function runRow(run, own, now) {
  const ends = run.steps.filter((step) => step.destination && step.state !== "skipped");
  const reached = ends.filter((step) => step.state === "done").length;
  return h("li", { class: "run" },
    h("div", { class: "run-head" },
      h("strong", null, run.title || run.workflow), runState(run.state),
      run.cause ? h("span", { class: "dim" }, run.cause) : null,
      run.object === own ? null : linkTo(run.object),
      ends.length ? h("span", { class: "dim" }, reached + " of " + ends.length + " destinations") : null,
      run.started && run.finished
        ? h("span", { class: "dim" }, "took " + duration(secondsBetween(run.started, run.finished))) : null,
      run.started ? null : badge("unknown", "start not seen")),
    h("ol", { class: "run-steps", "aria-label": "Steps of " + (run.title || run.workflow) },
      run.steps.map((step) => stepItem(step, now))));
}
