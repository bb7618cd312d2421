// SPDX-License-Identifier: Apache-2.0
// What an identifier, or its beginning, stands for; and why there is nothing.
import { get } from "../api.js";
import { count, journeyPath, plural, scoped } from "../format.js";
import { html, nothing, repeat } from "../lit.js";
import { empty, failed } from "../notes.js";
import { link, time, typeMark } from "../parts.js";
import { duration } from "../time.js";

const PAGE = 50;

function row(hit) {
  const label = scoped(hit.scope, hit.id);
  return html`<li>
    ${link(
      journeyPath(hit.journey),
      html`${typeMark(hit.type)} <span class="ident" title=${label}>${label}</span
        ><span class="num">${plural(hit.events, "event")}</span>
        <span class="when">${time(hit.first)}</span><span class="when">${time(hit.last)}</span>`,
      "hit row-link",
    )}
  </li>`;
}

function whyNothing(q, n) {
  const reasons = [
    n.reason === "store_empty"
      ? "No event has arrived yet: the tower has nothing to look in."
      : "No stored event carries an identifier that begins like this.",
  ];
  if (n.is_past_retention_possible) {
    reasons.push(
      html`What was received before ${time(n.retention_edge)} is past retention and gone.`,
    );
  }
  if (n.quarantine_open > 0) {
    reasons.push(
      html`${link("/quarantine", plural(n.quarantine_open, "message"))} in quarantine could not be
      understood; it may be in one of them.`,
    );
  }
  if (n.uncorrelated > 0) {
    reasons.push(plural(n.uncorrelated, "event") + " arrived without any identifier that links.");
  }
  if (n.ignored_identifiers > 0) {
    reasons.push(
      plural(n.ignored_identifiers, "identifier") +
        " said nothing (0, null, without its store) and were ignored.",
    );
  }
  if (n.is_behind_possible && n.watermark_age_seconds !== null) {
    reasons.push(
      "The last commit was " +
        duration(n.watermark_age_seconds) +
        " ago: the collector does not run or is behind, so it may still be on its way.",
    );
  }
  return empty(
    "Nothing found for “" + q + "”, because …",
    html`<ul>
      ${reasons.map((reason) => html`<li>${reason}</li>`)}
    </ul>`,
  );
}

async function more(context) {
  const { state, signal } = context;
  try {
    const answer = await get("/search", { q: state.q, limit: PAGE, cursor: state.next }, signal);
    state.items = [...state.items, ...answer.items];
    state.next = answer.next;
    state.fault = null;
  } catch (fault) {
    if (fault.name === "AbortError") return;
    state.fault = fault;
  }
  context.update();
}

export const page = {
  what: "results",
  views: [],
  title: (data, { params }) => (params.get("q") || "").trim() || "Search",
  async load({ params, signal, state, go }) {
    const q = (params.get("q") || "").trim();
    const answer = q ? await get("/search", { q, limit: PAGE }, signal) : { items: [], next: null };
    state.q = q;
    const exact = answer.items.filter(
      (hit) =>
        hit.id === state.q || scoped(hit.scope, hit.id) === state.q || hit.journey === state.q,
    );
    if (params.get("go") && exact.length === 1 && exact[0].is_linking)
      go(journeyPath(exact[0].journey), "replace");
    state.items = answer.items;
    state.next = answer.next;
    return answer;
  },
  view(answer, context) {
    const { q, items, next } = context.state;
    if (!q) return empty("Type an identifier", "The search box is above; press / to go there.");
    if (answer.nothing) return whyNothing(q, answer.nothing);
    return html`<h1 class="small">${count(items.length)}${next ? "+" : ""} found for “${q}”</h1>
      <div class="hit heads" aria-hidden="true">
        <span>Kind</span><span>Identifier</span><span class="num">Events</span>
        <span class="when">First</span><span class="when">Last</span>
      </div>
      <ol class="hits">
        ${repeat(items, (hit) => hit.journey, row)}
      </ol>
      ${context.state.fault ? failed(context.state.fault) : nothing}
      <div class="more">
        ${next ? html`<button type="button" class="row-link" @click=${() => more(context)}>Show more</button>` : nothing}
      </div>`;
  },
};
