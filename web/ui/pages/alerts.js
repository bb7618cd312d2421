// SPDX-License-Identifier: Apache-2.0
// What fires now, the most important first and largest; what is pending, what is told to nobody and
// why, and what was resolved today. With ?view=list: alerts one a line.
import { get } from "../api.js";
import { card, isGroupHushed, line } from "../alertcard.js";
import { openSilence } from "../alertdialog.js";
import { alertPages, deskButton } from "../alertpages.js";
import {
  againstText,
  alertPath,
  flags,
  isHushed,
  labelText,
  ownerOf,
  SEVERITY_WORDS,
  severityMark,
  STATE_WORDS,
  stateMark,
} from "../alertwords.js";
import { count, plural } from "../format.js";
import { html, live, nothing, repeat } from "../lit.js";
import { ago, badge, link, moment } from "../parts.js";
import { limitOf, table } from "../table.js";
import { secondsBetween, duration } from "../time.js";

const LARGE = 2; // groups that are drawn large
const PLOTS = 10; // groups that have a plot
const CARDS = 40; // beyond them: a line a group
const FILTERS = ["severity", "workflow", "owner", "shown"];
const SINCE = [
  ["-1d", "a day ago"],
  ["-7d", "a week ago"],
  ["-30d", "a month ago"],
];
const SHOWN = {
  unanswered: "not acknowledged",
  acknowledged: "acknowledged",
  hushed: "silenced or inhibited",
};

function choice(context, name, label, values, none) {
  const chosen = context.params.get(name) || "";
  const known = values.some(([value]) => value === chosen);
  return html`<label class="check"
    >${label}
    <select
      id=${name}
      .value=${live(chosen)}
      @change=${(event) => context.put({ [name]: event.target.value })}
    >
      <option value="">${none}</option>
      ${values.map(([value, words]) => html`<option value=${value} ?selected=${value === chosen}>${words}</option>`)}
      ${chosen && !known ? html`<option value=${chosen} selected>${chosen}</option>` : nothing}
    </select></label
  >`;
}

function midnight() {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate()).toISOString();
}

const same = (one) => [one, one];

// The one that always fires, for receivers alone.
function isWatchdog(alert) {
  return alert.origin === "tower" && alert.severity === null;
}

// Is an alert among those that the filter "shown" is for?
function isOf(shown, alert) {
  if (shown === "unanswered") return !alert.acknowledged && !isHushed(alert);
  if (shown === "acknowledged") return Boolean(alert.acknowledged);
  if (shown === "hushed") return isHushed(alert);
  return true;
}

function fits(group, params) {
  const of = (name) => params.get(name) || "";
  const [first] = group.alerts;
  return (
    (!of("severity") || group.severity === of("severity")) &&
    (!of("workflow") ||
      (group.labels || {}).workflow === of("workflow") ||
      (first && first.workflow === of("workflow"))) &&
    (!of("owner") || (first && ownerOf(first) === of("owner"))) &&
    (!of("shown") || group.alerts.some((one) => isOf(of("shown"), one)))
  );
}

// Values that there are, for a choice.
function valuesOf(groups, value) {
  return [...new Set(groups.map(value).filter(Boolean))].sort().map(same);
}

function filters(context, groups) {
  const isList = context.params.get("view") === "list";
  const isNarrowed = FILTERS.some((name) => context.params.get(name));
  return html`<div
    class="panel-head alarm-filters ${isNarrowed || context.state.hasFilters ? "open" : ""}"
    role="search"
    aria-label="Which alerts"
  >
    <button
      type="button"
      class="chip more-filters"
      aria-expanded=${context.state.hasFilters ? "true" : "false"}
      @click=${() => {
        context.state.hasFilters = !context.state.hasFilters;
        context.update();
      }}
    >
      Filter …
    </button>
    ${choice(context, "severity", "Severity", SEVERITY_WORDS.map(same), "every")}
    ${isList ? html`${choice(context, "state", "State", STATE_WORDS.map(same), "open")} ${choice(context, "since", "Since", SINCE, "ever")}` : nothing}
    ${choice(
      context,
      "workflow",
      "Workflow",
      valuesOf(
        groups,
        (one) => (one.labels || {}).workflow || (one.alerts[0] && one.alerts[0].workflow),
      ),
      "every",
    )}
    ${choice(
      context,
      "owner",
      "Owner",
      valuesOf(groups, (one) => one.alerts[0] && ownerOf(one.alerts[0])),
      "every",
    )}
    ${choice(context, "shown", "Shown", Object.entries(SHOWN), "all")}
    ${["rule", "store"]
      .filter((name) => context.params.get(name))
      .map(
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
    <span class="grow"></span>
    <button
      type="button"
      class="chip"
      id="as-list"
      aria-pressed=${isList ? "true" : "false"}
      @click=${() => context.put({ view: isList ? "" : "list", rule: "", state: "", store: "", since: "" })}
    >
      One a line
    </button>
    <button
      type="button"
      class="chip"
      id="new-silence"
      @click=${() => openSilence({ done: context.reload })}
    >
      New silence …
    </button>
  </div>`;
}

