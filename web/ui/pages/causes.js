// SPDX-License-Identifier: Apache-2.0
// Rules that say why something failed: those in force, in the order in which they are asked; the
// operators' own to be changed here, begun from an example, tried on the past, kept.
// An address with ?system=&type=&code=&class=&status=&message= begins a rule from that failure.
import { get, post, put } from "../api.js";
import { count, plural } from "../format.js";
import { html, live, nothing, repeat } from "../lit.js";
import { faultWords } from "../notes.js";
import { badge, fact, link, time } from "../parts.js";

const CONDITIONS = ["system", "type", "code", "class", "status", "message"];
const TITLES = {
  system: "System",
  type: "Event type",
  code: "Error code",
  class: "Error class",
  status: "HTTP status",
  message: "Message",
};
const HINTS = {
  class: "With it the rule also decides for events that name this class themselves",
  status: "503, or 5xx for all from 500 to 599",
  message: "* stands for anything, ? for one character",
};
const STOPPED = {
  events: "as many events as one look may read",
  failures: "as many failures as one look may judge",
  age: "seven days",
  time: "the time that an answer may take",
};
const ASK_MS = 300; // between two questions after a request
const ASKS = 60;

// --- rules and their forms

function own(items) {
  return items
    .filter((rule) => rule.origin === "operators")
    .map(({ name, when, cause, label, owner, runbook }) => ({
      name,
      when,
      cause,
      label,
      owner,
      runbook,
    }));
}

// What differs from one failure to the next must not be asked for: words with a digit are left open.
function patternOf(message) {
  const words = message.replace(/[*?]/g, "?").split(/\s+/);
  const open = words.map((word) => (/\d/.test(word) ? "*" : word)).join(" ");
  return ("*" + open + "*").replace(/(\* ?)+\*/g, "*").slice(0, 120);
}

function nameOf(text) {
  const slug = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return slug || "rule";
}

function freeName(rules, wanted) {
  let name = wanted;
  for (let i = 2; rules.some((rule) => rule.name === name); i++) name = wanted + "-" + i;
  return name;
}

function formOf(rule, at) {
  const form = { at, name: rule.name, cause: rule.cause, label: rule.label };
  form.owner = rule.owner || "";
  form.runbook = rule.runbook || "";
  for (const one of CONDITIONS) form[one] = (rule.when[one] || []).join("\n");
  return form;
}

function ruleOf(form) {
  const when = {};
  for (const one of CONDITIONS) {
    const patterns = form[one]
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line);
    if (patterns.length) when[one] = patterns;
  }
  const text = (value) => value.trim() || null;
  return {
    name: form.name.trim(),
    when,
    cause: form.cause,
    label: form.label.trim(),
    owner: text(form.owner),
    runbook: text(form.runbook),
  };
}

// A rule begun from a failure; null when the address has none.
function begun(params, rules, causes) {
  const given = Object.fromEntries(CONDITIONS.map((one) => [one, params.get(one) || ""]));
  if (!CONDITIONS.some((one) => given[one])) return null;
  const when = {};
  for (const one of CONDITIONS) {
    if (given[one]) when[one] = [one === "message" ? patternOf(given[one]) : given[one]];
  }
  const label = (given.message || given.code || given.status || "").slice(0, 60).trim();
  const name = freeName(rules, nameOf(given.code || given.message || given.status || "rule"));
  const cause = causes.includes(given.class) ? given.class : "unknown";
  return formOf({ name, when, cause, label }, rules.length);
}

// --- what one can do

function change(context, rules) {
  const { state } = context;
  state.rules = rules;
  state.isChanged = true;
  state.preview = null;
  state.said = "";
  context.update();
}

function edit(context, form) {
  context.state.form = form;
  context.update();
  const field = document.getElementById("rule-name");
  if (field) field.focus();
}

function takeOver(context, submit) {
  submit.preventDefault();
  const { state } = context;
  const rules = [...state.rules];
  const rule = ruleOf(state.form);
  if (state.form.at < rules.length) rules[state.form.at] = rule;
  else rules.unshift(rule); // a new one knows best: it is asked first
  state.form = null;
  change(context, rules);
  const button = document.getElementById("try");
  if (button) button.focus();
}

