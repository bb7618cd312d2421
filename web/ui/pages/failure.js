// SPDX-License-Identifier: Apache-2.0
// One group of failures: what it is, whom it concerns, what to do, and every failure of it.
import { get, post } from "../api.js";
import { amountWords, causeMark, groupWords, trend } from "../failurelist.js";
import { count, plural } from "../format.js";
import { html, live, nothing, repeat } from "../lit.js";
import { faultWords, wants } from "../notes.js";
import {
  ago,
  badge,
  fact,
  journeyLink,
  link,
  storeLink,
  systemMark,
  time,
  workflowLink,
} from "../parts.js";
import { openPlan } from "../plandialog.js";
import { placeLink } from "../replaywords.js";
import { limitOf, table } from "../table.js";

const STATES = {
  open: ["bad", "open"],
  recovered: ["ok", "recovered"],
  closed: ["unknown", "closed"],
};
const SNOOZES = [
  ["1 hour", 3600],
  ["a day", 86400],
  ["a week", 7 * 86400],
];

function eventLink(n, words) {
  return n === null ? "–" : link("/event/" + n, words);
}

function tickBox(context, one) {
  const { state } = context;
  const canTick = one.state === "open" && !one.archived;
  return html`<input
    type="checkbox"
    aria-label="Take ${one.identifier}"
    ?disabled=${!canTick}
    .checked=${live(canTick && state.ticked.has(one.id))}
    @change=${(change) => {
      if (change.target.checked) state.ticked.add(one.id);
      else state.ticked.delete(one.id);
      context.update();
    }}
  />`;
}

function plan(context, group, failures, noun) {
  openPlan({
    ask: failures ? { failures } : { group: group.id },
    noun,
    runbook: group.runbook,
    title: failures ? "Replay the chosen ones" : "Replay this group",
    go: context.go,
  });
}

// All that is open, or those that are ticked.
function replayButtons(context, group, items) {
  const open = items.filter((one) => one.state === "open" && !one.archived);
  const ticked = open.filter((one) => context.state.ticked.has(one.id)).map((one) => one.id);
  const noun = items.length ? items[0].type : "item";
  return html`<p class="row-form">
    <button
      type="button"
      class="primary"
      id="replay-all"
      ?disabled=${group.states.open === 0}
      @click=${() => plan(context, group, null, noun)}
    >
      Replay all ${count(group.states.open)} …
    </button>
    <button
      type="button"
      id="replay-ticked"
      ?disabled=${ticked.length === 0}
      @click=${() => plan(context, group, ticked, noun)}
    >
      Replay the ${count(ticked.length)} ticked …
    </button>
    <span class="dim"
      >First it is shown what would be sent; nothing is sent before you say so.</span
    >
    ${link("/replays?group=" + group.id, "Replays of this group")}
  </p>`;
}

const columnsOf = (context) => [
  {
    name: "tick",
    title: "✓",
    hint: "Which are replayed together",
    value: (one) => (context.state.ticked.has(one.id) ? 0 : 1),
    text: () => "",
    cell: (one) => tickBox(context, one),
  },
  {
    name: "object",
    title: "Object",
    value: (one) => one.object,
    cell: (one) =>
      html`${journeyLink(one.object, "row-link")}${one.replay ? html`<span class="narrow">${placeLink(one.id, one.replay, one.parked)}</span>` : nothing}`,
  },
  {
    name: "state",
    title: "State",
    value: (one) => one.state,
    cell: (one) => html`${badge(...STATES[one.state])}${one.archived ? " archived" : ""}`,
  },
  {
    name: "replayed",
    title: "Replayed",
    hint: "Where it was replayed last, and what became of it",
    value: (one) => (one.replay ? one.replay.state : null),
    text: (one) => (one.replay ? one.replay.state + " in replay " + one.replay.replay : ""),
    cell: (one) => placeLink(one.id, one.replay, one.parked),
  },
  {
    name: "last",
    title: "Failed",
    className: "num",
    value: (one) => one.last,
    cell: (one) => time(one.last),
  },
  {
    name: "attempts",
    title: "Attempts",
    className: "num",
    value: (one) => one.attempts,
    cell: (one) => count(one.attempts),
  },
  {
    name: "amount",
    title: "Worth",
    className: "num",
    value: (one) => (one.amount === null ? null : Number(one.amount)),
    text: (one) => (one.amount === null ? "" : one.amount + " " + one.currency),
    cell: (one) => (one.amount === null ? "–" : one.amount + " " + one.currency),
  },
  { name: "store", title: "Store", value: (one) => one.store, cell: (one) => storeLink(one.store) },
  {
    name: "message",
    title: "What the system said",
    className: "wrap said-column",
    value: (one) => [one.code, one.message].filter(Boolean).join(" "),
    cell: (one) =>
      html`${one.code ? html`<code>${one.code}</code> ` : nothing}${one.message || (one.code ? "" : "–")}`,
  },
  {
    name: "events",
    title: "Events",
    className: "wide",
    value: (one) => one.failed_event,
    cell: (one) =>
      html`${eventLink(one.failed_event, "failure")}${one.proof_event === null ? nothing : html` · ${eventLink(one.proof_event, "proof")}`}`,
  },
];

