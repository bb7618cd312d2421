// SPDX-License-Identifier: Apache-2.0
// The way to a replay: what would be sent is frozen by the tower and said in a sentence, then somebody
// gives a reason and starts it, or does not. Nothing is sent before that.
//
// openPlan({ask, noun, title, runbook, destinations, go})
//   ask: what to plan, as POST /replays/plan takes it   noun: of one thing of it ("transaction")
//   destinations: systems to choose from where it could be several   go(path): to the replay, in the end
import { ApiError, post } from "./api.js";
import { amountWords } from "./failurelist.js";
import { count, plural } from "./format.js";
import { html, live, nothing, render } from "./lit.js";
import { badge, fact, journeyLink, systemMark } from "./parts.js";
import { editOf, newRepair, repairFields } from "./repair.js";
import { reasonText } from "./replaywords.js";
import { duration } from "./time.js";

const PACE = [
  ["rate", "Items a second, at most", 1, 1000],
  ["canary", "Canary: so many first", 0, 1000],
  ["stop_after_failures", "Stop after so many failures", 1, 100000],
  ["stop_percent", "Stop at this share of failures, %", 1, 100],
  ["proof_seconds", "Seconds until what is not proven counts as unproven", 5, 86400],
];

// Also where the page did not come by TLS, and crypto.randomUUID is not there.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

function nounOf(state, n) {
  return plural(n, state.noun || "item");
}

// "308 transactions worth 12,345.60 EUR of 14 stores will be sent to erp again, 5 of them first; …"
function sentence(state) {
  const { plan, pace } = state;
  const worth = amountWords(plan);
  const out = plan.unreplayable.reduce((sum, one) => sum + one.count, 0);
  const left = out > 0 ? count(out) + (out === 1 ? " is" : " are") + " left out" : "";
  if (plan.count === 0) return "Nothing can be sent again" + (left ? ": " + left + "." : ".");
  const first = Number(pace.canary) > 0 && Number(pace.canary) < plan.count;
  return (
    nounOf(state, plan.count) +
    (worth ? " worth " + worth : "") +
    (plan.stores ? " of " + plural(plan.stores, "store") : "") +
    " will be sent to " +
    plan.destination +
    " again" +
    (first ? ", " + count(Number(pace.canary)) + " first" : "") +
    (left ? "; " + left : "") +
    "."
  );
}

function reasonItem(state, one) {
  const isOverridden = state.override.has(state.overrides[one.reason]);
  return html`<li>
    <details>
      <summary><b class="num">${count(one.count)}</b> ${reasonText(one.reason)}</summary>
      <ul class="left-out-items">
        ${one.items.map(
          (item) =>
            html`<li>
              ${journeyLink(item.object)}
              <span class="dim"
                >${item.step || ""}${item.store ? ", store " + item.store : ""}</span
              >
            </li>`,
        )}
        ${one.count > one.items.length ? html`<li class="dim">and ${count(one.count - one.items.length)} more</li>` : nothing}
      </ul>
    </details>
    ${one.overridable && !isOverridden ? overrideBox(state, one.reason, "Send these all the same") : nothing}
  </li>`;
}

function overrideBox(state, reason, words) {
  const what = state.overrides[reason];
  return html`<label class="check"
    ><input
      type="checkbox"
      ?disabled=${state.isBusy}
      .checked=${live(state.override.has(what))}
      @change=${(change) => {
        if (change.target.checked) state.override.add(what);
        else state.override.delete(what);
        state.replan();
      }}
    />
    ${words}</label
  >`;
}

function overridden(state) {
  const { plan } = state;
  const parts = [
    ["sent-unproven", plan.overridden.unproven, "sent before and unproven"],
    ["parked", plan.overridden.parked, "parked"],
  ].filter(([, n]) => n > 0);
  return parts.map(
    ([reason, n, words]) =>
      html`<div class="note warn">
        <strong>${nounOf(state, n)} ${words} ${n === 1 ? "is" : "are"} in it all the same.</strong>
        ${overrideBox(state, reason, "Send these too")}
      </div>`,
  );
}

