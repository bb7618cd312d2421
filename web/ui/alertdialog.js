// SPDX-License-Identifier: Apache-2.0
// What is done with alerts: acknowledged with a comment, silenced with a reason, after it was shown
// what that hides. One click, one effect: what is under way is not begun again, and what was done is over.
import { post, remove } from "./api.js";
import { alertPath, severityMark } from "./alertwords.js";
import { count, plural } from "./format.js";
import { html, live, nothing, render, repeat } from "./lit.js";
import { faultWords } from "./notes.js";
import { link } from "./parts.js";
import { newSpan, readSpan, spanFields } from "./silencetime.js";

const COMMENT_MAX = 400; // characters: the tower takes 500 bytes with an acknowledgement
const SHOWN_MAX = 60; // of what is no matcher
const PREVIEW_AFTER_MS = 300;

// A modal dialog drawn by content(state); it ends with Esc, with its page and when it has done its
// work. `state` gets draw() and close().
function show(state, content) {
  const dialog = document.createElement("dialog");
  dialog.className = "plan";
  dialog.setAttribute("aria-labelledby", "dialog-title");
  Object.assign(state, {
    isBusy: false,
    isOver: false,
    fault: "",
    draw: () => render(content(state), dialog),
    close: () => dialog.close(),
    find: (selector) => dialog.querySelector(selector),
  });
  const leave = () => dialog.close();
  dialog.addEventListener("close", () => {
    state.isOver = true;
    window.removeEventListener("popstate", leave);
    dialog.remove();
  });
  // What is under way is waited for: it would be told to nobody.
  dialog.addEventListener("cancel", (cancel) => state.isBusy && cancel.preventDefault());
  // What is linked opens beside it, so that what was written stays.
  dialog.addEventListener("click", (click) => {
    const anchor = click.target.closest("a[href]");
    if (!anchor) return;
    click.preventDefault();
    window.open(anchor.href, "_blank", "noopener");
  });
  window.addEventListener("popstate", leave);
  document.body.append(dialog);
  state.draw();
  dialog.showModal();
}

// Do it, once: `work` is asked again only after it was refused or not heard.
async function carryOut(state, work) {
  if (state.isBusy || state.isOver) return;
  state.isBusy = true;
  state.fault = "";
  state.draw();
  try {
    await work();
    state.isOver = true;
    state.close();
    state.done();
    return;
  } catch (error) {
    state.fault = faultWords(error);
  }
  state.isBusy = false;
  state.draw();
}

// `isFirst`: it is what the dialog asks for, and takes the focus.
function commentField(state, words, isFirst = false) {
  return html`<label class="reason"
    >${words}
    <textarea
      name="comment"
      rows="2"
      maxlength=${COMMENT_MAX}
      required
      ?autofocus=${isFirst}
      aria-invalid=${state.isMissing ? "true" : "false"}
      .value=${live(state.comment)}
      @input=${(input) => {
        state.comment = input.target.value;
        if (state.isMissing) {
          state.isMissing = false;
          state.draw();
        }
      }}
    ></textarea>
    ${state.isMissing ? html`<span class="error-note" role="alert">${state.fingerprint || state.group ? "Say it in a word: it is kept with the alert." : "Say why: it is kept with the silence."}</span>` : nothing}
  </label>`;
}

// Is there a comment? If not it is asked for.
function hasComment(state) {
  if (state.comment.trim()) return true;
  state.isMissing = true;
  state.draw();
  state.find("textarea").focus();
  return false;
}

function buttons(state, word, isReady = true) {
  return html`${
      state.fault
        ? html`<div class="note bad" role="alert">
            <strong>It was not done.</strong>
            <p>${state.fault}</p>
          </div>`
        : nothing
    }
    <div class="plan-buttons">
      <p class="dim" role="status">${state.isBusy ? "One moment …" : nothing}</p>
      <button type="button" ?disabled=${state.isBusy} @click=${() => state.close()}>Close</button>
      <button type="submit" class="primary" id="dialog-do" ?disabled=${state.isBusy || !isReady}>
        ${word}
      </button>
    </div>`;
}

// --- acknowledge