function shift(context, at, step) {
  const rules = [...context.state.rules];
  const [rule] = rules.splice(at, 1);
  rules.splice(at + step, 0, rule);
  change(context, rules);
}

function complain(context, error) {
  if (error.name === "AbortError") return;
  context.state.said = faultWords(error);
  context.update();
}

async function tryOut(context) {
  const { state } = context;
  state.said = "Looking at the failures of the past …";
  context.update();
  try {
    state.preview = await post("/causes/test", { rules: state.rules });
    state.said = "";
    context.update();
  } catch (error) {
    complain(context, error);
  }
}

// Until the collector has done it and the rules are in force, or a while is over.
async function follow(context, id) {
  const { signal } = context;
  for (let i = 0; i < ASKS; i++) {
    const request = await get("/requests/" + id, {}, signal);
    if (request.state === "failed") {
      throw new Error("It could not be kept: " + (request.result.faults || request.result.error));
    }
    if (request.state === "done") {
      const now = await get("/causes", null, signal);
      if (now.version === request.result.version) return true;
    }
    await new Promise((wake) => setTimeout(wake, ASK_MS));
  }
  return false;
}

async function keep(context, submit) {
  submit.preventDefault();
  const { state } = context;
  const field = submit.target.elements.reason;
  const reason = field.value.trim();
  if (!reason) {
    field.focus();
    return;
  }
  state.said = "Handing the rules to the collector …";
  context.update();
  try {
    const body = { rules: state.rules, version: state.version, reason };
    const isDone = await follow(context, (await put("/causes", body)).request);
    state.said = isDone
      ? "Kept: they decide from now on, and open failures are grouped by them."
      : "Handed over, but not in force yet: the log of the collector may say why.";
    state.isChanged = !isDone;
    state.preview = isDone ? null : state.preview;
    field.value = "";
    context.reload();
  } catch (error) {
    complain(context, error);
  }
}

function giveUp(context) {
  const { state } = context;
  state.isChanged = false;
  state.form = null;
  state.preview = null;
  state.said = "";
  context.reload();
}

// --- what is shown

function conditions(when) {
  return html`<span class="when-rule"
    >${CONDITIONS.filter((one) => when[one]).map(
      (one) =>
        html`<span class="dim">${one}</span>
          ${when[one].map((text, i) => html`${i ? html`<span class="dim"> or </span>` : nothing}<code>${text}</code>`)} `,
    )}</span
  >`;
}

function verdict(rule) {
  return html`${badge("plain", rule.cause)}
  ${rule.label}${rule.owner ? html`<span class="dim">, ${rule.owner}</span>` : nothing}`;
}

function field(context, name, title, more = {}) {
  const { form } = context.state;
  const write = (event) => {
    form[name] = event.target.value;
  };
  return html`<label for="rule-${name}"
    >${title}
    ${
      more.rows
        ? html`<textarea
            id="rule-${name}"
            rows=${more.rows}
            spellcheck="false"
            title=${more.hint || nothing}
            .value=${live(form[name])}
            @input=${write}
          ></textarea>`
        : html`<input
            id="rule-${name}"
            type="text"
            maxlength=${more.most || 128}
            ?required=${more.isNeeded}
            .value=${live(form[name])}
            @input=${write}
          />`
    }</label
  >`;
}

function ruleForm(context, data) {
  const { form, rules } = context.state;
  if (!form) return nothing;
  return html`<form
    class="rule-form panel"
    aria-label="A rule"
    @submit=${(s) => takeOver(context, s)}
  >
    <h2>${form.at < rules.length ? "Change the rule" : "A new rule"}</h2>
    <fieldset>
      <legend>
        Takes a failure when all of these fit
        <span class="dim">(one pattern a line: any of them; * anything, ? one character)</span>
      </legend>
      ${CONDITIONS.map((one) => field(context, one, TITLES[one], { rows: one === "message" ? 2 : 1, hint: HINTS[one] }))}
    </fieldset>
    <fieldset>
      <legend>Puts it down to</legend>
      <label for="rule-cause"
        >Cause
        <select
          id="rule-cause"
          @change=${(event) => {
            form.cause = event.target.value;
          }}
        >
          ${data.causes.map((word) => html`<option value=${word} ?selected=${word === form.cause}>${word}</option>`)}
        </select></label
      >
      ${field(context, "label", "Label", { most: data.limits.label_characters, isNeeded: true })}
      ${field(context, "owner", "Owner")} ${field(context, "runbook", "Runbook", { most: 63 })}
      ${field(context, "name", "Name of the rule", { most: 63, isNeeded: true })}
    </fieldset>
    <p class="rule-buttons">
      <button type="submit">Take it over</button>
      <button type="button" @click=${() => edit(context, null)}>Cancel</button>
    </p>
  </form>`;
}