function carriers(plan) {
  if (!plan.destination) return nothing;
  if (plan.destination_kind === "http") return "over HTTP";
  return plan.agents > 0
    ? badge("ok", plural(plan.agents, "agent") + " online")
    : badge("bad", "no agent online");
}

function estimate(state) {
  const { plan, pace } = state;
  const rate = Number(pace.rate);
  if (!(plan.count > 0) || !(rate > 0)) return "–";
  const isAsPlanned = rate === plan.rate && Number(pace.canary) === plan.canary;
  const seconds = isAsPlanned ? plan.estimate_seconds : Math.ceil(plan.count / rate);
  return (isAsPlanned ? "about " : "at least ") + duration(seconds);
}

function facts(state) {
  const { plan } = state;
  return html`<dl class="facts line">
    ${plan.destination ? fact("To", html`${systemMark(plan.destination)} ${carriers(plan)}`) : nothing}
    ${fact("Objects", count(plan.objects))} ${fact("Takes", estimate(state))}
    ${state.runbook ? fact("Runbook", html`<code>${state.runbook}</code>`) : nothing}
  </dl>`;
}

function leftOut(state) {
  const { plan } = state;
  if (plan.unreplayable.length === 0) return nothing;
  return html`<section aria-label="Left out">
    <h3>Left out, and why</h3>
    <ul class="left-out">
      ${plan.unreplayable.map((one) => reasonItem(state, one))}
    </ul>
  </section>`;
}

function paceFields(state) {
  return html`<details class="pace" ?open=${state.isPaceOpen}>
    <summary>
      Pace: ${state.pace.rate} a second, canary ${state.pace.canary}, and when to stop
    </summary>
    <div class="pace-fields">
      ${PACE.map(
        ([name, words, min, max]) =>
          html`<label
            >${words}
            <input
              type="number"
              name=${name}
              min=${min}
              max=${max}
              step="1"
              required
              .value=${live(String(state.pace[name]))}
              @input=${(input) => {
                state.pace[name] = input.target.value;
                state.draw();
              }}
          /></label>`,
      )}
    </div>
    <p class="dim">
      It goes slower by itself when live traffic of the destination waits longer than usual, and one
      object never has two under way.
    </p>
  </details>`;
}

function reasonField(state, name, words) {
  return html`<label class="reason"
    >${words}
    <textarea
      name=${name}
      rows="2"
      maxlength="500"
      required
      ?readonly=${Boolean(state.order)}
      aria-invalid=${state.missing === name ? "true" : "false"}
      .value=${live(state[name])}
      @input=${(input) => {
        state[name] = input.target.value;
        if (state.missing === name) {
          state.missing = "";
          state.draw();
        }
      }}
    ></textarea>
    ${state.missing === name ? html`<span class="error-note" role="alert">Say why: it is kept with the replay.</span>` : nothing}
  </label>`;
}

function planned(state) {
  const { plan } = state;
  const needsOverride = plan.overridden.unproven + plan.overridden.parked > 0;
  return html`<p class="plan-sentence">${sentence(state)}</p>
    ${facts(state)}
    ${
      plan.held > 0
        ? html`<p>
            ${nounOf(state, plan.held)} of these
            ${plan.held === 1 ? "was not asked for: it is" : "were not asked for: they are"} of the
            same objects and ${plan.held === 1 ? "follows" : "follow"} in order.
          </p>`
        : nothing
    }
    ${
      plan.financial > 0
        ? html`<p>
            ${badge("warn", "money")} ${nounOf(state, plan.financial)}
            ${plan.financial === 1 ? "is" : "are"} financial: what stays unproven is not sent again
            by itself.
          </p>`
        : nothing
    }
    ${
      plan.unknown > 0
        ? html`<p>
            ${count(plan.unknown)} of what was named ${plan.unknown === 1 ? "has" : "have"} no
            failure that is known.
          </p>`
        : nothing
    }
    ${overridden(state)}${leftOut(state)}
    ${
      plan.count > 0
        ? html`${paceFields(state)}${reasonField(state, "reason", "Why is it sent again? (it is kept)")}
          ${needsOverride ? reasonField(state, "override_reason", "Why are unproven or parked ones sent all the same?") : nothing}`
        : nothing
    }`;
}

