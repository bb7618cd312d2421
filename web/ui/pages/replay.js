// SPDX-License-Identifier: Apache-2.0
// One replay: how much of it is proven, what it does now, and every item with what happened to it. It
// can be paused, resumed, cancelled here; what has left cannot be called back, and that is said.
import { get, post } from "../api.js";
import { count, plural } from "../format.js";
import { html, live, nothing, repeat } from "../lit.js";
import { empty, faultWords, wants } from "../notes.js";
import { badge, fact, journeyLink, link, storeLink, systemMark, time } from "../parts.js";
import { openPlan } from "../plandialog.js";
import {
  ITEM_STATES,
  ITEM_WORDS,
  itemState,
  lineText,
  outcomeBar,
  phaseText,
  replayPath,
  replayState,
  selectionText,
  worthText,
} from "../replaywords.js";
import { duration } from "../time.js";

const PAGE = 50;
const PAGE_MAX = 1000;

// --- what one can do

// One click, one effect: what is under way is not begun again.
async function act(context, replay, what, reason, words) {
  const { state } = context;
  if (state.isActing) return;
  state.isActing = true;
  state.said = null;
  context.update();
  try {
    const answer = await post("/replays/" + replay.id + "/" + what, reason ? { reason } : {});
    state.said = { ok: true, words: words(answer) };
    state.asked = "";
    state.reason = "";
  } catch (error) {
    state.said = {
      ok: false,
      words: faultWords(error),
    };
  }
  state.isActing = false;
  context.reload();
}

// Asks for the reason of what is not undone by another button.
function reasonForm(context, { label, button, words, name, run }) {
  const { state } = context;
  return html`<form
    class="ask-form"
    aria-label=${button}
    @submit=${(submit) => {
      submit.preventDefault();
      const reason = (state.reason || "").trim();
      if (reason) run(reason);
      else wants(submit.target.elements.reason, "Say why: it is kept with the replay.");
    }}
  >
    ${words}
    <label class="reason"
      >${label} (it is kept)
      <textarea
        name="reason"
        rows="2"
        maxlength="500"
        required
        .value=${live(state.reason || "")}
        @input=${(input) => {
          state.reason = input.target.value;
        }}
      ></textarea>
    </label>
    <p class="row-form">
      <button type="submit" class="primary" ?disabled=${state.isActing}>${button}</button>
      <button
        type="button"
        @click=${() => {
          state.asked = "";
          context.update();
          document.getElementById(name)?.focus();
        }}
      >
        Leave it as it is
      </button>
    </p>
  </form>`;
}

function cancelForm(context, replay) {
  const { waiting, sent } = replay.counts;
  return reasonForm(context, {
    name: "cancel",
    button: "Cancel the replay",
    label: "Why is it cancelled?",
    words: html`<p>
      <b>${plural(waiting, "item")}</b> ${waiting === 1 ? "is" : "are"} waiting and will not be
      sent. <b>${count(replay.left)}</b> ${replay.left === 1 ? "has" : "have"} left and cannot be
      called
      back${sent > 0 ? html`; ${count(sent)} of them ${sent === 1 ? "is" : "are"} still under way` : nothing}.
    </p>`,
    run: (reason) =>
      act(
        context,
        replay,
        "cancel",
        reason,
        (answer) =>
          "Cancelled. " +
          plural(answer.not_left, "item") +
          " never left; " +
          count(answer.left) +
          " had left and cannot be called back.",
      ),
  });
}

function approveForm(context, replay) {
  return reasonForm(context, {
    name: "approve",
    button: "Approve and send",
    label: "Why is it right?",
    words: html`<p>
      <b>${plural(replay.count, "item")}</b> will be sent to ${replay.destination}. It was asked for
      by ${replay.by}; somebody else approves it.
    </p>`,
    run: (reason) => act(context, replay, "approve", reason, () => "Approved: it runs."),
  });
}

// The failures of the items that failed again, for a new plan.
async function planAgain(context, replay) {
  const { state } = context;
  if (state.isActing) return;
  state.isActing = true;
  context.update();
  try {
    const again = await get("/replays/" + replay.id + "/items", {
      state: "failed_again",
      limit: PAGE_MAX,
    });
    openPlan({
      ask: { failures: again.items.map((item) => item.failure), destination: replay.destination },
      title:
        "Replay those that failed again" +
        (again.next ? " (the first " + count(PAGE_MAX) + ")" : ""),
      go: context.go,
    });
  } catch (error) {
    state.said = { ok: false, words: error.message };
  }
  state.isActing = false;
  context.update();
}

