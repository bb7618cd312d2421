// SPDX-License-Identifier: Apache-2.0
// The runs that are in trouble, were, or have waited long: longest first.
import { get } from "../api.js";
import { count, plural } from "../format.js";
import { html, live, nothing } from "../lit.js";
import { CAUSES, money, runColumns } from "../runlist.js";
import { RUN_WORDS } from "../parts.js";
import { limitOf, table } from "../table.js";
import { clockText, dayText } from "../time.js";

const PAGE = 200;
const PAGE_MAX = 1000;
const FILTERS = [
  "workflow",
  "state",
  "step",
  "cause",
  "system",
  "store",
  "region",
  "since",
  "until",
];

function filterOf(params) {
  const filter = Object.fromEntries(FILTERS.map((name) => [name, params.get(name) || ""]));
  filter.open = params.get("open") === "1" ? "1" : "";
  return filter;
}

// "20:03:10 – 20:05:10", of runs that were open in it; each end as the address has it.
function spanOf({ since, until }) {
  const text = (at) =>
    Number.isNaN(Date.parse(at))
      ? at
      : (dayText(at) === "today" ? "" : dayText(at) + " ") + clockText(at).slice(0, 8);
  return (since ? text(since) : "…") + " – " + (until ? text(until) : "now");
}

function choice(context, name, label, words, filter) {
  const value = filter[name];
  const all = value && !words.includes(value) ? [...words, value] : words;
  return html`<label class="check"
    >${label}
    <select
      name=${name}
      .value=${live(value)}
      @change=${(change) => {
        const wanted = { [name]: change.target.value, "runs.page": "" };
        if (name === "workflow") wanted.step = "";
        context.put(wanted);
      }}
    >
      <option value="">all</option>
      ${all.map((word) => html`<option value=${word} ?selected=${word === value}>${word}</option>`)}
    </select></label
  >`;
}

function filters(context, filter, workflows) {
  const steps = workflows
    .filter((workflow) => workflow.name === filter.workflow)
    .flatMap((workflow) => workflow.steps);
  const systems = [
    ...new Set(workflows.flatMap((workflow) => workflow.steps.map((step) => step.system))),
  ].sort();
  return html`<form class="filters" @submit=${(submit) => submit.preventDefault()}>
    ${choice(
      context,
      "workflow",
      "Workflow",
      workflows.map((workflow) => workflow.name),
      filter,
    )}
    ${
      filter.workflow
        ? choice(
            context,
            "step",
            "Step",
            steps.map((step) => step.name),
            filter,
          )
        : nothing
    }
    ${choice(context, "state", "State", RUN_WORDS, filter)}${choice(context, "cause", "Cause", CAUSES, filter)}
    ${choice(context, "system", "System", systems, filter)}
    ${filter.store ? choice(context, "store", "Store", [], filter) : nothing}
    ${filter.region ? choice(context, "region", "Region", [], filter) : nothing}
    <label class="check"
      ><input
        type="checkbox"
        .checked=${live(filter.open === "1")}
        @change=${(change) =>
          context.put({ open: change.target.checked ? "1" : "", "runs.page": "" })}
      />
      not finished</label
    >
    ${
      filter.since || filter.until
        ? html`<button
            type="button"
            class="chip"
            title="Show them whatever their time"
            @click=${() => context.put({ since: "", until: "", "runs.page": "" })}
          >
            ✕ ${spanOf(filter)}
          </button>`
        : nothing
    }
  </form>`;
}

export const page = {
  what: "the runs",
  views: ["runs", "overview"],
  every: 2000,
  title: () => "Runs",
  async load(context) {
    const { params, signal, state } = context;
    const limit = limitOf(context, "runs", PAGE, PAGE_MAX);
    const [runs, workflows] = await Promise.all([
      get("/runs", { ...filterOf(params), limit }, signal),
      state.workflows || get("/workflows", { limit: 1000 }, signal).then((answer) => answer.items),
    ]);
    state.workflows = workflows;
    return runs;
  },
  view(answer, context) {
    const filter = filterOf(context.params);
    const sum = money(answer.items);
    return html`<h1 class="small">Runs</h1>
      <section class="panel" aria-label="Runs">
        <div class="panel-head">
          ${filters(context, filter, context.state.workflows)}
          <span class="dim" role="status"
            >${plural(answer.total, "run")}${sum ? " · " + sum : ""}</span
          >
        </div>
        ${table(context, {
          name: "runs",
          caption: "Runs",
          className: "runs",
          columns: runColumns,
          rows: answer.items,
          key: (run) => run.workflow + run.object,
          sort: ["since", "desc"],
          empty:
            (Object.values(filter).some(Boolean)
              ? "No run fits this filter."
              : "No run is in trouble.") +
            " Runs are listed when they fail, are overdue, or have waited long; others are seen in the journey of their object.",
          more: answer.next && {
            total: answer.total,
            canLoad: limitOf(context, "runs", PAGE, PAGE_MAX) < PAGE_MAX,
          },
        })}
        ${
          answer.next && answer.items.length >= PAGE_MAX
            ? html`<p class="dim">
                The longest ${count(PAGE_MAX)} are shown; narrow the filter to see the others.
              </p>`
            : nothing
        }
      </section>`;
  },
};
