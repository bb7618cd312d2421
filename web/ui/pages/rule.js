// SPDX-License-Identifier: Apache-2.0
// One rule as it is written, and tried on the past: as it is, or as somebody has edited it here. Nothing
// is changed by that; a rule is changed in its file.
import { get, post } from "../api.js";
import { alertPages } from "../alertpages.js";
import { listPath, panelOf, severityMark } from "../alertwords.js";
import { html, live, nothing } from "../lit.js";
import { ago, fact, link, moment } from "../parts.js";
import { plot } from "../plot.js";
import { ruleState } from "../rulewords.js";
import { runbook } from "../runbook.js";
import { tried } from "../trypast.js";

const NEW = "+new"; // no rule can be called so
const YAML_MAX = 20000;
const SPANS = [
  ["-1d", "day"],
  ["-7d", "week"],
  ["-30d", "month"],
];
const EXAMPLE = `alert: MyRule
title: What it is called
when: {metric: step_oldest_age, by: [workflow, step], join: max}
above: 5min
for: 2min
severity: warning
summary: "{{step}} of {{workflow}}: the oldest waits {{value}}"
`;

// One question at a time; the newest counts.
async function tryIt(context, rule, since) {
  const { state } = context;
  if (!(state.yaml ?? rule.text ?? "").trim()) {
    Object.assign(state, {
      since,
      fault: { title: "There is no rule to try", detail: "Write one." },
    });
    state.result = null;
    context.update();
    return;
  }
  const isEdited = state.yaml !== undefined && state.yaml !== rule.text;
  if (state.isTrying && state.since === since && state.tried === state.yaml) return;
  const number = (state.number || 0) + 1;
  state.tried = state.yaml;
  Object.assign(state, { number, since, isTrying: true, fault: null });
  context.update();
  try {
    const body = isEdited || rule.isNew ? { yaml: state.yaml ?? rule.text } : { rule: rule.name };
    const result = await post("/rules/test", { ...body, since });
    if (number !== state.number) return;
    state.result = result;
    state.isOfEdited = isEdited;
  } catch (error) {
    if (number !== state.number) return;
    state.fault = error;
    state.result = null;
  }
  state.isTrying = false;
  context.update();
}

function editor(context, rule) {
  const { state } = context;
  const text = state.yaml ?? rule.text ?? "";
  const isEdited = text !== (rule.text ?? "");
  return html`<form
    class="rule-form"
    novalidate
    @submit=${(submit) => {
      submit.preventDefault();
      tryIt(context, rule, state.since || "-1d");
    }}
  >
    <label class="reason"
      >${rule.isNew ? "A rule, as a file would have it" : "As it is written; edit it to see what another one would have done"}
      <textarea
        id="yaml"
        rows=${Math.min(24, Math.max(8, text.split("\n").length + 1))}
        maxlength=${YAML_MAX}
        spellcheck="false"
        autocapitalize="off"
        .value=${live(text)}
        @focus=${(focus) => {
          // The browser brings only the caret into view, at the end of the text: its beginning and
          // the outline may stay behind the head of the page.
          focus.target.scrollIntoView({ block: "nearest" });
        }}
        @input=${(input) => {
          state.yaml = input.target.value;
          context.update();
        }}
      ></textarea>
    </label>
    <p class="row-form">
      ${SPANS.map(
        ([since, words]) =>
          html`<button
            type="button"
            class=${since === "-1d" ? "primary" : ""}
            data-since=${since}
            aria-pressed=${state.since === since ? "true" : "false"}
            @click=${() => tryIt(context, rule, since)}
          >
            Try on the last ${words}
          </button>`,
      )}
      ${
        isEdited && !rule.isNew
          ? html`<button
              type="button"
              class="chip"
              id="as-written"
              @click=${() => {
                state.yaml = undefined;
                context.update();
              }}
            >
              As it was
            </button>`
          : nothing
      }
      <span class="dim"
        >${isEdited ? "Edited here only: the rule in force is the one of its file." : "Nothing is changed by trying."}</span
      >
    </p>
  </form>`;
}

function outcome(context) {
  const { state } = context;
  const span = SPANS.find(([since]) => since === state.since);
  if (!span) return nothing;
  const [, words] = span;
  const { fault } = state;
  return html`<section
    class="panel"
    aria-label="On the past"
    aria-busy=${state.isTrying ? "true" : "false"}
  >
    <h2>On the last ${words}${state.isOfEdited && state.result ? ", as edited here" : nothing}</h2>
    ${state.isTrying ? html`<p class="dim" role="status">Trying it on the last ${words} …</p>` : nothing}
    ${
      fault
        ? html`<div class="note bad" role="alert">
            <strong>${fault.title || "It could not be tried"}</strong>
            <p class="as-written">${fault.detail || fault.message}</p>
          </div>`
        : nothing
    }
    ${state.result && !state.isTrying ? tried(context, state.result, words) : nothing}
  </section>`;
}

function facts(rule) {
  return html`<dl class="facts line">
    ${fact("Fires when", rule.condition || "–")}
    ${fact("Last fired", rule.last_fired ? moment(rule.last_fired) : "never")}
    ${fact("Looked at", rule.evaluated ? html`${ago(rule.evaluated)} ago` : "never")}
    ${fact("Owner", rule.owner || "–")}
    ${fact("Written in", rule.file ? html`<code>${rule.file}${rule.line ? ":" + rule.line : ""}</code>` : rule.group || "–")}
    ${fact("Alerts", html`${link(listPath({ rule: rule.name }), "open")} · ${link(listPath({ rule: rule.name, state: "resolved" }), "resolved")}`)}
  </dl>`;
}

const SHOWN = { seconds: 6 * 3600, isLive: true };

// What it judges, as it is now; trying it draws the past.
function picture(context, rule) {
  const panel = panelOf(rule);
  if (!panel) return nothing;
  return html`<section class="panel" aria-label="Value and threshold">
    ${plot(context, "rule", {
      ...panel,
      title: "Value and threshold, the last 6 hours",
      width: 1400,
      height: 260,
      range: context.params.has("since") ? context.range : SHOWN,
    })}
  </section>`;
}

export const page = {
  what: "the rule",
  views: ["alerts"],
  every: 5000,
  title: (rule, { rest }) =>
    rest === NEW ? "Try a rule" : rule ? rule.title || rule.name : "Rules " + rest,
  load({ rest, signal }) {
    if (rest === NEW) return Promise.resolve({ isNew: true, name: "", text: EXAMPLE });
    return get("/rules/" + encodeURIComponent(rest), null, signal);
  },
  view(rule, context) {
    if (rule.isNew)
      return html`${alertPages("/rules")}
        <h1 class="small">Try a rule</h1>
        <section class="panel" aria-label="The rule">${editor(context, rule)}</section>
        ${outcome(context)}`;
    return html`${alertPages("/rules")}
      <div class="page-head">
        <h1>${rule.title || rule.name}</h1>
        ${severityMark(rule.severity)}${ruleState(rule)} <span class="dim">${rule.name}</span>
      </div>
      ${rule.about ? html`<p class="lead">${rule.about}</p>` : nothing}
      ${rule.detail ? html`<div class="note warn"><strong>${rule.detail}</strong></div>` : nothing}
      ${facts(rule)} ${picture(context, rule)}
      <section class="panel" aria-label="The rule">${editor(context, rule)}</section>
      ${outcome(context)} ${runbook(context, rule.runbook)}`;
  },
};
