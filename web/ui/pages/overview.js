// SPDX-License-Identifier: Apache-2.0
// One look: which workflows are in trouble, how far behind, what is left of the budgets, which stores
// are late, and how far what is shown can be trusted. With ?wall for a screen five metres away.
import { get } from "../api.js";
import { count, plural } from "../format.js";
import { isOn } from "../frame.js";
import { html, nothing, repeat } from "../lit.js";
import { statusNow } from "../live.js";
import {
  badge,
  budget,
  journeyLink,
  link,
  percent,
  runsPath,
  workflowLink,
  ago,
} from "../parts.js";
import { storeGrid } from "../storegrid.js";
import { clockText, duration } from "../time.js";
import { byTrouble, judge, oldestOf, waitingOf, worstBudget } from "../trouble.js";

const BEHIND_S = 15; // deadlines are judged about a second behind the clock when all is well
const LISTED = 5;
const WALL_LISTED = 2; // nobody scrolls
const WALL_ALERTS = 3;
const WALL_TILES = 16; // on one screen
const WALL_LARGE = 9; // as many are shown larger, with their plots
const WALL_MANY = 12; // more are shown with what matters most

let alarm = null; // the module of alarms: it comes when it is asked for
let plots = null; // the module of plots: it comes after the first drawing, nobody waits for pictures
let coming = null;

// A plot, or its place.
function spark(context, name, spec) {
  if (plots) return plots.plot(context, name, spec);
  coming =
    coming ||
    import("../plot.js").then(
      (module) => {
        plots = module;
        context.update();
      },
      () => (coming = null), // asked for again with the next drawing
    );
  return html`<figure class="plot" data-panel=${spec.panel}>
    <div class="plot-body plain" .style=${"aspect-ratio:" + spec.width + "/" + spec.height}></div>
  </figure>`;
}

function tile(context, { workflow, objectives, trouble }) {
  const oldest = oldestOf(workflow);
  const runs = workflow.runs || {};
  const worst = worstBudget(objectives);
  const path = "/workflows/" + encodeURIComponent(workflow.name);
  const words = {
    bad: "trouble",
    warn: "look",
    ok: "well",
    unknown: workflow.verdict === "idle" ? "idle" : "no data yet",
  };
  return html`<li class="tile ${trouble.state}" data-workflow=${workflow.name}>
    <h2>${link(path, workflow.title || workflow.name, "row-link")}</h2>
    ${badge(trouble.state, trouble.why[0] || words[trouble.state])}
    <p class="tile-lag">
      <span class="big">${oldest === null ? "–" : duration(oldest)}</span>
      <span class="dim"
        >${oldest === null ? "nothing waits" : "oldest of " + count(waitingOf(workflow)) + " waiting"}</span
      >
    </p>
    ${spark(context, "spark-" + workflow.name, {
      panel: "spark.throughput",
      params: { workflow: workflow.name },
      width: 280,
      height: 44,
      isPlain: true,
      alt: "Completed a minute, the last hour",
      range: HOUR,
    })}
    <p class="tile-foot">
      <span class=${runs.failed ? "" : "zero"}
        >${runs.failed ? link(runsPath({ workflow: workflow.name, state: "failed", open: "1" }), count(runs.failed) + " failed", "count bad") : "0 failed"}</span
      >
      <span class=${runs.overdue ? "" : "zero"}
        >${runs.overdue ? link(runsPath({ workflow: workflow.name, state: "overdue", open: "1" }), count(runs.overdue) + " overdue", "count warn") : "0 overdue"}</span
      >
      <span class="dim"
        >${worst ? (worst.budget_remaining < 0 ? "budget overspent" : percent(worst.budget_remaining, 0) + " budget") : "no budget data"}</span
      >
    </p>
  </li>`;
}

const HOUR = { seconds: 3600, isLive: true };

// Idle workflows are one line: nothing of them is late, and nothing is shown to be well.
function lineOf(title, tiles) {
  return tiles.length === 0
    ? nothing
    : html`<p class="idle dim">
        ${title}:
        ${tiles.map(({ workflow }, i) => html`${i ? ", " : ""}${workflowLink(workflow.name, workflow.title)}`)}.
      </p>`;
}