function buttons(context, replay) {
  const { state } = context;
  const isOpen = ["awaiting_approval", "running", "paused", "stopped"].includes(replay.state);
  const ask = (what) => {
    state.asked = what;
    context.update();
    document.querySelector(".ask-form textarea")?.focus();
  };
  const button = (id, words, run, className) =>
    html`<button
      type="button"
      id=${id}
      class=${className || nothing}
      ?disabled=${state.isActing}
      @click=${run}
    >
      ${words}
    </button>`;
  return html`<div class="row-form">
      ${
        replay.state === "running"
          ? button("pause", "Pause", () =>
              act(
                context,
                replay,
                "pause",
                "",
                (answer) =>
                  "Paused. " +
                  plural(answer.not_left, "item") +
                  " did not leave; " +
                  count(answer.left) +
                  " did.",
              ),
            )
          : nothing
      }
      ${
        replay.state === "paused" || replay.state === "stopped"
          ? button("resume", "Resume", () =>
              act(context, replay, "resume", "", () => "It goes on."),
            )
          : nothing
      }
      ${
        replay.state === "awaiting_approval" && !state.asked
          ? button("approve", "Approve …", () => ask("approve"), "primary")
          : nothing
      }
      ${isOpen && !state.asked ? button("cancel", "Cancel …", () => ask("cancel")) : nothing}
      ${
        replay.counts.failed_again > 0
          ? button("again", "Replay those that failed again …", () => planAgain(context, replay))
          : nothing
      }
    </div>
    ${isOpen && state.asked === "cancel" ? cancelForm(context, replay) : nothing}
    ${replay.state === "awaiting_approval" && state.asked === "approve" ? approveForm(context, replay) : nothing}
    <p role="status" class=${state.said && !state.said.ok ? "error-note" : "dim"}>
      ${state.said ? state.said.words : nothing}
    </p>`;
}

// --- how it goes

function legend(context, replay) {
  const shown = context.params.get("state") || "";
  return html`<ul class="outcome-legend" aria-label="Items by state">
    ${ITEM_WORDS.map((word) => {
      const n = replay.counts[word];
      return html`<li class=${n === 0 ? "none" : ""}>
        <button
          type="button"
          class="outcome-count"
          aria-pressed=${word === shown ? "true" : "false"}
          title=${ITEM_STATES[word][2]}
          @click=${() => context.put({ state: word === shown ? "" : word, failure: "" })}
        >
          <i class="outcome-key ${word}" aria-hidden="true"></i><b>${count(n)}</b>
          ${ITEM_STATES[word][1]}
        </button>
      </li>`;
    })}
  </ul>`;
}

function head(context, replay) {
  const { proven, unproven } = replay.counts;
  const worth = worthText(replay);
  return html`<div class="page-head">
      <h1>Replay ${replay.id}</h1>
      ${systemMark(replay.destination)} ${replayState(replay)}
    </div>
    <p class="lead">
      ${replay.by}, ${time(replay.created)}:
      <span class="clamp" title=${replay.reason}>${replay.reason}</span>
    </p>
    <section class="panel" aria-label="How it goes">
      <p class="replay-total">
        <span class="big count ${proven === replay.count ? "ok" : ""}">${count(proven)}</span>
        of
        <b>${count(replay.count)}</b> proven${worth ? html`, all worth <b>${worth}</b>` : nothing}
      </p>
      ${outcomeBar(replay)}${legend(context, replay)}
      <p class="phase" role="status">
        ${phaseText(replay)}${
          replay.estimate_seconds
            ? html` <span class="dim"
                >– at least ${duration(replay.estimate_seconds)} for what is waiting</span
              >`
            : nothing
        }
      </p>
      ${
        unproven > 0
          ? html`<p class="note warn">
              <strong
                >${plural(unproven, "item")} ${unproven === 1 ? "is" : "are"} unproven:</strong
              >
              sent, and nothing showed in time that ${unproven === 1 ? "it" : "they"} arrived. Look
              in ${replay.destination} before anything of ${unproven === 1 ? "it" : "them"} is sent
              again. A proof that comes late still counts.
            </p>`
          : nothing
      }
      ${buttons(context, replay)}
    </section>`;
}