function ackContent(state) {
  const submit = (event) => {
    event.preventDefault();
    if (!hasComment(state)) return;
    const comment = state.comment.trim();
    carryOut(state, () =>
      state.fingerprint
        ? post("/alerts/" + encodeURIComponent(state.fingerprint) + "/ack", { comment })
        : post("/alerts/ack", { group: state.group, comment }),
    );
  };
  return html`<form method="dialog" novalidate @submit=${submit}>
    <div class="plan-body">
      <h2 id="dialog-title">
        Acknowledge ${state.count === 1 ? "this alert" : plural(state.count, "alert")}
      </h2>
      <p class="plan-sentence">${state.title}</p>
      <p>
        It goes on firing here. It is not told again and not escalated, until it is resolved.
        ${state.count > 1 ? "What joins the group later is told." : nothing}
      </p>
      ${commentField(state, "What is being done about it?", true)}
    </div>
    ${buttons(state, state.count === 1 ? "Acknowledge" : "Acknowledge " + count(state.count))}
  </form>`;
}

// Of one alert ({fingerprint}) or of a group ({group, count}); `done` hears when it was done.
export function openAck({ fingerprint, group, count: size, title, done }) {
  show(
    { fingerprint, group, count: size || 1, title, comment: "", isMissing: false, done },
    ackContent,
  );
}

export function takeBackAck(fingerprint) {
  return remove("/alerts/" + encodeURIComponent(fingerprint) + "/ack");
}

// --- silence

function matcherText(one) {
  const sign = one.is_equal === false ? (one.is_regex ? "!~" : "!=") : one.is_regex ? "=~" : "=";
  return one.name + sign + JSON.stringify(one.value);
}

export function matcherMarks(matchers) {
  return matchers.map((one) => html`<code class="matcher">${matcherText(one)}</code> `);
}

export function matcherLine(matchers) {
  return matchers.map(matcherText).join(" ");
}

// {name, is_equal, is_regex, value} of store="0042", store=~"00.*" and the like; null: it is none.
export function readMatcher(text) {
  const found = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s.exec(text);
  if (!found) return null;
  let value = found[3];
  if (value.startsWith('"')) {
    try {
      value = JSON.parse(value);
    } catch {
      return null;
    }
  }
  return {
    name: found[1],
    value,
    is_equal: !found[2].startsWith("!"),
    is_regex: found[2].endsWith("~"),
  };
}

function preview(state) {
  const { shown } = state;
  if (state.matchers.length === 0)
    return html`<p class="dim">Choose at least one label: a silence of everything is none.</p>`;
  if (state.previewFault) return html`<p class="error-note" role="alert">${state.previewFault}</p>`;
  if (!shown) return html`<p class="dim" role="status">Looking at what it hides …</p>`;
  const more = shown.count - shown.items.length;
  return html`<p role="status">
      <b id="hides"
        >${
          shown.count === 0
            ? "None of the open alerts is hidden"
            : plural(shown.count, "open alert") +
              (shown.count === 1 ? " is" : " are") +
              " told to nobody"
        }</b
      >
      while it lasts; all stay on this page.
    </p>
    <ul class="brief hidden-list" tabindex="0" aria-label="What it hides">
      ${repeat(
        shown.items,
        (one) => one.fingerprint,
        (one) =>
          html`<li>
            ${severityMark(one.severity)}<span class="grow"
              >${link(alertPath(one), one.summary || one.title || one.alert)}</span
            >
          </li>`,
      )}
      ${more > 0 ? html`<li class="dim">and ${count(more)} more</li>` : nothing}
    </ul>`;
}

// Ask what the chosen matchers hide; the newest answer counts.
function look(state) {
  const number = ++state.number;
  state.matchers = [
    ...state.labels.filter((one) => one.isChosen).map((one) => one.matcher),
    ...state.written,
  ];
  state.shown = null;
  state.previewFault = "";
  clearTimeout(state.timer);
  state.draw();
  if (state.matchers.length === 0) return;
  state.timer = setTimeout(async () => {
    try {
      const shown = await post("/silences/preview", { matchers: state.matchers });
      if (number !== state.number || state.isOver) return;
      state.shown = shown;
    } catch (error) {
      if (number !== state.number || state.isOver) return;
      state.previewFault = /match the empty string/.test(error.message)
        ? "This would hide every alert: at least one matcher has to ask for a value."
        : faultWords(error);
    }
    state.draw();
  }, PREVIEW_AFTER_MS);
}