// What is told to nobody, and what is known: counted, and one press away.
function quiet(totals, context) {
  const parts = [
    ["acknowledged", totals.acknowledged, "acknowledged"],
    ["hushed", totals.silenced, "silenced"],
    [
      "hushed",
      totals.inhibited,
      totals.inhibited === 1 ? "follows from another" : "follow from others",
    ],
  ].filter(([, n]) => n > 0);
  return parts.map(
    ([shown, n, words]) =>
      html`<button
        type="button"
        class="chip"
        data-quiet=${words}
        @click=${() => context.put({ shown: context.params.get("shown") === shown ? "" : shown })}
      >
        ${count(n)} ${words}
      </button>`,
  );
}

function head(totals, context) {
  const { firing = 0, critical = 0, warning = 0, pending = 0 } = totals;
  return html`<div class="page-head">
    <h1 class="total headline ${critical ? "bad" : firing ? "warn" : "ok"}">
      ${firing === 0 ? "Nothing fires" : plural(firing, "alert") + (firing === 1 ? " fires" : " fire")}
    </h1>
    ${critical ? badge("bad", count(critical) + " critical") : nothing}
    ${warning ? badge("warn", plural(warning, "warning")) : nothing}
    ${pending ? html`<span class="dim">${count(pending)} pending</span>` : nothing}
    ${quiet(totals, context)}
    <span class="grow"></span>
    ${deskButton()}
  </div>`;
}

function section(title, groups, context, id) {
  return groups.length === 0
    ? nothing
    : html`<section class="panel" aria-label=${title} id=${id}>
        <h2>${title}</h2>
        <ol class="alarm-lines">
          ${repeat(
            groups,
            (one) => one.key,
            (one) => line(context, one),
          )}
        </ol>
      </section>`;
}

const resolvedColumns = [
  {
    name: "what",
    title: "What was wrong",
    className: "wrap said-column",
    value: (one) => one.summary || one.title,
    cell: (one) =>
      html`${link(alertPath(one), one.title || one.alert, "row-link")}
        <span class="dim">${one.summary}</span>`,
  },
  {
    name: "severity",
    title: "Severity",
    value: (one) => one.severity,
    cell: (one) => severityMark(one.severity),
  },
  {
    name: "fired",
    title: "Fired",
    className: "num",
    value: (one) => one.fired,
    cell: (one) => moment(one.fired),
  },
  {
    name: "ended",
    title: "Resolved",
    className: "num",
    value: (one) => one.ended,
    cell: (one) => moment(one.ended),
  },
  {
    name: "long",
    title: "Lasted",
    className: "num",
    value: (one) => (one.fired && one.ended ? secondsBetween(one.fired, one.ended) : null),
    cell: (one) => (one.fired && one.ended ? duration(secondsBetween(one.fired, one.ended)) : "–"),
  },
  { name: "owner", title: "Owner", className: "wide", value: ownerOf },
];

function resolvedToday(context, resolved) {
  return html`<section class="panel" aria-label="Resolved today">
    <h2>Resolved today</h2>
    ${table(context, {
      name: "resolved",
      className: "runs",
      caption: "Alerts that were resolved today",
      columns: resolvedColumns,
      rows: resolved.items,
      key: (one) => one.id,
      sort: ["ended", "desc"],
      more: resolved.next
        ? { total: resolved.total, canLoad: resolved.items.length < 1000 }
        : undefined,
      empty: "Nothing was resolved today.",
    })}
  </section>`;
}