function complaint(state) {
  const { fault } = state;
  if (!fault) return nothing;
  return html`<div class="note bad" role="alert">
    <strong>${fault.title}</strong>
    <p>${fault.words}</p>
    ${fault.again ? html`<button type="button" id="plan-again" @click=${() => state.replan()}>Plan again</button>` : nothing}
  </div>`;
}

function chooser(state) {
  return html`<label class="check"
    >To which system?
    <select
      id="plan-destination"
      @change=${(change) => {
        state.destination = change.target.value;
        state.replan();
      }}
    >
      <option value="" ?selected=${!state.destination}>choose</option>
      ${state.destinations.map((name) => html`<option value=${name} ?selected=${name === state.destination}>${name}</option>`)}
    </select></label
  >`;
}

function content(state) {
  const isReady = state.plan && !state.isPlanning && state.plan.count > 0 && !state.repair.isDirty;
  return html`<form method="dialog" novalidate @submit=${(submit) => start(state, submit)}>
    <div class="plan-body">
      <h2 id="plan-title" tabindex="-1">${state.title}</h2>
      ${state.destinations.length > 1 ? chooser(state) : nothing}
      ${
        state.isPlanning
          ? html`<p class="dim" role="status">
              Looking at what would be sent. Nothing is sent yet …
            </p>`
          : state.plan
            ? planned(state)
            : nothing
      }
      ${repairFields(state)}
    </div>
    ${complaint(state)}
    <div class="plan-buttons">
      <p class="dim" role="status">
        ${
          state.isBusy
            ? "Starting …"
            : state.repair.isDirty
              ? "Compare the repair first."
              : isReady && !state.fault
                ? "Nothing is sent yet."
                : nothing
        }
      </p>
      <button type="button" ?disabled=${state.isBusy} @click=${() => state.close()}>Close</button>
      ${
        isReady
          ? html`<button
              type="submit"
              class="primary"
              id="plan-start"
              ?disabled=${state.isBusy || Boolean(state.fault && state.fault.again)}
            >
              ${state.order && !state.isBusy ? "Try again" : "Replay " + count(state.plan.count)}
            </button>`
          : nothing
      }
    </div>
  </form>`;
}

// Faults in words. `again`: what was planned cannot be started any more.
function faultOf(error, isPlan) {
  if (!(error instanceof ApiError)) {
    return {
      title: "The tower does not answer",
      words: isPlan
        ? "Nothing was sent. Try again in a moment."
        : "Whether it was started is not known. Trying again is safe: it is started once, or not at all.",
      again: isPlan,
    };
  }
  const words = error.detail || error.message;
  if (isPlan) return { title: error.title, words, again: error.status >= 500 };
  if (error.status === 409) {
    const n = error.problem.changed;
    return {
      title: "Something has changed since it was planned",
      words:
        (typeof n === "number" ? plural(n, "item") + " of it changed meanwhile. " : words + " ") +
        "Nothing was sent. Plan again to see what would be sent now.",
      again: true,
    };
  }
  if (error.status === 404) {
    return {
      title: "This plan has expired",
      words: "A plan is good for a quarter of an hour. Nothing was sent.",
      again: true,
    };
  }
  return { title: error.title, words: words + " Nothing was sent.", again: false };
}

async function plan(state) {
  const number = ++state.number;
  Object.assign(state, { fault: null, order: null });
  if (state.destinations.length > 1 && !state.destination) {
    state.plan = null;
    state.draw();
    return;
  }
  state.isPlanning = true;
  state.draw();
  const ask = { ...state.ask };
  if (state.destination) ask.destination = state.destination;
  if (ask.filter && Object.keys(ask.filter).length === 0)
    ask.filter = { system: state.destination };
  if (state.override.size) ask.override = [...state.override];
  const edit = editOf(state);
  if (edit) ask.edit = edit;
  try {
    const answer = await post("/replays/plan", ask);
    if (number !== state.number) return;
    state.plan = answer;
    state.mayEdit = answer.may_edit;
    for (const [name] of PACE) if (!state.hasPace) state.pace[name] = answer[name];
    state.hasPace = true;
  } catch (error) {
    if (number !== state.number) return;
    state.plan = null;
    state.fault = faultOf(error, true);
  }
  state.isPlanning = false;
  state.draw();
  state.keepFocus();
}