// Places in the side column: of failures, which says so when there are none, and of replays, which has
// nothing to say yet. That of alerts stands above the tiles.
function slots(overview) {
  return html`${
      overview.failing.count === 0
        ? html`<p class="slot dim" data-slot="failed">No run has failed.</p>`
        : nothing
    }
    <div data-slot="replays" hidden></div>`;
}

// Whether anybody is called: by how many rules, and those of them that can say nothing.
function watched(alerts) {
  const { count: rules, nodata, error } = alerts.rules;
  if (rules === 0)
    return [
      "unknown",
      "no alert rules",
      "Nobody is called: trouble shows here, and only to who looks",
    ];
  if (error > 0) return ["bad", plural(error, "rule") + " cannot be judged", "", "/rules"];
  if (nodata > 0)
    return [
      "unknown",
      plural(nodata, "rule") + " without data",
      "Some need a week before they know what is usual",
      "/rules",
    ];
  return ["ok", plural(rules, "rule") + " watch", "Alert rules that are judged", "/rules"];
}

function truth(overview, status, alerts) {
  const lag = overview.watermark_lag;
  const facts = [];
  facts.push(
    overview.at === null
      ? ["bad", "no watermark", "The collector has not said anything yet"]
      : overview.where.events === 0
        ? [
            "unknown",
            "no event yet",
            "Nothing can be late, and nothing is known to be well",
            "/taps",
          ]
        : lag > BEHIND_S
          ? [
              "warn",
              "judged up to " + duration(lag) + " ago",
              "A source delivers old events, or the taps are not read to their end; what is past its deadline since then is not called overdue yet",
            ]
          : [
              "ok",
              "deadlines judged up to now",
              "The watermark is " + duration(lag) + " behind the clock",
            ],
  );
  facts.push(
    status.sources.missing > 0
      ? [
          "warn",
          plural(status.sources.missing, "event") + " missing",
          "Gaps in the sequences of " + plural(status.sources.with_gaps, "source"),
          "/taps?missing=1",
        ]
      : ["ok", "no gaps", "No numbered source skipped a number", "/taps"],
  );
  facts.push(
    status.quarantine_open > 0
      ? [
          "warn",
          plural(status.quarantine_open, "message") + " not understood",
          "In quarantine",
          "/quarantine",
        ]
      : ["ok", "all understood", "Nothing is in quarantine", "/quarantine"],
  );
  if (status.totals.effects_duplicate > 0)
    facts.push([
      "bad",
      plural(status.totals.effects_duplicate, "effect") + " twice",
      "Posted or captured twice",
      runsPath({ cause: "duplicate" }),
    ]);
  if (overview.where.given_up > 0)
    facts.push([
      "warn",
      count(overview.where.given_up) + " runs given up",
      "More runs are open than track.max-open-runs",
    ]);
  facts.push(watched(alerts));
  return html`<ul class="truth" aria-label="How far this can be trusted">
    ${facts.map(
      ([state, words, title, path]) =>
        html`<li>
          ${path ? link(path, badge(state, words, title)) : badge(state, words, title)}
        </li>`,
    )}
  </ul>`;
}

// --- alerts: the worst first, in one line each, above all else; their place is there before any fires

const COLOURS = { critical: "bad", warning: "warn", info: "plain" };

// It fires, and is neither silenced nor a consequence of another one.
function isLoud(group) {
  return group.firing > 0 && (group.quiet < group.firing || group.acknowledged >= group.firing);
}

// Critical ones first, what is only shown last; within them as the tower says.
function rankOf(group) {
  return { critical: 0, warning: 1, info: 3 }[group.severity] ?? 2;
}

function groupPath(group) {
  const [first] = group.alerts;
  return group.count === 1 && first ? "/alerts/" + first.fingerprint : "/alerts";
}