function grouped({ groups, resolved }, context) {
  const all = groups.items.filter((one) => fits(one, context.params));
  const loud = all.filter((one) => one.state === "firing" && !isGroupHushed(one));
  const hushed = all.filter((one) => one.state === "firing" && isGroupHushed(one));
  const pending = all.filter((one) => one.state !== "firing");
  const isImportant = (one) => one.severity === "critical" && one.acknowledged < one.firing;
  const large = new Set(loud.filter(isImportant).slice(0, LARGE));
  if (large.size === 0 && loud.length === 1) large.add(loud[0]);
  const cards = [...large, ...loud.filter((one) => !large.has(one))].slice(0, CARDS);
  const isNarrowed = FILTERS.some((name) => context.params.get(name));
  return html`${
      all.length === 0
        ? html`<div class="note">
            <strong>${isNarrowed ? "No open alert fits this filter." : "No alert is open."}</strong>
            <p>
              ${isNarrowed ? "Others may be open." : html`What is watched stands on the page of ${link("/rules", "rules")}.`}
            </p>
          </div>`
        : nothing
    }
    <ol class="alarms" aria-label="Alerts that fire, the most important first">
      ${repeat(
        cards,
        (one) => one.key,
        (one, i) => card(context, one, { isLarge: large.has(one), hasPlot: i < PLOTS }),
      )}
    </ol>
    ${section("Firing as well", loud.slice(CARDS), context, "firing-more")}
    ${groups.more ? html`<p class="dim">And ${count(groups.more)} more groups: ${link("/alerts?view=list", "one alert a line")}.</p>` : nothing}
    ${section("Told to nobody", hushed, context, "hushed")}
    ${section("Pending", pending, context, "pending")} ${resolvedToday(context, resolved)}`;
}

// The worst first; what has none, or one of its own, last.
function severityRank(one) {
  const rank = SEVERITY_WORDS.indexOf(one.severity);
  return rank < 0 ? SEVERITY_WORDS.length : rank;
}

const listColumns = [
  {
    name: "what",
    title: "Alert",
    className: "wrap said-column",
    value: (one) => one.summary || one.title,
    text: (one) => [one.title, one.summary].filter(Boolean).join(": "),
    cell: (one) =>
      html`${link(alertPath(one), one.title || one.alert, "row-link")}
        <span class="dim">${one.summary}</span> ${flags(one)}
        ${one.state === "firing" ? nothing : html`<span class="narrow">${stateMark(one.state)}</span>`}`,
  },
  {
    name: "severity",
    title: "Severity",
    value: severityRank,
    text: (one) => one.severity,
    cell: (one) => severityMark(one.severity),
  },
  {
    name: "state",
    title: "State",
    className: "wide",
    value: (one) => one.state,
    cell: (one) => stateMark(one.state),
  },
  {
    name: "labels",
    title: "Labels",
    className: "wrap wide",
    value: (one) => labelText(one.labels),
  },
  {
    name: "value",
    title: "Value",
    className: "num",
    value: (one) => one.value,
    text: againstText,
  },
  {
    name: "since",
    title: "Since",
    className: "num",
    value: (one) => one.fired || one.since,
    cell: (one) => (one.ended ? moment(one.fired || one.since) : ago(one.fired || one.since)),
  },
  { name: "owner", title: "Owner", className: "wide", value: ownerOf },
];

function listed({ list }, context) {
  const shown = context.params.get("shown");
  const owner = context.params.get("owner");
  return html`<section class="panel" aria-label="Alerts, one a line">
    ${table(context, {
      name: "alerts",
      className: "runs",
      caption: "Alerts",
      columns: listColumns,
      rows: list.items.filter(
        (one) => !isWatchdog(one) && isOf(shown, one) && (!owner || ownerOf(one) === owner),
      ),
      key: (one) => one.id,
      sort: ["severity", "asc"],
      more: list.next ? { total: list.total, canLoad: list.items.length < 1000 } : undefined,
      empty: "No alert fits this filter.",
    })}
  </section>`;
}

function askList(context) {
  const { params, signal } = context;
  const filter = { limit: limitOf(context, "alerts", 200, 1000) };
  for (const name of ["severity", "workflow", "rule", "state", "store", "since"])
    filter[name] = params.get(name);
  return get("/alerts", filter, signal);
}

export const page = {
  what: "the alerts",
  views: ["alerts"],
  every: 1000,
  title: () => "Alerts",
  async load(context) {
    const { params, signal } = context;
    const isList = params.get("view") === "list";
    const limit = limitOf(context, "resolved", 50, 1000);
    const [groups, list, resolved] = await Promise.all([
      get("/alerts/groups", null, signal),
      isList ? askList(context) : null,
      isList ? null : get("/alerts", { state: "resolved", since: midnight(), limit }, signal),
    ]);
    return { groups, list, resolved };
  },
  view(data, context) {
    const isList = context.params.get("view") === "list" && data.list;
    return html`${alertPages("/alerts")} ${head(data.groups.totals, context)}
    ${filters(context, data.groups.items)}
    ${isList ? listed(data, context) : data.resolved ? grouped(data, context) : nothing}`;
  },
};
