// SPDX-License-Identifier: Apache-2.0
// Who is told, whether it reaches them, and what was told.
import { get, post } from "../api.js";
import { NOTICE_WORDS, noticeState } from "../alertnotices.js";
import { alertPages, deskButton } from "../alertpages.js";
import { alertPath } from "../alertwords.js";
import { count, plural } from "../format.js";
import { html, live, nothing, repeat } from "../lit.js";
import { faultWords } from "../notes.js";
import { ago, badge, due, fact, link, moment } from "../parts.js";
import { limitOf, table } from "../table.js";
import { duration } from "../time.js";

const KINDS = {
  notify: "notification",
  test: "test",
  watchdog: "watchdog",
  escalation: "escalation",
  acknowledged: "acknowledgement",
};

// Of a way, or of a receiver that has no others: pages that are open hear of alerts by themselves, and
// nothing is sent to them.
function healthMark(health, kinds) {
  if (kinds.every((kind) => kind === "browser"))
    return badge("plain", "while a page is open", "Pages hear of alerts by themselves");
  if (!health) return badge("unknown", "not known");
  if (health.failing) return badge("bad", "fails", health.last_error || "");
  if (health.last_ok) return badge("ok", "reaches");
  return badge("unknown", "nothing sent yet");
}

// One click, one effect: a test is not begun again while one is under way.
async function test(context, name) {
  const { state } = context;
  state.tests = state.tests || {};
  if (state.tests[name] && state.tests[name].isBusy) return;
  state.tests[name] = { isBusy: true };
  context.update();
  try {
    await post("/receivers/" + encodeURIComponent(name) + "/test", {});
    state.tests[name] = {
      words: "A test is under way: what becomes of it stands in the history below.",
    };
  } catch (error) {
    state.tests[name] = { isBad: true, words: faultWords(error) };
  }
  context.reload();
}

function receiver(context, one) {
  const tried = (context.state.tests || {})[one.name] || {};
  const health = one.health || {};
  return html`<li class="panel" data-receiver=${one.name}>
    <div class="panel-head">
      <h2>${one.name}</h2>
      ${healthMark(
        one.health,
        (one.integrations || []).map((way) => way.kind),
      )}
      <span class="grow"></span>
      <button
        type="button"
        ?disabled=${Boolean(tried.isBusy)}
        aria-label="Send a test to ${one.name}"
        @click=${() => test(context, one.name)}
      >
        ${tried.isBusy ? "One moment …" : "Send a test"}
      </button>
    </div>
    <ul class="brief">
      ${(one.integrations || []).map(
        (way) =>
          html`<li>
            <b>${way.kind}</b
            ><span class="grow dim">${way.target}</span
            >${way.health ? healthMark(way.health, [way.kind]) : nothing}
          </li>`,
      )}
    </ul>
    <dl class="facts line">
      ${fact("Reached", health.last_ok ? html`${ago(health.last_ok)} ago` : "not yet")}
      ${health.waiting ? fact("Waiting", count(health.waiting)) : nothing}
      ${health.last_error ? fact("Last fault", html`<span class=${health.failing ? "error-note" : ""}>${health.last_error}</span>`) : nothing}
    </dl>
    ${tried.words ? html`<p role="status" class=${tried.isBad ? "error-note" : "dim"}>${tried.words}</p>` : nothing}
  </li>`;
}

// The labels of its group, the name of the alert first.
function whatOf(one) {
  const { alertname, ...others } = one.group_labels || {};
  const words = [alertname, ...Object.values(others)].filter(Boolean).join(", ");
  return words || KINDS[one.kind] || one.kind;
}

function amountOf(one) {
  const parts = [];
  if (one.firing) parts.push(count(one.firing) + (one.firing === 1 ? " fires" : " fire"));
  if (one.resolved) parts.push(count(one.resolved) + " resolved");
  if (one.kind !== "notify" && whatOf(one) !== KINDS[one.kind])
    parts.push(KINDS[one.kind] || one.kind);
  return parts.join(", ");
}

const columns = [
  {
    name: "created",
    title: "When",
    className: "num",
    value: (one) => one.created,
    cell: (one) => moment(one.created),
  },
  {
    name: "what",
    title: "What was told",
    className: "wrap said-column",
    value: whatOf,
    cell: (one) =>
      html`${one.fingerprints.length ? link(alertPath({ fingerprint: one.fingerprints[0] }), whatOf(one), "row-link") : whatOf(one)}
        <span class="dim">${amountOf(one)}</span>`,
  },
  { name: "reason", title: "Because of", className: "wide", value: (one) => one.reason },
  {
    name: "receiver",
    title: "To",
    value: (one) => one.receiver,
    text: (one) => one.receiver + " " + one.integration,
    cell: (one) => html`${one.receiver} <span class="dim">${one.integration}</span>`,
  },
  {
    name: "state",
    title: "State",
    value: (one) => one.state,
    cell: (one) =>
      html`${noticeState(one)}${one.state === "waiting" && one.next ? html` <span class="dim">again ${due(one.next)}</span>` : nothing}`,
  },
  { name: "tries", title: "Tries", className: "num wide", value: (one) => one.tries },
  {
    name: "answer",
    title: "Answer",
    className: "wrap wide",
    value: (one) => one.error || one.status,
    cell: (one) =>
      one.error ? html`<span class="error-note">${one.error}</span>` : one.status || "–",
  },
];

