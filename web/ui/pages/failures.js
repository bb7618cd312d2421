// SPDX-License-Identifier: Apache-2.0
// What is failing, why, who owns it: the groups of failures that are open.
import { get } from "../api.js";
import { amountWords, groupColumns } from "../failurelist.js";
import { count, plural } from "../format.js";
import { html, live, nothing } from "../lit.js";
import { CAUSES } from "../runlist.js";
import { openPlan } from "../plandialog.js";
import { table } from "../table.js";

// All that the filter shows, to one system: one that is asked for when there are several.
function planShown(context, groups) {
  const filter = {};
  for (const name of ["cause", "workflow", "system", "store", "region"]) {
    if (context.params.get(name)) filter[name] = context.params.get(name);
  }
  const destinations = [...new Set(groups.map((group) => group.system).filter(Boolean))].sort();
  if (Object.keys(filter).length === 0 && destinations.length === 1)
    filter.system = destinations[0];
  openPlan({ ask: { filter }, destinations, title: "Replay what is shown", go: context.go });
}

// What all groups together are worth, by currency.
function sumOf(groups) {
  const sums = new Map();
  for (const group of groups) {
    for (const one of group.amounts) {
      const sum = sums.get(one.currency) || { minor: 0, digits: 0 };
      sum.digits = (one.amount.split(".")[1] || "").length;
      sum.minor += one.amount_minor;
      sums.set(one.currency, sum);
    }
  }
  const amounts = [...sums].map(([currency, { minor, digits }]) => ({
    currency,
    amount: (minor / 10 ** digits).toFixed(digits),
  }));
  return amountWords({ amounts, more_currencies: groups.some((one) => one.more_currencies) });
}

function choice(context, name, label, values, none) {
  const chosen = context.params.get(name) || "";
  return html`<label class="check"
    >${label}
    <select
      id=${name}
      .value=${live(chosen)}
      @change=${(event) => context.put({ [name]: event.target.value })}
    >
      <option value="">${none}</option>
      ${values.map((value) => html`<option value=${value} ?selected=${value === chosen}>${value}</option>`)}
      ${chosen && !values.includes(chosen) ? html`<option value=${chosen} selected>${chosen}</option>` : nothing}
    </select></label
  >`;
}

export const page = {
  what: "the failures",
  views: ["failures"],
  every: 2000,
  title: () => "Failures",
  async load({ params, signal }) {
    const filter = {};
    for (const name of ["cause", "workflow", "system", "store", "region", "state"]) {
      filter[name] = params.get(name);
    }
    const [failures, workflows] = await Promise.all([
      get("/failures", filter, signal),
      get("/workflows", { limit: 1000 }, signal),
    ]);
    return { failures, workflows: workflows.items };
  },
  view({ failures, workflows }, context) {
    const groups = failures.items;
    const open = groups.reduce((sum, group) => sum + group.count, 0);
    const fresh = groups.filter((group) => group.new).length;
    const worth = sumOf(groups);
    const shown = context.params.get("state") || "open";
    const isNarrowed = Boolean(context.params.get("groups.filter"));
    const place = ["store", "region"].filter((name) => context.params.get(name));
    return html`<div class="page-head">
        <h1 class="total">
          ${open === 0 ? "Nothing fails" : plural(open, "failure") + " in " + plural(groups.length, "group")}
        </h1>
        ${worth ? html`<span class="worth">${worth}</span>` : nothing}
        ${fresh ? html`<span class="dim">${plural(fresh, "new kind")} since yesterday</span>` : nothing}
        ${failures.snoozed && context.params.get("state") !== "all" ? html`<a class="chip" href="/failures?state=snoozed">${count(failures.snoozed)} snoozed</a>` : nothing}
      </div>
      <section class="panel" aria-label="Groups of failures">
        <div class="panel-head">
          ${choice(context, "cause", "Cause", CAUSES, "every cause")}
          ${choice(
            context,
            "workflow",
            "Workflow",
            workflows.map((one) => one.name),
            "every workflow",
          )}
          ${choice(context, "state", "Shown", ["open", "snoozed", "all"], "open")}
          <span class="grow"></span>
          ${
            groups.length && shown !== "snoozed"
              ? html`<button
                  type="button"
                  id="replay-shown"
                  ?disabled=${isNarrowed}
                  title=${isNarrowed ? "Not while words filter the table: a replay does not know them" : nothing}
                  @click=${() => planShown(context, groups)}
                >
                  ${failures.snoozed && shown !== "all" ? "Replay these and the snoozed …" : "Replay what is shown …"}
                </button>`
              : nothing
          }
          ${place.map(
            (name) =>
              html`<button
                type="button"
                class="chip"
                title="Show every ${name}"
                @click=${() => context.put({ [name]: "" })}
              >
                ${name} ${context.params.get(name)} ✕
              </button>`,
          )}
        </div>
        ${table(context, {
          name: "groups",
          caption: "Groups of failures",
          columns: groupColumns,
          rows: groups,
          key: (group) => group.id,
          sort: ["count", "desc"],
          more: failures.partial ? { total: null, canLoad: false } : undefined,
          empty:
            "Nothing is failing here. What fails shows up within a second, with its cause and what to do.",
        })}
      </section>`;
  },
};