function alertRow(group) {
  const state = COLOURS[group.severity] || "unknown";
  const path = groupPath(group);
  const many = group.count > 1 ? count(group.count) + " × " : "";
  return html`<li class=${state} data-alert=${group.key}>
    ${badge(state, group.severity || "no severity")}
    <span class="grow"
      >${link(path, many + group.title, "alarm-title")}
      <span class="dim alarm-more"
        >${group.summary && group.summary !== group.title ? group.summary : nothing}</span
      >
      ${group.acknowledged >= group.firing ? badge("plain", "acknowledged") : nothing}</span
    >
    <span class="num">${ago(group.since)}</span>
  </li>`;
}

function alertsPart(alerts, listed) {
  const { totals } = alerts;
  const loud = alerts.items.filter(isLoud).sort((a, b) => rankOf(a) - rankOf(b));
  const told = [];
  if (totals.critical) told.push(count(totals.critical) + " critical");
  if (totals.pending) told.push(count(totals.pending) + " pending");
  if (totals.silenced) told.push(count(totals.silenced) + " silenced");
  if (totals.inhibited)
    told.push(
      count(totals.inhibited) +
        (totals.inhibited === 1 ? " follows from another" : " follow from others"),
    );
  const more = loud.length + alerts.more - listed;
  return html`<section
    class="panel overview-alerts ${totals.critical ? "bad" : totals.firing ? "warn" : "ok"}"
    aria-label="Alerts"
    data-slot="alerts"
  >
    <h2>
      ${link("/alerts", totals.firing ? plural(totals.firing, "alert") + (totals.firing === 1 ? " fires" : " fire") : "No alert fires")}
      <span class="dim">${told.join(", ")}</span>
    </h2>
    ${
      loud.length
        ? html`<ol class="brief">
            ${repeat(loud.slice(0, listed), (one) => one.key, alertRow)}
            ${more > 0 ? html`<li class="dim">and ${link("/alerts", count(more) + " more")}</li>` : nothing}
          </ol>`
        : nothing
    }
  </section>`;
}

// The sound of the wall is switched on where the wall is begun: browsers let nothing sound that nobody
// has asked for. On the wall a word says whether it can be heard.
function soundButton(context, isWall) {
  if (!alarm)
    import("../alarm.js").then(
      (module) => {
        const isFirst = !alarm;
        alarm = module;
        if (isFirst) context.update();
      },
      () => {}, // asked for again with the next drawing
    );
  const state = !isOn("sound") ? "off" : alarm ? alarm.soundState() : "waits";
  if (isWall)
    return state === "off"
      ? nothing
      : html`<span class="wall-sound"
          >${state === "on" ? badge("plain", "sound on") : badge("warn", "sound: press a key", "The browser lets nothing sound before")}</span
        >`;
  return html`<button
    type="button"
    class="chip"
    id="sound"
    title="A sound on the wall when an alert fires"
    aria-pressed=${state === "off" ? "false" : "true"}
    @click=${() => alarm && alarm.switchSound()}
  >
    Wall sound: ${state === "off" ? "off" : "on"}
  </button>`;
}

function runList(title, section, filter, listed) {
  if (section.count === 0) return nothing;
  return html`<section class="panel" aria-label=${title} data-slot=${title}>
    <h2>${link(runsPath(filter), count(section.count) + " " + title)}</h2>
    <ol class="brief">
      ${repeat(
        section.runs.slice(0, listed),
        (run) => run.workflow + run.object,
        (run) =>
          html`<li>
            ${journeyLink(run.object)}<span class="grow"
              >${run.step || run.workflow}${run.cause && run.cause !== "missing" ? html` · <b>${run.cause}</b>` : nothing}</span
            >
            <span class="num">${ago(run.since || run.started)}</span>
          </li>`,
      )}
    </ol>
  </section>`;
}

// Something of it is under way: it has a tile, also while nothing can be said of it.
function isBusy({ workflow }) {
  return Boolean(workflow.runs) && workflow.runs.open > 0;
}

