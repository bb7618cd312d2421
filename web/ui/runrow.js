// SPDX-License-Identifier: Apache-2.0
// A run as the row of its steps: done, late, failed, to come, or missing with its clock running.
import { html, nothing } from "./lit.js";
import { badge, due, journeyLink, link, runState, systemMark, time } from "./parts.js";
import { openPlan } from "./plandialog.js";
import { placeLink } from "./replaywords.js";
import { duration, secondsBetween } from "./time.js";

const STEP_STATES = {
  done: ["ok", "done"],
  waiting: ["plain", "waiting"],
  failed: ["bad", "failed"],
  overdue: ["warn", "missing"],
  skipped: ["unknown", "skipped"],
};

// The line below a step: how long it took, until when it may take, why it failed.
function note(step) {
  if (step.state === "done") {
    return html`${step.lag === null ? time(step.time, false) : "after " + duration(step.lag)}
    ${step.late ? badge("warn", "late") : nothing}${step.recovered ? " · " + step.attempts + " attempts" : nothing}`;
  }
  const answered =
    step.answered === null
      ? ""
      : " · " + step.answered + (step.expected ? " of " + step.expected : "") + " stores";
  if (step.state === "failed") {
    return (
      (step.cause || "failed") +
      (step.attempts > 1 ? " · " + step.attempts + " attempts" : "") +
      answered
    );
  }
  if (step.state === "skipped") {
    return step.compensated
      ? "taken back"
      : step.failed_event
        ? "failed, then passed"
        : "not needed, or not seen";
  }
  if (!step.since) return "not yet its turn";
  return html`${step.due ? html`due ${due(step.due)}` : html`since ${time(step.since, false)}`}${answered}`;
}

// What the desk has of a step in trouble: its group, where it was replayed last, the way to a replay.
function failureOf(step, go) {
  const { failure } = step;
  if (!failure) return nothing;
  return html`<span class="step-failure"
    >${link("/failures/" + failure.group, "group " + failure.group)}
    ${failure.replay ? placeLink(failure.id, failure.replay, failure.parked) : nothing}
    <button
      type="button"
      class="chip"
      aria-label="Replay ${step.title || step.name} …"
      @click=${() =>
        openPlan({
          ask: { failures: [failure.id] },
          title: "Replay " + (step.title || step.name),
          go,
        })}
    >
      Replay …
    </button></span
  >`;
}

function stepItem(step, go) {
  const [state, word] = Object.hasOwn(STEP_STATES, step.state)
    ? STEP_STATES[step.state]
    : ["unknown", step.state];
  const n = step.event || step.failed_event;
  const title = step.title || step.name;
  const isAhead = step.state === "waiting" && !step.since;
  return html`<li
    class="run-step ${step.state} ${isAhead ? "ahead" : ""} ${step.destination ? "destination" : ""}"
  >
    ${badge(state, isAhead ? "to come" : word)}
    <span class="step-title">${n ? link("/event/" + n, title) : title}</span
    >${systemMark(step.system)}
    <span class="step-note">${note(step)}</span>
    ${failureOf(step, go)}
    ${step.destination ? html`<span class="step-end">destination</span>` : nothing}
  </li>`;
}

// The destinations of a run and how each is: what a run is for.
function destinations(run) {
  const ends = run.steps.filter((step) => step.destination && step.state !== "skipped");
  return ends.length === 0
    ? nothing
    : html`<ul class="ends" aria-label="Destinations">
        ${ends.map((step) => {
          const [state] = Object.hasOwn(STEP_STATES, step.state)
            ? STEP_STATES[step.state]
            : ["unknown"];
          return html`<li>${badge(state, step.title || step.name)}</li>`;
        })}
      </ul>`;
}

// All of a run at once, where several of its steps are in trouble.
function replayRun(run, go) {
  const failed = run.steps.filter((step) => step.failure && !step.failure.archived);
  if (failed.length < 2) return nothing;
  const title = "Replay all " + failed.length + " of " + (run.title || run.workflow);
  return html`<button
    type="button"
    class="chip replay-run"
    @click=${() =>
      openPlan({
        ask: { runs: [{ workflow: run.workflow, object: run.object }] },
        destinations: [...new Set(failed.map((step) => step.system))],
        noun: "step",
        title,
        go,
      })}
  >
    ${title} …
  </button>`;
}

// `own` is the object whose page this is; `go` leads to a replay that is begun here.
export function runRow(run, own, go) {
  const title = run.title || run.workflow;
  return html`<li class="run">
    <div class="run-head">
      <strong>${link("/workflows/" + encodeURIComponent(run.workflow), title)}</strong
      >${runState(run.state)} ${run.cause ? html`<span class="dim">${run.cause}</span>` : nothing}
      ${run.object === own ? nothing : journeyLink(run.object)}
      ${run.started && run.finished ? html`<span class="dim">took ${duration(secondsBetween(run.started, run.finished))}</span>` : nothing}
      ${run.started ? nothing : badge("unknown", "start not seen")}${destinations(run)}
      ${replayRun(run, go)}
    </div>
    <ol class="run-steps" aria-label="Steps of ${title}">
      ${run.steps.map((step) => stepItem(step, go))}
    </ol>
  </li>`;
}