function facts(replay) {
  return html`<section class="panel" aria-label="What it is">
    <h2>What it is</h2>
    ${replay.override_reason ? html`<p>${badge("warn", "overridden")} ${replay.override_reason}</p>` : nothing}
    ${
      replay.edit
        ? html`<p>
            ${badge("warn", "repaired")} The event is sent with other values of
            ${replay.edit.map((one, i) => html`${i ? ", " : ""}<code>${one.path}</code>${one.removed ? " (removed)" : nothing}`)}.
          </p>`
        : nothing
    }
    <dl class="facts wide">
      ${fact("By", replay.by)} ${replay.approver ? fact("Approved by", replay.approver) : nothing}
      ${fact("Started", time(replay.created))} ${fact("Ended", time(replay.finished))}
      ${fact("Of", selectionText(replay.selection))} ${fact("Left", count(replay.left))}
      ${fact("Never left", count(replay.not_left))} ${fact("At most a second", count(replay.rate))}
      ${fact("Canary", count(replay.canary))}
      ${fact("Stops after", replay.stop_after_failures ? plural(replay.stop_after_failures, "failure") : "–")}
      ${fact("Stops at", replay.stop_percent ? replay.stop_percent + " % failed" : "–")}
      ${fact("Unproven after", duration(replay.proof_seconds))}
    </dl>
    <details class="history">
      <summary>History (${count(replay.history.length)})</summary>
      <ol class="brief">
        ${replay.history.map(
          (one) =>
            html`<li>
              <span>${time(one.at)}</span>
              <span class="grow"
                >${one.by}:
                ${one.action}${one.reason ? html`<span class="dim"> – ${one.reason}</span>` : nothing}</span
              >
            </li>`,
        )}
      </ol>
    </details>
  </section>`;
}

function bars(title, list, words) {
  if (list.length === 0) return nothing;
  const most = list[0].count;
  return html`<section class="panel" aria-label=${title}>
    <h2>${title}</h2>
    <ol class="bars below">
      ${list.map(
        (one) =>
          html`<li>
            <span class="grow clamp" title=${words(one)}>${words(one)}</span>
            <span aria-hidden="true"
              ><span class="share" .style=${"width:" + (100 * one.count) / most + "%"}></span
            ></span>
            <span class="num">${count(one.count)}</span>
          </li>`,
      )}
    </ol>
  </section>`;
}

// --- items

function line(one) {
  return html`<li>
    <span class="when">${time(one.at)}</span>
    <span class="grow"
      ><b>${lineText(one.what)}</b
      >${one.attempt > 1 ? ", attempt " + one.attempt : ""}${one.event ? html` – ${link("/event/" + one.event, "event " + one.event)}` : nothing}${one.detail ? html`<span class="dim"> – ${one.detail}</span>` : nothing}</span
    >
  </li>`;
}

function detail(item) {
  return html`<ol class="brief" aria-label="What happened to it">
      ${item.timeline.map(line)}
    </ol>
    ${item.timeline.length === 0 ? html`<p class="dim">Nothing happened to it yet.</p>` : nothing}
    <dl class="facts wide">
      ${fact("Journey", journeyLink(item.object))}
      ${fact("Failure", item.group ? link("/failures/" + item.group, "group " + item.group) : "–")}
      ${fact("Sends", item.event ? link("/event/" + item.event, "event " + item.event) : "–")}
      ${fact("By agent", item.agent || "–")}
      ${fact("Replay id", html`<code>${item.replayid}</code>`)}
      ${fact("Key of the effect", item.idempotency_key ? html`<code>${item.idempotency_key}</code>` : "–")}
      ${
        item.previous
          ? fact(
              "Before that",
              html`${link(replayPath(item.previous.replay) + "?failure=" + item.failure, "replay " + item.previous.replay)}
              ${itemState(item.previous.state)}`,
            )
          : nothing
      }
      ${item.state === "sent" && item.deadline ? fact("Proof awaited until", time(item.deadline)) : nothing}
    </dl>`;
}