function writtenField(state) {
  const take = (input) => {
    state.text = input.target.value;
    const lines = state.text.split("\n").filter((line) => line.trim());
    const read = lines.map(readMatcher);
    const wrong = read.indexOf(null);
    state.textFault =
      wrong < 0
        ? ""
        : "This is no matcher: " +
          lines[wrong].slice(0, SHOWN_MAX) +
          (lines[wrong].length > SHOWN_MAX ? "…" : "") +
          ' (it is written like store="0042" or store=~"00.*")';
    state.written = read.filter(Boolean);
    look(state);
  };
  return html`<label class="reason"
    >${state.labels.length ? "Further matchers, one a line" : "Which alerts: matchers, one a line"}
    <textarea
      name="matchers"
      rows="2"
      maxlength="4000"
      spellcheck="false"
      placeholder='store=~"00(12|42)"'
      aria-invalid=${state.textFault ? "true" : "false"}
      .value=${live(state.text)}
      @input=${take}
    ></textarea>
    ${state.textFault ? html`<span class="error-note" role="alert">${state.textFault}</span>` : nothing}
  </label>`;
}

function labelChoice(state) {
  if (state.labels.length === 0) return nothing;
  return html`<fieldset class="matchers">
    <legend>Alerts that have all of</legend>
    ${state.labels.map(
      (one) =>
        html`<label class="check"
          ><input
            type="checkbox"
            .checked=${live(one.isChosen)}
            @change=${(change) => {
              one.isChosen = change.target.checked;
              look(state);
            }}
          /><code>${matcherText(one.matcher)}</code></label
        >`,
    )}
  </fieldset>`;
}

function silenceContent(state) {
  const submit = (event) => {
    event.preventDefault();
    if (state.matchers.length === 0 || state.textFault || state.previewFault) return;
    const { fault } = readSpan(state.span);
    if (fault) {
      state.find("input[name=" + fault.of + "]").focus();
      return;
    }
    if (!hasComment(state)) return;
    carryOut(state, () => {
      const { begin, ends } = readSpan(state.span);
      return post("/silences", {
        id: state.id,
        matchers: state.matchers,
        starts: begin === null ? undefined : begin.toISOString(), // the tower's now, or as it was
        ends: ends.toISOString(),
        comment: state.comment.trim(),
      });
    });
  };
  return html`<form method="dialog" novalidate @submit=${submit}>
    <div class="plan-body">
      <h2 id="dialog-title" tabindex="-1">${state.id ? "Change a silence" : "Silence"}</h2>
      ${labelChoice(state)} ${writtenField(state)}
      <section class="preview" aria-label="What it hides">${preview(state)}</section>
      ${spanFields(state.span, state.draw)}
      ${commentField(state, "Why? (it is kept, and told before it ends)")}
    </div>
    ${buttons(state, state.id ? "Change it" : "Silence", state.matchers.length > 0 && !state.textFault && !state.previewFault)}
  </form>`;
}

// From the labels of an alert or of a group, of which those in `chosen` are taken at first; from matchers of
// an earlier silence; or from none. `change`: the silence that is to be changed.
export function openSilence({ labels = {}, chosen = [], matchers = [], comment, change, done }) {
  const state = {
    id: change ? change.id : undefined,
    labels: Object.entries(labels).map(([name, value]) => ({
      matcher: { name, value, is_equal: true, is_regex: false },
      isChosen: chosen.includes(name),
    })),
    matchers: [],
    written: matchers,
    text: matchers.map(matcherText).join("\n"),
    textFault: "",
    span: newSpan(change),
    comment: comment || "",
    isMissing: false,
    shown: null,
    previewFault: "",
    number: 0,
    timer: 0,
    done,
  };
  show(state, silenceContent);
  look(state);
}

// The labels that a silence from this alert begins with: what it is, not how bad, nor who owns it.
export function chosenLabels(labels) {
  return Object.keys(labels || {}).filter((name) => name !== "severity" && name !== "owner");
}
