// SPDX-License-Identifier: Apache-2.0
// What could not be understood, with its bytes, and the order to try it again.
import { get, post } from "../api.js";
import { bytes, count, plural } from "../format.js";
import { html, live, nothing, repeat } from "../lit.js";
import { empty, failed, faultWords } from "../notes.js";
import { badge, link, time } from "../parts.js";

const PAGE = 50;
const PAGE_MAX = 1000;
const ASK_MS = 500; // between two questions after a request
const ASKS = 40;

function complain(context, error) {
  if (error.name === "AbortError") return;
  context.state.said = faultWords(error);
  context.update();
}

// Ask until the collector has carried the request out, or a while is over.
async function follow(context, id) {
  const { state, signal } = context;
  for (let i = 0; i < ASKS; i++) {
    const request = await get("/requests/" + id, {}, signal);
    if (request.state !== "waiting") {
      const result =
        request.result && typeof request.result === "object"
          ? Object.entries(request.result)
              .map(([key, value]) => key + " " + value)
              .join(", ")
          : "";
      state.said =
        (request.state === "done" ? "Tried again. " : "It could not be tried again. ") + result;
      context.reload();
      return;
    }
    await new Promise((wake) => setTimeout(wake, ASK_MS));
  }
  state.said = "The request waits for the collector.";
  context.update();
}

async function retry(context, what) {
  context.state.said = "Asking the collector to try again …";
  context.update();
  try {
    await follow(context, (await post("/quarantine/retry", what)).request);
  } catch (error) {
    complain(context, error);
  }
}

async function showWhole(context, entry) {
  const place = context.state.open.get(entry.id);
  try {
    place.raw = (await get("/quarantine/" + entry.id, null, context.signal)).raw;
  } catch (error) {
    place.error = error;
  }
  context.update();
}

function detail(context, entry) {
  const place = context.state.open.get(entry.id);
  const isCut = entry.raw_bytes > entry.raw_shown_bytes && place.raw === undefined;
  return html`<p class="dim">
      Entry
      ${entry.id}${entry.peer ? ", from " + entry.peer : ""}${entry.index === null ? "" : ", event " + entry.index + " of its batch"}${entry.retries ? ", tried again " + plural(entry.retries, "time") : ""}
      ${entry.done_n ? link("/event/" + entry.done_n, "It became event " + entry.done_n) : nothing}
    </p>
    ${entry.topic ? html`<p><span class="dim">Topic </span><code>${entry.topic}</code></p>` : nothing}
    ${entry.headers ? html`<pre class="json" tabindex="0">${entry.headers}</pre>` : nothing}
    ${place.error ? failed(place.error) : html`<pre class="json" tabindex="0">${place.raw ?? entry.raw ?? "(no bytes)"}</pre>`}
    ${
      isCut
        ? html`<p class="dim">
            ${bytes(entry.raw_shown_bytes)} shown of ${bytes(entry.raw_bytes)}
            ${
              entry.raw_kept_bytes > entry.raw_shown_bytes
                ? html`<button type="button" @click=${() => showWhole(context, entry)}>
                    Show all that is kept
                  </button>`
                : nothing
            }
          </p>`
        : nothing
    }
    ${entry.done ? nothing : html`<button type="button" @click=${() => retry(context, { ids: [entry.id] })}>Try again</button>`}`;
}

function entryRow(context, entry) {
  const { open } = context.state;
  const isOpen = open.has(entry.id);
  return html`<li>
    <button
      type="button"
      class="entry row-link"
      aria-expanded=${isOpen ? "true" : "false"}
      aria-controls="entry-${entry.id}"
      @click=${() => {
        if (isOpen) open.delete(entry.id);
        else open.set(entry.id, {});
        context.update();
      }}
    >
      <span class="when">${time(entry.received)}</span>
      <span>${badge(entry.done ? "ok" : "warn", entry.reason, entry.title)}</span>
      <span class="grow"
        >${entry.title}${entry.detail ? html`<span class="dim"> – ${entry.detail}</span>` : nothing}</span
      >
      <span class="dim num"
        >${entry.tap}${entry.index === null ? "" : " [" + entry.index + "]"}</span
      >
      <span class="num">${bytes(entry.raw_bytes)}</span
      ><span class="e-more" aria-hidden="true"></span>
    </button>
    <div class="detail" id="entry-${entry.id}" ?hidden=${!isOpen}>
      ${isOpen ? detail(context, entry) : nothing}
    </div>
  </li>`;
}

function tools(context, list, status, reason, withDone) {
  const names = Object.entries(status.problems);
  return html`<div class="panel-head">
    <label class="check"
      >Reason
      <select
        id="reason"
        .value=${live(reason)}
        @change=${(event) => context.put({ reason: event.target.value })}
      >
        <option value="">every reason</option>
        ${names.map(([name, n]) => html`<option value=${name} ?selected=${name === reason}>${name} (${count(n)})</option>`)}
        ${reason && !status.problems[reason] ? html`<option value=${reason} selected>${reason}</option>` : nothing}
      </select></label
    >
    <label class="check"
      ><input
        type="checkbox"
        id="with-done"
        .checked=${live(withDone)}
        @change=${(event) => context.put({ done: event.target.checked ? "1" : "" })}
      />
      with those that were mended</label
    >
    <button
      type="button"
      ?disabled=${!list.items.some((entry) => !entry.done)}
      @click=${() => retry(context, reason ? { reason } : { all: true })}
    >
      ${reason ? "Try all of this reason again" : "Try all again"}
    </button>
    <p class="dim" role="status">${context.state.said || ""}</p>
  </div>`;
}

export const page = {
  what: "the quarantine",
  views: ["quarantine"],
  every: 2000,
  title: () => "Quarantine",
  async load({ params, signal, state }) {
    state.open = state.open || new Map();
    state.limit = state.limit || PAGE;
    const [list, status] = await Promise.all([
      get(
        "/quarantine",
        {
          limit: state.limit,
          reason: params.get("reason"),
          done: params.get("done") === "1" ? "1" : "",
        },
        signal,
      ),
      get("/status", null, signal),
    ]);
    return { list, status };
  },
  view({ list, status }, context) {
    const reason = context.params.get("reason") || "";
    const withDone = context.params.get("done") === "1";
    return html`<h1 class="small">Quarantine</h1>
      <p class="lead">
        Messages and events that could not be understood, with why and with their bytes. After a
        mapping is mended they can be tried again; what is understood then becomes an event.
      </p>
      <section class="panel" aria-label="Entries">
        ${tools(context, list, status, reason, withDone)}
        <ol class="entries">
          ${repeat(
            list.items,
            (entry) => entry.id,
            (entry) => entryRow(context, entry),
          )}
        </ol>
        ${
          list.items.length === 0
            ? empty(
                reason || withDone ? "No entry fits this filter" : "Nothing is in quarantine",
                reason || withDone ? "" : "Every message that arrived could be understood.",
              )
            : nothing
        }
        <div class="more">
          ${
            list.next && context.state.limit < PAGE_MAX
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
              : nothing
          }
        </div>
      </section>`;
  },
};