// What the workflows say, in words and with the colour of it.
function workflowWords(tiles) {
  const bad = tiles.filter((one) => one.trouble.state === "bad").length;
  const warn = tiles.filter((one) => one.trouble.state === "warn").length;
  const unknown = tiles.filter((one) => one.trouble.state === "unknown" && isBusy(one)).length;
  if (bad)
    return ["bad", plural(bad, "workflow") + " in trouble", warn ? warn + " to look at" : ""];
  if (warn) return ["warn", plural(warn, "workflow") + " to look at", ""];
  if (unknown) return ["unknown", "No trouble seen, too early to tell of " + unknown, ""];
  return tiles.some((one) => one.trouble.state === "ok")
    ? ["ok", "All workflows keep up", ""]
    : ["unknown", "Nothing goes on", ""];
}

// Firing alerts that somebody is told of, or has in hand: not what is silenced, follows from another or
// is only shown.
function loudOf(alerts, isOf) {
  const groups = alerts.items.filter((one) => isOf(one.severity) && isLoud(one));
  const sum = (of) => groups.reduce((total, one) => total + of(one), 0);
  return {
    groups,
    count: sum((one) => Math.min(one.firing, one.firing - one.quiet + one.acknowledged)),
    acked: sum((one) => one.acknowledged),
  };
}

// The one thing that a group is about, where its title does not say it.
function whereOf({ labels, title }) {
  const { system, step, workflow, objective } = labels || {};
  const name = system || step || objective || workflow;
  return name && !title.includes(name) ? " (" + name + ")" : "";
}

// "1 critical alert: System is down (erp)", "3 critical alerts fire", with the way there.
function alertWords({ groups, count: n, acked }, word) {
  const [first] = groups;
  const what = plural(n, word) + (acked >= n ? ", acknowledged" : "");
  return groups.length > 1
    ? link("/alerts", what + (n === 1 ? " fires" : " fire"))
    : link(groupPath(first), what + ": " + first.title + whereOf(first));
}

// The worst first: what fires goes before what the workflows say, which stands behind it.
function headline(tiles, alerts) {
  const [state, words, more] = workflowWords(tiles);
  const critical = loudOf(alerts, (severity) => severity === "critical");
  const other = loudOf(alerts, (severity) => severity !== "critical" && severity !== "info");
  const isTrouble = state === "bad" || state === "warn";
  const isTicket = other.groups.every((one) => one.severity === "warning");
  const shown = critical.count ? critical : other;
  const isPartly = shown.acked > 0 && shown.acked < shown.count;
  const after = [isPartly && count(shown.acked) + " of them acknowledged", isTrouble && words];
  const behind = after.filter(Boolean).join(", ");
  if (shown.count)
    return html`<h1 class="headline ${critical.count || state === "bad" ? "bad" : "warn"}">
      ${alertWords(shown, critical.count ? "critical alert" : isTicket ? "warning" : "alert")}${behind ? html` <span class="dim">${isPartly ? "" : "and "}${behind}</span>` : nothing}
    </h1>`;
  return html`<h1 class="headline ${state}">
    ${words}${more ? html`<span class="dim"> and ${more}</span>` : nothing}
  </h1>`;
}