function itemRow(context, item) {
  const { open } = context.state;
  const isOpen = open.has(item.id);
  const why =
    item.state === "failed_again" ? [item.cause, item.why].filter(Boolean).join(": ") : item.why;
  return html`<li class=${item.state}>
    <button
      type="button"
      class="entry item row-link"
      aria-expanded=${isOpen ? "true" : "false"}
      aria-controls="item-${item.id}"
      @click=${() => {
        if (isOpen) open.delete(item.id);
        else open.add(item.id);
        context.update();
      }}
    >
      <span class="item-state">${itemState(item.state)}</span>
      <span class="item-object ident"
        ><span class="type">${item.type}</span> ${item.identifier}</span
      >
      <span class="grow"
        >${item.step || nothing}${item.asked ? nothing : html` ${badge("plain", "held", "Not asked for: of an object that is replayed")}`}
        ${why ? html`<span class="dim clamp">${why}</span>` : nothing}</span
      >
      <span class="dim">${item.store || ""}</span>
      <span class="num">${item.amount === null ? "" : item.amount + " " + item.currency}</span
      ><span class="e-more" aria-hidden="true"></span>
    </button>
    <div class="detail" id="item-${item.id}" ?hidden=${!isOpen}>
      ${isOpen ? detail(item) : nothing}
    </div>
  </li>`;
}

function items(context, replay, list) {
  const shown = context.params.get("state") || "";
  const failure = context.params.get("failure");
  const total = shown ? replay.counts[shown] : list.total;
  return html`<section class="panel" aria-label="Items">
    <div class="panel-head">
      <h2>Items</h2>
      <label class="check"
        >Shown
        <select
          id="state"
          .value=${live(shown)}
          @change=${(event) => context.put({ state: event.target.value, failure: "" })}
        >
          <option value="">all</option>
          ${ITEM_WORDS.map((word) => html`<option value=${word} ?selected=${word === shown}>${ITEM_STATES[word][1]}</option>`)}
        </select></label
      >
      ${
        failure
          ? html`<button
              type="button"
              class="chip"
              title="Show all"
              @click=${() => context.put({ failure: "" })}
            >
              failure ${failure} ✕
            </button>`
          : nothing
      }
      <span class="dim" role="status"
        >${count(list.items.length)}${list.next && total !== null ? " of " + count(total) : ""}, in
        the order of sending</span
      >
    </div>
    <ol class="entries items">
      ${repeat(
        list.items,
        (item) => item.id,
        (item) => itemRow(context, item),
      )}
    </ol>
    ${
      list.items.length === 0
        ? empty(shown ? "No item is " + ITEM_STATES[shown][1] : "No item fits this filter")
        : nothing
    }
    ${
      list.next
        ? html`<div class="more">
            ${
              context.state.limit < PAGE_MAX
                ? html`<button
                    type="button"
                    class="row-link"
                    @click=${() => {
                      context.state.limit = Math.min(PAGE_MAX, context.state.limit * 4);
                      context.reload();
                    }}
                  >
                    Show more
                  </button>`
                : html`<p class="dim">
                    These are the first ${count(PAGE_MAX)}; choose a state to see others.
                  </p>`
            }
          </div>`
        : nothing
    }
  </section>`;
}

export const page = {
  what: "the replay",
  views: ["replays"],
  title: (data, { rest }) => "Replay " + rest,
  async load(context) {
    const { rest, params, signal, state } = context;
    state.open = state.open || new Set();
    state.limit = state.limit || PAGE;
    const path = "/replays/" + encodeURIComponent(rest);
    const filter = { state: params.get("state"), failure: params.get("failure") };
    const [replay, list] = await Promise.all([
      get(path, null, signal),
      get(path + "/items", { ...filter, limit: state.limit }, signal),
    ]);
    return { replay, list };
  },
  view: ({ replay, list }, context) =>
    html`${head(context, replay)}
      <div class="columns thirds">
        ${bars("Failed again, by cause", replay.by_cause, (one) => one.cause)}
        ${bars("Refused, because", replay.refusals, (one) => one.what || "no reason was given")}
        ${bars("Unproven, because", replay.unproven, (one) => one.what || "no reason was given")}
        ${bars("Cancelled, because", replay.cancellations, (one) => one.what || "no reason was given")}
      </div>
      ${items(context, replay, list)} ${facts(replay)}`,
};
