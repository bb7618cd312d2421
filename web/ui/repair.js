// SPDX-License-Identifier: Apache-2.0
// The repair of one event in the plan dialog: fields by JSON Pointer, compared by the tower with what is
// stored, before anything can be sent. `state` is that of the dialog.
import { html, live, nothing } from "./lit.js";
import { badge } from "./parts.js";

const ROWS_MAX = 32; // as the tower has it

export function newRepair() {
  return { rows: [{ path: "", value: "", remove: false }], isDirty: false, isOpen: false };
}

function isAsked(row) {
  return row.path.trim() !== "";
}

// What was typed: JSON where it is some, else a text. Attributes beside `data` are texts.
function valueOf(row) {
  if (!/^\/data(\/|$)/.test(row.path)) return row.value;
  try {
    return JSON.parse(row.value);
  } catch {
    return row.value;
  }
}

// What POST /replays/plan takes; undefined: nothing is to be changed.
export function editOf(state) {
  const rows = state.repair.rows.filter(isAsked);
  if (rows.length === 0) return undefined;
  return rows.map((row) =>
    row.remove
      ? { path: row.path.trim(), remove: true }
      : { path: row.path.trim(), value: valueOf(row) },
  );
}

function change(state, row, name, value) {
  row[name] = value;
  state.repair.isDirty = true;
  state.draw();
}

function field(state, row, index) {
  return html`<li class="repair-row">
    <label
      >Field
      <input
        type="text"
        name="path-${index}"
        placeholder="/data/sku"
        maxlength="256"
        spellcheck="false"
        .value=${live(row.path)}
        @input=${(input) => change(state, row, "path", input.target.value)}
    /></label>
    <label
      >New value
      <input
        type="text"
        name="value-${index}"
        spellcheck="false"
        ?disabled=${row.remove}
        .value=${live(row.value)}
        @input=${(input) => change(state, row, "value", input.target.value)}
    /></label>
    <label class="check"
      ><input
        type="checkbox"
        name="remove-${index}"
        .checked=${live(row.remove)}
        @change=${(box) => change(state, row, "remove", box.target.checked)}
      />
      remove it</label
    >
  </li>`;
}

function shown(value) {
  return value === undefined
    ? html`<span class="dim">not there</span>`
    : html`<code>${JSON.stringify(value)}</code>`;
}

function comparison(edit) {
  return html`<ul class="repair-diff">
      ${edit.diff.map(
        (one) => html`<li><b>${one.path}</b>: ${shown(one.before)} → ${shown(one.after)}</li>`,
      )}
    </ul>
    ${
      edit.needs_approval
        ? html`<p>
            ${badge("warn", "second person")}
            ${edit.money ? "It changes money" : "Its workflow is financial"}: nothing is sent before
            somebody else approves it.
          </p>`
        : nothing
    }`;
}

// Where the tower lets events be repaired, and one failure is asked for.
export function repairFields(state) {
  const { repair, plan } = state;
  if (!state.mayEdit || (state.ask.failures || []).length !== 1) return nothing;
  return html`<details
    class="repair"
    ?open=${repair.isOpen}
    @toggle=${(toggle) => {
      repair.isOpen = toggle.target.open;
    }}
  >
    <summary>Repair the event before it is sent</summary>
    <ul class="repair-rows">
      ${repair.rows.map((row, index) => field(state, row, index))}
    </ul>
    <p>
      <button
        type="button"
        id="repair-add"
        ?disabled=${repair.rows.length >= ROWS_MAX}
        @click=${() => {
          repair.rows.push({ path: "", value: "", remove: false });
          state.draw();
        }}
      >
        Another field
      </button>
      <button
        type="button"
        id="repair-compare"
        ?disabled=${state.isPlanning || !repair.isDirty}
        @click=${() => {
          repair.isDirty = false;
          repair.isOpen = true;
          state.replan();
        }}
      >
        Compare with what is stored
      </button>
    </p>
    ${plan && plan.edit && !repair.isDirty ? comparison(plan.edit) : nothing}
    <p class="dim">
      The stored event stays as it is. What it is and belongs to (id, time, order number …) cannot
      be changed.
    </p>
  </details>`;
}
