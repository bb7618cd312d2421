// SPDX-License-Identifier: Apache-2.0
// What is told to nobody: silences that are active, to come and over, and the mutes of the
// configuration. An alert that is silenced stays on its page.
import { get, post, remove } from "../api.js";
import { matcherLine, matcherMarks, openSilence } from "../alertdialog.js";
import { alertPages } from "../alertpages.js";
import { count, plural } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { faultWords } from "../notes.js";
import { badge, due, moment } from "../parts.js";
import { bothText, endOf, LENGTHS } from "../silencetime.js";
import { limitOf, table } from "../table.js";

const SOON_S = 15 * 60;

// One click, one effect: what is under way is not begun again.
async function act(context, silence, work, words) {
  const { state } = context;
  if (state.isActing) return;
  Object.assign(state, { isActing: true, said: null, asked: null });
  context.update();
  try {
    await work();
    state.said = { ok: true, words };
  } catch (error) {
    state.said = { ok: false, words: faultWords(error) };
  }
  state.isActing = false;
  context.reload();
}

function pathOf(silence) {
  return "/silences/" + encodeURIComponent(silence.id);
}

// From its end on, not from now: an hour more is an hour more.
function extend(context, silence, seconds, words) {
  const ends = endOf(seconds, Math.max(Date.now(), Date.parse(silence.ends))).toISOString();
  const { id, matchers, starts, comment } = silence;
  return act(
    context,
    silence,
    () => post("/silences", { id, matchers, starts, ends, comment }),
    "Extended by " + words + ".",
  );
}

function again(context, silence) {
  openSilence({
    labels: {},
    matchers: silence.matchers,
    comment: silence.comment,
    done: context.reload,
  });
}

function change(context, silence) {
  openSilence({
    matchers: silence.matchers,
    comment: silence.comment,
    change: silence,
    done: context.reload,
  });
}

function buttons(context, silence) {
  const { state } = context;
  if (state.asked === silence.id)
    return html`<span class="ask" role="group" aria-label="End it now?"
      >End it now? What it hides is told again.
      <button
        type="button"
        ?disabled=${state.isActing}
        @click=${() => act(context, silence, () => remove(pathOf(silence)), "Ended.")}
      >
        End it
      </button>
      <button
        type="button"
        class="chip"
        @click=${() => {
          state.asked = null;
          context.update();
        }}
      >
        Keep it
      </button></span
    >`;
  return html`<span class="line-buttons">
    ${LENGTHS.filter(([, seconds]) => seconds > 0 && seconds <= 86400).map(
      ([words, seconds]) =>
        html`<button
          type="button"
          class="chip"
          ?disabled=${state.isActing}
          @click=${() => extend(context, silence, seconds, words)}
        >
          + ${words}
        </button>`,
    )}
    <button
      type="button"
      class="chip"
      ?disabled=${state.isActing}
      @click=${() => change(context, silence)}
    >
      Change …
    </button>
    <button
      type="button"
      class="chip"
      ?disabled=${state.isActing}
      @click=${() => {
        state.asked = silence.id;
        context.update();
      }}
    >
      End …
    </button>
  </span>`;
}

function left(silence) {
  const seconds = (Date.parse(silence.ends) - Date.now()) / 1000;
  return html`${due(silence.ends)}${seconds < SOON_S ? html` ${badge("warn", "ends soon")}` : nothing}`;
}

function item(context, silence) {
  const isActive = silence.state === "active";
  return html`<li class="silence-item" data-silence=${silence.id}>
    <p>
      ${isActive ? badge("unknown", "active") : badge("plain", "pending")}
      ${matcherMarks(silence.matchers)}
    </p>
    <p>
      “${silence.comment.trim()}”
      <span class="dim">${silence.created_by}, ${moment(silence.created)}</span>
    </p>
    <p>
      ${isActive ? html`ends ${left(silence)}` : html`begins ${due(silence.starts)}`}
      <span class="dim"
        >(${bothText(new Date(isActive ? silence.ends : silence.starts))}),
        ${isActive ? html`since ${moment(silence.starts)}` : html`until ${bothText(new Date(silence.ends))}`}</span
      >
      ${typeof silence.hides === "number" ? html`· ${isActive ? "hides" : "would hide"} ${plural(silence.hides, "open alert")}` : nothing}
    </p>
    ${buttons(context, silence)}
  </li>`;
}