function choice(context, name, label, values) {
  const chosen = context.params.get(name) || "";
  return html`<label class="check"
    >${label}
    <select
      id=${name}
      .value=${live(chosen)}
      @change=${(event) => context.put({ [name]: event.target.value })}
    >
      <option value="">every</option>
      ${values.map((value) => html`<option value=${value} ?selected=${value === chosen}>${value}</option>`)}
    </select></label
  >`;
}

const BEATS = {
  beating: ["ok", "comes"],
  missed: ["bad", "missed"],
  awaited: ["unknown", "not heard yet"],
};

function beats(list) {
  if (!list || list.length === 0) return nothing;
  return html`<section class="panel" aria-label="Heartbeats">
    <h2>Heartbeats that are expected</h2>
    <ul class="brief">
      ${list.map(
        (one) =>
          html`<li>
            ${badge(...(Object.hasOwn(BEATS, one.state) ? BEATS[one.state] : ["unknown", one.state]))}
            <b>${one.name}</b><span class="grow"></span>
            <span class="dim">${one.last ? html`last ${ago(one.last)} ago` : "never heard"}</span>
          </li>`,
      )}
    </ul>
  </section>`;
}

function matchersText(list) {
  return (list || []).map((one) => (typeof one === "string" ? one : one.text)).join(" ");
}

// As somebody has written it: "4 h", not "4 h 0 m".
function spanText(seconds) {
  return duration(seconds).replace(/ 0 [hms]$/, "");
}

// `shown`: which of the columns that are often empty are there.
function routeRow(route, shown) {
  const escalate = () =>
    html`<td class="wrap">
      ${(route.escalate || []).map((one) => html`<span class="step-note">after ${spanText(one.after_seconds)}: ${one.receiver}</span> `)}
    </td>`;
  return html`<tr>
    <th
      scope="row"
      class="wrap"
      .style=${"padding-left:" + (0.7 + 1.2 * (route.depth || 0)) + "rem"}
    >
      ${matchersText(route.matchers) ? html`<code>${matchersText(route.matchers)}</code>` : route.depth ? "all" : "all that no line below takes"}
    </th>
    <td>${route.receiver}</td>
    <td class="wrap wide">${(route.group_by || []).join(", ")}</td>
    <td class="num wide">${spanText(route.group_wait_seconds)}</td>
    <td class="num wide">${spanText(route.repeat_interval_seconds)}</td>
    ${shown.escalate ? escalate() : nothing}
    ${
      shown.times
        ? html`<td class="wrap">
            ${timesOf(route).join(", ")} ${route.muted_by ? badge("unknown", "muted now") : nothing}
          </td>`
        : nothing
    }
  </tr>`;
}

function timesOf(route) {
  return [...(route.active_times || []), ...(route.mute_times || []).map((one) => "not " + one)];
}

// Who is told what: the routes, in the order in which they are tried.
function routes(list) {
  if (!list || list.length === 0) return nothing;
  const shown = {
    escalate: list.some((one) => (one.escalate || []).length > 0),
    times: list.some((one) => timesOf(one).length > 0),
  };
  return html`<section class="panel" aria-label="Who is told what">
    <h2>Who is told what</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Routes">
      <table class="runs">
        <thead>
          <tr>
            <th scope="col">Alerts with</th>
            <th scope="col">Receiver</th>
            <th scope="col" class="wide">Together by</th>
            <th scope="col" class="num wide">First after</th>
            <th scope="col" class="num wide">Again after</th>
            ${shown.escalate ? html`<th scope="col">Not acknowledged</th>` : nothing}
            ${shown.times ? html`<th scope="col">Times</th>` : nothing}
          </tr>
        </thead>
        <tbody>
          ${list.map((one) => routeRow(one, shown))}
        </tbody>
      </table>
    </div>
  </section>`;
}

export const page = {
  what: "the notifications",
  views: ["alerts"],
  every: 2000,
  title: () => "Notifications",
  async load(context) {
    const { params, signal } = context;
    const limit = limitOf(context, "notices", 100, 1000);
    const filter = { receiver: params.get("receiver"), state: params.get("state"), limit };
    const [receivers, notices, heartbeats] = await Promise.all([
      get("/receivers", null, signal),
      get("/notifications", { ...filter, alert: params.get("alert") }, signal),
      get("/heartbeats", null, signal),
    ]);
    return { receivers, notices, heartbeats: heartbeats.items };
  },
  view({ receivers: told, notices, heartbeats }, context) {
    const receivers = told.items;
    const failing = receivers.filter((one) => one.health && one.health.failing).length;
    return html`${alertPages("/notifications")}
      <div class="page-head">
        <h1 class="small">${plural(receivers.length, "receiver")}</h1>
        ${failing ? badge("bad", count(failing) + (failing === 1 ? " fails" : " fail")) : nothing}
        <span class="grow"></span>
        ${deskButton()}
      </div>
      <ul class="cards receivers" aria-label="Receivers">
        ${repeat(
          receivers,
          (one) => one.name,
          (one) => receiver(context, one),
        )}
      </ul>
      ${routes(told.routes)} ${beats(heartbeats)}
      <section class="panel" aria-label="What was told">
        <div class="panel-head">
          <h2>What was told</h2>
          ${choice(
            context,
            "receiver",
            "Receiver",
            receivers.map((one) => one.name),
          )}
          ${choice(context, "state", "State", NOTICE_WORDS)}
        </div>
        ${table(context, {
          name: "notices",
          className: "runs",
          caption: "Notifications",
          columns,
          rows: notices.items,
          key: (one) => one.id,
          sort: ["created", "desc"],
          more: notices.next ? { total: null, canLoad: notices.items.length < 1000 } : undefined,
          empty: "Nothing was told yet.",
        })}
      </section>`;
  },
};