export const page = {
  what: "the overview",
  views: ["overview", "workflow/", "objective/", "stores", "quarantine", "alerts"],
  every: 1000,
  title: () => "Overview",
  // Only what has changed is asked for: stores are written every ten seconds, the status is in each tick.
  async load({ signal, state, hasChanged }) {
    const known = state.known || {};
    const renew = (name, view, params) =>
      known[name] && !hasChanged(view) ? known[name] : get("/" + name, params, signal);
    const [overview, workflows, objectives, stores, alerts, status] = await Promise.all([
      renew("overview", "overview"),
      renew("workflows", "workflow/", { limit: 1000 }),
      renew("objectives", "objective/", { limit: 1000 }),
      renew("stores", "stores", { limit: 1000 }),
      renew("alerts/groups", "alerts"),
      statusNow() || get("/status", null, signal),
    ]);
    state.known = { overview, workflows, objectives, stores, "alerts/groups": alerts };
    return {
      overview,
      workflows: workflows.items,
      objectives: objectives.items,
      status,
      stores,
      alerts,
    };
  },
  view({ overview, workflows, objectives, status, stores, alerts }, context) {
    const tiles = workflows
      .map((workflow) => {
        const own = objectives.filter((objective) => objective.workflow === workflow.name);
        return { workflow, objectives: own, trouble: judge(workflow, own) };
      })
      .sort(byTrouble);
    const isWall = context.params.has("wall");
    // On the wall alerts take the room of a line of each list.
    const isFiring = alerts.totals.firing > 0;
    const listed = isWall ? WALL_LISTED - (isFiring ? 1 : 0) : LISTED;
    const isShown = (one) => one.trouble.state !== "unknown" || isBusy(one);
    const busy = tiles.filter(isShown);
    const shown = isWall ? busy.slice(0, WALL_TILES) : busy;
    return html`<div class="overview-head">
        ${headline(tiles, alerts)}
        <span class="as-of num" title="What is shown is as of then"
          >${clockText(overview.now).slice(0, 8)}</span
        >
        ${truth(overview, status, alerts)} ${soundButton(context, isWall)}
        <a class="chip wall-link" href=${isWall ? "/" : "/?wall"}
          >${isWall ? "Leave the wall" : "Wall"}</a
        >
      </div>
      ${
        overview.where.events === 0
          ? html`<div class="note">
              <strong>No event has arrived yet.</strong>
              <p>
                Point a sender to one of the ${link("/taps", "taps")}: where each listens stands
                there. What cannot be understood appears in ${link("/quarantine", "quarantine")}.
              </p>
            </div>`
          : nothing
      }
      ${workflows.length === 0 ? html`<div class="note"><strong>No workflow is defined.</strong> See workflows in the configuration.</div>` : nothing}
      ${alertsPart(alerts, isWall ? WALL_ALERTS : LISTED)}
      <div class="overview">
        <div>
          <ul
            class="tiles ${isWall && isFiring ? "tight" : ""} ${shown.length > WALL_LARGE ? "many" : ""} ${shown.length > (isWall && isFiring ? WALL_LARGE : WALL_MANY) ? "most" : ""}"
            aria-label="Workflows, trouble first"
          >
            ${repeat(
              shown,
              (one) => one.workflow.name,
              (one) => tile(context, one),
            )}
          </ul>
          ${lineOf("No room for", busy.slice(shown.length))}
          ${
            isWall && isFiring
              ? nothing
              : lineOf(
                  "Idle or without data",
                  tiles.filter((one) => !isShown(one)),
                )
          }
        </div>
        <div class="overview-side">
          <section class="panel" aria-label="Stores">
            <h2>
              ${link("/stores", "Stores")}
              <span class="dim"
                >${overview.store_totals ? overview.store_totals.late + " of " + plural(overview.store_totals.stores, "store") + " late" : ""}</span
              >
            </h2>
            ${storeGrid(stores.items)}
          </section>
          ${runList("failed", overview.failing, { state: "failed", open: "1" }, listed)}
          ${runList("overdue", overview.missing.overdue, { state: "overdue", open: "1" }, listed)}
          ${isWall ? nothing : budgets(objectives)}${slots(overview)}
        </div>
      </div>`;
  },
};

// The budgets that are nearest to their end.
function budgets(objectives) {
  const known = objectives
    .filter(
      (one) =>
        typeof one.budget_remaining === "number" && one.total > 0 && one.budget_remaining < 1,
    )
    .sort((a, b) => a.budget_remaining - b.budget_remaining)
    .slice(0, LISTED);
  if (known.length === 0) return nothing;
  return html`<section class="panel" aria-label="Budgets">
    <h2>${link("/objectives", "Budgets spent most")}</h2>
    <ol class="brief">
      ${known.map((one) => html`<li><span class="grow">${link("/objectives/" + encodeURIComponent(one.name), one.title || one.name)}</span>${budget(one)}</li>`)}
    </ol>
  </section>`;
}