function exampleRow(example) {
  return html`<tr>
    <td>${link("/event/" + example.n, String(example.n))}</td>
    <td>${time(example.received)}</td>
    <td>${example.system}</td>
    <td><code>${example.code || "–"}</code></td>
    <td class="wide">${example.message || "–"}</td>
    <td>${badge("plain", example.cause)} ${example.label}</td>
  </tr>`;
}

function effect(rule) {
  const froms = rule.from.map(
    (one) => one.cause + (one.label ? " “" + one.label + "”" : "") + " (" + count(one.count) + ")",
  );
  if (rule.from_others) froms.push("others (" + count(rule.from_others) + ")");
  return html`<li class="effect">
    <p>
      <strong>${rule.name}</strong> takes ${plural(rule.takes, "failure")};
      ${
        rule.moves
          ? html`${count(rule.moves)} of them move, from ${froms.join(", ")}`
          : rule.takes
            ? "all of them are put down to this already"
            : "nothing moves"
      }.
    </p>
    ${
      rule.examples.length
        ? html`<details>
            <summary>${plural(rule.examples.length, "example")}</summary>
            <div class="scroll" tabindex="0" role="region" aria-label="Examples of ${rule.name}">
              <table>
                <thead>
                  <tr>
                    <th>Event</th>
                    <th>Received</th>
                    <th>System</th>
                    <th>Code</th>
                    <th>Message</th>
                    <th>Now</th>
                  </tr>
                </thead>
                <tbody>
                  ${rule.examples.map(exampleRow)}
                </tbody>
              </table>
            </div>
          </details>`
        : nothing
    }
  </li>`;
}

function preview({ preview: told }) {
  if (!told) return nothing;
  const { looked } = told;
  return html`<section class="panel" aria-label="On the past">
    <h2>On the past</h2>
    <dl class="facts line">
      ${fact("Events looked at", count(looked.events))}
      ${fact("Failures among them", count(looked.failures))}
      ${fact("Would be put down to something else", count(told.moves))}
      ${fact("Since", time(looked.since))}
    </dl>
    ${
      looked.complete
        ? html`<p class="dim">That is all there is in the store.</p>`
        : html`<p class="note warn">
            Not everything was looked at:
            ${looked.stopped_by ? "it ended at " + STOPPED[looked.stopped_by] : "some of it is damaged"}.
          </p>`
    }
    <ol class="effects">
      ${told.rules.map(effect)}
    </ol>
    <p class="dim">
      Kept rules count for what comes, and put open failures into their groups anew. Events, runs
      and journeys of before keep the cause that was decided then.
    </p>
  </section>`;
}

function ownRow(context, rule, at) {
  const { rules } = context.state;
  return html`<li class="rule">
    <span class="num dim">${at + 1}</span>
    <span class="grow">${verdict(rule)}<br />${conditions(rule.when)}</span>
    <span class="rule-buttons">
      <button
        type="button"
        class="row-link"
        aria-label="Change ${rule.name}"
        @click=${() => edit(context, formOf(rule, at))}
      >
        Change
      </button>
      <button
        type="button"
        aria-label="Ask ${rule.name} earlier"
        ?disabled=${at === 0}
        @click=${() => shift(context, at, -1)}
      >
        ↑
      </button>
      <button
        type="button"
        aria-label="Ask ${rule.name} later"
        ?disabled=${at === rules.length - 1}
        @click=${() => shift(context, at, 1)}
      >
        ↓
      </button>
      <button
        type="button"
        aria-label="Remove ${rule.name}"
        @click=${() =>
          change(
            context,
            rules.filter((_, i) => i !== at),
          )}
      >
        Remove
      </button>
    </span>
  </li>`;
}