function section(context, title, list, none) {
  return html`<section class="panel" aria-label=${title}>
    <h2>${title}</h2>
    ${
      list.length === 0
        ? html`<p class="dim">${none}</p>`
        : html`<ul class="entries">
            ${repeat(
              list,
              (one) => one.id,
              (one) => item(context, one),
            )}
          </ul>`
    }
  </section>`;
}

const expiredColumns = (context) => [
  {
    name: "matchers",
    title: "Alerts with",
    className: "wrap",
    value: (one) => matcherLine(one.matchers),
    cell: (one) => matcherMarks(one.matchers),
  },
  { name: "comment", title: "Why", className: "wrap", value: (one) => one.comment },
  { name: "by", title: "Who", value: (one) => one.created_by },
  {
    name: "starts",
    title: "From",
    className: "num",
    value: (one) => one.starts,
    cell: (one) => moment(one.starts),
  },
  {
    name: "ends",
    title: "To",
    className: "num",
    value: (one) => one.ends,
    cell: (one) => moment(one.ends),
  },
  {
    name: "again",
    title: "Again",
    value: () => null,
    text: () => "",
    cell: (one) =>
      html`<button type="button" class="chip" @click=${() => again(context, one)}>
        Once more …
      </button>`,
  },
];

function mutes(list) {
  return html`<section class="panel" aria-label="Mutes">
    <h2>Mutes that come back</h2>
    ${
      list.length === 0
        ? html`<p class="dim">
            There are none. They are written as times in the file that notify.file names.
          </p>`
        : html`<ul class="brief">
            ${list.map(
              (one) =>
                html`<li>
                  ${one.active ? badge("unknown", "active") : badge("plain", "not now")}
                  <b>${one.name}</b><span class="grow as-written">${one.intervals}</span>
                  <span class="dim">${(one.used_by || []).join(", ")}</span>
                </li>`,
            )}
          </ul>`
    }
  </section>`;
}

export const page = {
  what: "the silences",
  views: ["alerts"],
  every: 2000,
  title: () => "Silences",
  load(context) {
    const limit = limitOf(context, "expired", 200, 1000);
    return get("/silences", { state: "active,pending,expired", limit }, context.signal);
  },
  view({ items, next, mutes: recurring }, context) {
    const { said } = context.state;
    const of = (state) => items.filter((one) => one.state === state);
    const active = of("active");
    return html`${alertPages("/silences")}
      <div class="page-head">
        <h1 class="small">
          ${active.length === 0 ? "No silence is active" : plural(active.length, "silence") + (active.length === 1 ? " is active" : " are active")}
        </h1>
        <span class="grow"></span>
        <button
          type="button"
          class="primary"
          id="new-silence"
          @click=${() => openSilence({ done: context.reload })}
        >
          New silence …
        </button>
      </div>
      <p role="status" class=${said && !said.ok ? "error-note" : "dim"}>
        ${said ? said.words : nothing}
      </p>
      ${section(context, "Active", active, "Nothing is hidden by a silence.")}
      ${of("pending").length ? section(context, "To come", of("pending"), "") : nothing}
      ${mutes(recurring || [])}
      <section class="panel" aria-label="Over">
        <h2>Over (${count(of("expired").length)})</h2>
        ${table(context, {
          name: "expired",
          className: "runs",
          caption: "Silences that are over",
          columns: expiredColumns(context),
          rows: of("expired"),
          key: (one) => one.id,
          sort: ["ends", "desc"],
          more: next ? { total: null, canLoad: items.length < 1000 } : undefined,
          empty: "None is over yet.",
        })}
      </section>`;
  },
};