// Do something with the group; one click, one effect: what is under way is not begun again.
async function act(context, group, what, body, words) {
  const { state } = context;
  if (state.isActing) return;
  state.isActing = true;
  state.said = null;
  context.update();
  try {
    const answer = await post("/failures/" + group.id + "/" + what, body);
    state.said = { ok: true, words: words(answer) };
  } catch (error) {
    state.said = {
      ok: false,
      words: faultWords(error),
    };
  }
  state.isActing = false;
  context.reload();
}

function snooze(context, group, seconds) {
  const until = seconds === null ? null : new Date(Date.now() + 1000 * seconds).toISOString();
  return act(context, group, "snooze", { until }, () =>
    seconds === null ? "Listed again." : "Not listed until then; it still counts.",
  );
}

function putNote(context, group) {
  return async (submit) => {
    submit.preventDefault();
    const form = submit.target;
    const text = form.elements.text.value.trim();
    if (!text) {
      wants(form.elements.text, "Write the note first.");
      return;
    }
    await act(context, group, "notes", { text }, () => "Noted.");
    if (context.state.said && context.state.said.ok) form.reset();
  };
}

function putAssignee(context, group) {
  return (submit) => {
    submit.preventDefault();
    const assignee = submit.target.elements.assignee.value.trim();
    return act(context, group, "assign", { assignee: assignee || null }, () =>
      assignee ? "Assigned to " + assignee + "." : "Assigned to nobody.",
    );
  };
}

// All that were there when the question was put: what fails after that is not put away with them.
function archiveAll(context, group) {
  const { upTo } = context.state.asks;
  context.state.asks = null;
  return act(
    context,
    group,
    "archive",
    { up_to: upTo, reason: "put away on the page of the group" },
    (answer) => "Put away: " + count(answer.changed) + ".",
  );
}

function archiveButton(context, group, loadedAt) {
  const { state } = context;
  const ask = (asks) => () => {
    state.asks = asks;
    context.update();
  };
  if (!state.asks) {
    return html`<button
      type="button"
      class="chip"
      id="put-away"
      ?disabled=${state.isActing || group.states.open === 0}
      @click=${ask({ upTo: loadedAt, count: group.states.open })}
    >
      Put all away …
    </button>`;
  }
  return html`<span class="ask" role="group" aria-label="Put all away?"
    >Put away ${plural(state.asks.count, "failure")}? That repairs none of them; what fails again is
    listed again.
    <button type="button" @click=${() => archiveAll(context, group)}>Put away</button>
    <button type="button" class="chip" @click=${ask(null)}>Keep them</button></span
  >`;
}

function parts(title, list, cell) {
  const known = list.filter((one) => one.what !== null);
  if (known.length === 0) return nothing;
  const most = known[0].count;
  return html`<section class="panel" aria-label=${title}>
    <h2>${title}</h2>
    <ol class="bars">
      ${known.slice(0, 8).map(
        (one) =>
          html`<li>
            <span class="grow">${cell(one.what)}</span>
            <span aria-hidden="true"
              ><span class="share" .style=${"width:" + (100 * one.count) / most + "%"}></span
            ></span>
            <span class="num">${count(one.count)}</span>
          </li>`,
      )}
    </ol>
    ${known.length > 8 ? html`<p class="dim">and ${count(known.length - 8)} more</p>` : nothing}
  </section>`;
}

function people(context, group) {
  const { state } = context;
  return html`<section class="panel" aria-label="Notes">
    <h2>Notes</h2>
    <form class="note-form" @submit=${putNote(context, group)}>
      <label
        ><span class="hidden">A note</span>
        <textarea
          name="text"
          rows="2"
          maxlength="4000"
          placeholder="What was found, what was done"
        ></textarea>
      </label>
      <button type="submit" ?disabled=${state.isActing}>Add note</button>
    </form>
    ${
      group.notes.length === 0
        ? html`<p class="dim">
            No notes yet. They stay with the group, whatever becomes of its failures.
          </p>`
        : html`<ol class="notes">
            ${repeat(
              group.notes,
              (note) => note.id,
              (note) =>
                html`<li>
                  <p class="dim">${note.by}, ${time(note.at)}</p>
                  <p class="said">${note.text}</p>
                </li>`,
            )}
          </ol>`
    }
    <details class="history">
      <summary>History (${count(group.history.length)})</summary>
      <ol class="brief">
        ${group.history.map(
          (one) =>
            html`<li>
              <span>${time(one.at)}</span>
              <span class="grow"
                >${one.by}:
                ${one.action}${one.detail ? " (" + one.detail + ")" : ""}${one.reason ? html`<span class="dim"> – ${one.reason}</span>` : nothing}</span
              >
            </li>`,
        )}
      </ol>
    </details>
  </section>`;
}

// What no rule takes: an operator makes one of it.
function rulePath(group) {
  const first = (list) => (list.length && list[0].what) || "";
  const query = new URLSearchParams({
    system: group.system || "",
    code: first(group.by_code),
    message: first(group.by_message),
  });
  return "/causes?" + query;
}

