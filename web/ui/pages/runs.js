// SPDX-License-Identifier: Apache-2.0
// The runs that are in trouble, were, or have waited long: longest first.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { count, linkTo, plural, systemMark } from "../format.js";
import { empty, failed } from "../state.js";
import { duration, timeElement } from "../time.js";
import { CAUSES, RUN_WORDS, runState, runsPath } from "../track.js";

const EVERY_MS = 2000;
const PAGE = 100;
const FILTERS = ["workflow", "state", "step", "cause", "system", "store"];

function th(text, className, title) {
  return h("th", { scope: "col", class: className, title }, text);
}

// Minor units as the API gives them; the currency says how many of them make one.
function money(run) {
  if (run.amount_minor === null) return "–";
  let digits = 2;
  try {
    digits = new Intl.NumberFormat("en", { style: "currency", currency: run.currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    // no currency that the browser knows: most have two
  }
  return (run.amount_minor / 10 ** digits).toFixed(digits) + " " + run.currency;
}

function why(run) {
  const missing = run.missing.length
    ? "no answer of " + run.missing.slice(0, 4).join(", ") + (run.expected - run.answered > 4 ? " …" : "") : null;
  return [run.cause === "missing" ? null : run.cause, run.code, missing].filter(Boolean).join(" · ") || "–";
}

// The link to the journey, which the arrows move through.
function rowLink(object) {
  const link = linkTo(object);
  link.classList.add("row-link");
  return link;
}

function row(run) {
  return h("tr", null,
    h("td", { class: "num" }, run.finished ? timeElement(run.finished) : duration(run.waiting_seconds)),
    h("td", null, rowLink(run.object)),
    h("td", null, runState(run.state)),
    h("td", { class: "wide" }, run.workflow),
    h("td", { class: "wide" }, run.step || "–", run.troubles.length > 1
      ? h("span", { class: "dim", title: run.troubles.map((one) => [one.step, one.state, one.cause].filter(Boolean).join(" ")).join(", ") },
        " and " + (run.troubles.length - 1) + " more") : null),
    h("td", { class: "wide" }, run.system ? systemMark(run.system) : "–"),
    h("td", { class: "wrap" }, why(run)),
    h("td", { class: "wide" }, run.store || "–"),
    h("td", { class: "num wide" }, money(run)),
    h("td", { class: "wide" }, run.due ? timeElement(run.due) : "–"));
}

function choice(name, label, words, value) {
  const all = value && !words.includes(value) ? [...words, value] : words;
  const select = h("select", { id: "filter-" + name, name },
    h("option", { value: "" }, "all"), all.map((word) => h("option", { value: word }, word)));
  select.value = value || "";
  return h("label", { for: "filter-" + name, class: "check" }, label + " ", select);
}

export function show(view, { params, signal, go }) {
  document.title = "Runs – Tillwatch";
  const filter = Object.fromEntries(FILTERS.map((name) => [name, params.get(name) || ""]));
  filter.open = params.get("open") === "1" ? "1" : "";
  const state = { limit: PAGE, timer: 0, shown: "" };
  const rows = h("tbody");
  const note = h("p", { class: "dim", role: "status" }, "Loading …");
  const problem = h("div");
  const more = h("div", { class: "more" });
  const open = h("input", { type: "checkbox", id: "filter-open" });
  const form = h("form", { class: "filters" });
  const table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" },
    h("table", { class: "runs" }, h("thead", null, h("tr", null,
      th("Since", "num", "How long it has waited, or when it finished"), th("Object"), th("State"), th("Workflow", "wide"),
      th("Step", "wide"), th("System", "wide"), th("Why"), th("Store", "wide"), th("Amount", "num wide"), th("Due", "wide"))), rows));
  open.checked = filter.open === "1";

  function change() {
    for (const select of form.querySelectorAll("select")) filter[select.name] = select.value;
    if (filter.workflow !== (params.get("workflow") || "")) filter.step = "";
    filter.open = open.checked ? "1" : "";
    go(runsPath(filter), "replace");
  }

  async function choices() {
    let items = [];
    try {
      items = (await get("/workflows", { limit: 1000 }, signal)).items;
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    const steps = items.filter((workflow) => workflow.name === filter.workflow).flatMap((workflow) => workflow.steps);
    const systems = [...new Set(items.flatMap((workflow) => workflow.steps.map((step) => step.system)))].sort();
    const focused = document.activeElement && document.activeElement.id;
    replace(form, choice("workflow", "Workflow", items.map((workflow) => workflow.name), filter.workflow),
      filter.workflow ? choice("step", "Step", steps.map((step) => step.name), filter.step) : null,
      choice("state", "State", RUN_WORDS, filter.state), choice("cause", "Cause", CAUSES, filter.cause),
      choice("system", "System", systems, filter.system),
      filter.store ? choice("store", "Store", [filter.store], filter.store) : null,
      h("label", { for: "filter-open", class: "check" }, open, " not finished"));
    const again = focused && form.querySelector("#" + CSS.escape(focused));
    if (again) again.focus();
  }

  async function load() {
    clearTimeout(state.timer);
    try {
      const answer = await get("/runs", { ...filter, limit: state.limit }, signal);
      replace(problem);
      const text = JSON.stringify([answer.total, answer.items.map((run) => ({ ...run, waiting_seconds: null }))]);
      // While somebody is in the list only its news are drawn, so that the focus stays.
      if (text !== state.shown || !rows.contains(document.activeElement)) {
        const focused = rows.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        state.shown = text;
        replace(rows, answer.items.map(row));
        const again = focused && [...rows.querySelectorAll("a")].find((one) => one.getAttribute("href") === focused);
        if (again) again.focus({ preventScroll: true });
      }
      table.hidden = answer.items.length === 0;
      note.textContent = answer.items.length === 0 ? "" : plural(answer.items.length, "run")
        + (answer.total > answer.items.length ? " of " + count(answer.total) : "");
      replace(more, answer.items.length === 0
        ? empty("No run fits this filter", h("p", null, "Runs are listed when they fail, are overdue, or have waited long; others are seen in the journey of their object."))
        : answer.next && state.limit < 1000 ? h("button", { type: "button", on: { click: () => {
          state.limit = Math.min(1000, state.limit * 3);
          load();
        } } }, "Show more") : null);
    } catch (error) {
      if (error.name === "AbortError") return;
      note.textContent = "";
      if (!state.shown) replace(problem, failed(error, load));
      if (error.status === 400) return;
    }
    state.timer = setTimeout(load, document.hidden ? 5 * EVERY_MS : EVERY_MS);
  }
  form.addEventListener("change", change);
  form.addEventListener("submit", (submit) => submit.preventDefault());
  replace(view, h("h1", { class: "small" }, "Runs"), h("section", { class: "panel", "aria-label": "Runs" },
    h("div", { class: "panel-head" }, form, note), problem, table, more));
  choices();
  load();
  return () => clearTimeout(state.timer);
}