function keepForm(context, data) {
  const { state } = context;
  return html`<form class="rule-buttons" @submit=${(submit) => keep(context, submit)}>
    <button id="try" type="button" @click=${() => tryOut(context)}>Try on the past</button>
    ${
      state.isChanged
        ? html`<input
              type="text"
              name="reason"
              maxlength=${data.limits.reason_bytes}
              placeholder="Why? (it is kept)"
              aria-label="Reason for the change"
            />
            <button type="submit" ?disabled=${state.form !== null}>Keep</button>
            <button type="button" @click=${() => giveUp(context)}>Give up the change</button>`
        : nothing
    }
    <span class="dim" role="status">${state.said}</span>
  </form>`;
}

function ownRules(context, data) {
  const { state } = context;
  return html`<section class="panel" aria-label="Rules of the operators">
    <div class="panel-head">
      <h2>Your rules</h2>
      <button
        type="button"
        ?disabled=${state.rules.length >= data.limits.rules}
        @click=${() => edit(context, formOf({ name: freeName(state.rules, "rule"), when: {}, cause: "unknown", label: "" }, state.rules.length))}
      >
        New rule
      </button>
    </div>
    ${
      state.isChanged && data.version !== state.version
        ? html`<p class="note warn" role="status">
            Somebody else has changed the rules since: this change cannot be kept. Give it up to see
            theirs.
          </p>`
        : nothing
    }
    ${
      data.version !== data.file_version
        ? html`<p class="note warn">
            The file of these rules is another than the one in force. If that stays so it has
            faults, which the log of the tower tells.
          </p>`
        : nothing
    }
    <ol class="rules">
      ${state.rules.map((rule, at) => ownRow(context, rule, at))}
    </ol>
    ${state.rules.length ? nothing : html`<p class="dim">None yet: the rules below decide alone.</p>`}
    ${keepForm(context, data)}
  </section>`;
}

function otherRow(context, rule, number) {
  const { rules } = context.state;
  return html`<li class="rule">
    <span class="num dim">${number}</span>
    <span class="grow">${verdict(rule)}<br />${conditions(rule.when)}</span>
    <span class="dim num" title="Failures that it took since the rules were loaded"
      >${rule.matched === null ? "–" : count(rule.matched)}</span
    >
    <span class="rule-buttons">
      <button
        type="button"
        class="row-link"
        aria-label="Copy ${rule.name} to your rules"
        title="${rule.file}:${rule.line}"
        @click=${() => edit(context, { ...formOf(rule, rules.length), name: freeName(rules, rule.name) })}
      >
        Copy
      </button>
    </span>
  </li>`;
}

export const page = {
  what: "the rules",
  views: [],
  title: () => "Causes",
  async load({ params, signal, state }) {
    const data = await get("/causes", null, signal);
    if (!state.isChanged) {
      state.rules = own(data.items);
      state.version = data.version;
    }
    state.said = state.said || "";
    if (state.asked !== params.toString()) {
      state.asked = params.toString();
      state.form = begun(params, state.rules, data.causes) || state.form || null;
    }
    return data;
  },
  view(data, context) {
    const others = data.items.filter((rule) => rule.origin !== "operators");
    return html`<h1 class="small">Causes</h1>
      <p class="lead">
        Why something failed, by rules that are asked in this order: the first that takes a failure
        decides its cause and its label. What none takes stays unknown. An event that names its
        cause keeps it, unless a rule asks for its class.
      </p>
      ${ruleForm(context, data)} ${ownRules(context, data)} ${preview(context.state)}
      <section class="panel" aria-label="Rules of files and built in">
        <h2>Asked after them</h2>
        <ol class="rules">
          ${repeat(
            others,
            (rule) => rule.file + ":" + rule.line,
            (rule, i) => otherRow(context, rule, context.state.rules.length + i + 1),
          )}
        </ol>
      </section>`;
  },
};