function actions(context, group, loadedAt) {
  const { state } = context;
  return html`<section class="panel" aria-label="What to do">
    <h2>What to do</h2>
    <dl class="facts line">
      ${fact("Owner", group.owner || "–")}
      ${fact("Whose word is final", group.authority ? systemMark(group.authority) : "–")}
      ${fact("Runbook", group.runbook ? link("/runbook/" + encodeURIComponent(group.runbook), group.runbook) : "none named")}
      ${
        group.cause === "missing" || group.cause === "duplicate"
          ? nothing
          : fact(
              "Rule",
              group.rule ? link("/causes", group.rule) : link(rulePath(group), "Make a rule"),
            )
      }
    </dl>
    <form class="row-form" @submit=${putAssignee(context, group)}>
      <label class="check"
        >Assigned to
        <input
          name="assignee"
          maxlength="64"
          placeholder="nobody"
          .value=${live(state.isActing ? (group.assignee ?? "") : (state.assignee ?? group.assignee ?? ""))}
          @input=${(event) => {
            state.assignee = event.target.value;
          }}
      /></label>
      <button type="submit" ?disabled=${state.isActing}>Assign</button>
    </form>
    <p class="row-form">
      ${
        group.state === "snoozed"
          ? html`<span>Snoozed until ${time(group.snoozed_until)}</span>
              <button
                type="button"
                ?disabled=${state.isActing}
                @click=${() => snooze(context, group, null)}
              >
                List again
              </button>`
          : html`<span class="dim">Snooze</span> ${SNOOZES.map(
                ([words, seconds]) =>
                  html`<button
                    type="button"
                    class="chip"
                    ?disabled=${state.isActing}
                    @click=${() => snooze(context, group, seconds)}
                  >
                    ${words}
                  </button>`,
              )}`
      }
      ${archiveButton(context, group, loadedAt)}
    </p>
    <p role="status" class=${state.said && !state.said.ok ? "error-note" : "dim"}>
      ${state.said ? state.said.words : nothing}
    </p>
  </section>`;
}

export const page = {
  what: "the group of failures",
  views: ["failures", "replays"],
  every: 2000,
  title: (data, { rest }) => (data ? groupWords(data.group) : "Failures " + rest),
  async load(context) {
    const { rest, params, signal, state } = context;
    state.ticked = state.ticked || new Set();
    const path = "/failures/" + encodeURIComponent(rest);
    const loadedAt = new Date().toISOString();
    const limit = limitOf(context, "items", 200, 1000);
    const [group, items] = await Promise.all([
      get(path, null, signal),
      get(path + "/items", { state: params.get("state"), limit }, signal),
    ]);
    return { group, items, loadedAt };
  },
  view({ group, items, loadedAt }, context) {
    const shown = context.params.get("state") || "open";
    const worth = amountWords(group);
    return html`<div class="page-head">
        <h1 class="small">${groupWords(group)}</h1>
        ${group.new ? badge("warn", "new kind", "First seen within a day") : nothing}
      </div>
      <p class="lead">
        <span class="big count bad">${count(group.states.open)}</span>
        open${worth ? html`, worth <b>${worth}</b>` : nothing}${group.stores ? html`, in <b>${plural(group.stores, "store")}</b>` : nothing}${group.states.open ? html`, since ${time(group.first)}, latest ${ago(group.last)}` : nothing}
      </p>
      <dl class="facts line">
        ${fact("Workflow", workflowLink(group.workflow, group.workflow_title))}
        ${fact("System", group.system ? systemMark(group.system) : "–")}
        ${fact("Cause", causeMark(group))} ${fact("Recovered", count(group.states.recovered))}
        ${fact("Put away", count(group.states.archived))} ${fact("Last 24 h", trend(group))}
      </dl>
      ${replayButtons(context, group, items.items)}
      <div class="columns">${actions(context, group, loadedAt)} ${people(context, group)}</div>
      <div class="columns thirds">
        ${parts("Stores", group.by_store, storeLink)}
        ${parts("Regions", group.by_region, (what) => what)}
        ${parts("What the system said", group.by_message, (what) => what)}
      </div>
      <section class="panel" aria-label="Failures">
        <div class="panel-head">
          <h2>Failures</h2>
          <label class="check"
            >Shown
            <select
              id="state"
              .value=${live(shown)}
              @change=${(event) => context.put({ state: event.target.value })}
            >
              ${["open", "recovered", "closed", "archived", "all"].map((word) => html`<option value=${word} ?selected=${word === shown}>${word}</option>`)}
            </select></label
          >
        </div>
        ${table(context, {
          name: "items",
          caption: "Failures of this group",
          columns: columnsOf(context),
          rows: items.items,
          key: (one) => one.id,
          sort: ["last", "desc"],
          more: items.next
            ? {
                total: shown === "open" ? group.states.open : null,
                canLoad: items.items.length < 1000,
              }
            : undefined,
          empty: shown === "open" ? "Nothing of this group is open." : "Nothing here.",
        })}
      </section>`;
  },
};