// What a person must still say; said where it is missing.
function isComplete(state, form) {
  const wrong = PACE.find(([name, , min, max]) => {
    const value = Number(state.pace[name]);
    return !Number.isInteger(value) || value < min || value > max || state.pace[name] === "";
  });
  if (wrong) {
    const [name, words, min, max] = wrong;
    state.isPaceOpen = true;
    state.fault = {
      title: "The pace is not complete",
      words: words + ": from " + min + " to " + max,
    };
    state.draw();
    form.elements[name].focus();
    return false;
  }
  const needed = form.elements.override_reason ? ["reason", "override_reason"] : ["reason"];
  state.missing = needed.find((name) => !state[name].trim()) || "";
  if (!state.missing) return true;
  state.draw();
  form.elements[state.missing].focus();
  return false;
}

// One click, one effect: while it is under way, and after it has done, nothing begins it again; and
// the key makes the tower take the same order once, whatever the network does.
async function start(state, submit) {
  submit.preventDefault();
  if (
    state.isBusy ||
    state.isOver ||
    state.repair.isDirty ||
    !state.plan ||
    (state.fault && state.fault.again)
  )
    return;
  if (!state.order) {
    const body = { plan: state.plan.plan, reason: state.reason.trim() };
    for (const [name] of PACE) body[name] = Number(state.pace[name]);
    if (state.override_reason.trim()) body.override_reason = state.override_reason.trim();
    if (!isComplete(state, submit.target)) return;
    state.order = { body, key: state.key };
  }
  state.isBusy = true;
  state.fault = null;
  state.draw();
  try {
    const { body, key } = state.order;
    const replay = await post("/replays", body, { "Idempotency-Key": key });
    state.isOver = true;
    state.close();
    state.go("/replays/" + replay.id);
    return;
  } catch (error) {
    state.fault = faultOf(error, false);
    // A refusal is an answer: what is asked next is another order.
    if (error instanceof ApiError && error.status < 500) {
      state.order = null;
      state.key = newKey();
    }
  }
  state.isBusy = false;
  state.draw();
  const next = submit.target.querySelector("#plan-again, #plan-start:not(:disabled)");
  if (next) next.focus();
}

export function openPlan({ ask, noun, title, runbook, destinations, go }) {
  const dialog = document.createElement("dialog");
  dialog.className = "plan";
  dialog.setAttribute("aria-labelledby", "plan-title");
  const state = {
    ask,
    noun,
    title: title || "Replay",
    runbook,
    go,
    destinations: destinations || [],
    destination: "",
    overrides: { "sent-unproven": "unproven", parked: "parked" },
    override: new Set(),
    pace: {},
    reason: "",
    override_reason: "",
    missing: "", // what must still be said
    mayEdit: false, // as the tower says
    repair: newRepair(),
    key: newKey(),
    number: 0,
    draw: () => render(content(state), dialog),
    // What had the focus may be gone with the plan before.
    keepFocus: () => {
      if (!dialog.contains(document.activeElement)) dialog.querySelector("#plan-title").focus();
    },
    close: () => dialog.close(),
    replan: () => plan(state),
  };
  const leave = () => dialog.close();
  dialog.addEventListener("close", () => {
    window.removeEventListener("popstate", leave);
    state.number++;
    dialog.remove();
  });
  // What is under way is waited for: it would be told to nobody.
  dialog.addEventListener("cancel", (cancel) => state.isBusy && cancel.preventDefault());
  // What is linked opens beside it, so that the plan stays.
  dialog.addEventListener("click", (click) => {
    const anchor = click.target.closest("a[href]");
    if (!anchor) return;
    click.preventDefault();
    window.open(anchor.href, "_blank", "noopener");
  });
  window.addEventListener("popstate", leave);
  document.body.append(dialog);
  state.draw();
  dialog.showModal();
  plan(state);
}
