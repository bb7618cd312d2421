// SPDX-License-Identifier: Apache-2.0
// When a silence begins and ends: a length that is often wanted, or any two times; in the reader's time
// with UTC beside it, since who reads it may sit elsewhere.
import { html, nothing } from "./lit.js";
import { dayText, duration } from "./time.js";

const NOW = "now";
const AT = "at"; // a time of one's own
const AHEAD_MAX_MS = 366 * 86400000; // the tower takes no more
const BACK_MAX_MS = 60000; // a beginning that was typed a moment ago is now
export const LENGTHS = [
  ["1 hour", 3600],
  ["4 hours", 4 * 3600],
  ["until tomorrow, 8:00", 0],
  ["a day", 86400],
  ["a week", 7 * 86400],
];
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function two(n) {
  return (n < 10 ? "0" : "") + n;
}

// When a silence of this length ends; 0: tomorrow at eight, by the clock on the wall.
export function endOf(seconds, begin = Date.now()) {
  if (seconds > 0) return new Date(begin + 1000 * seconds);
  const at = new Date(begin);
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + 1, 8, 0, 0);
}

// "today 18:03" of a Date, in the reader's zone.
function localText(at) {
  return dayText(at.toISOString()) + " " + two(at.getHours()) + ":" + two(at.getMinutes());
}

function isSameDay(at) {
  return at.getUTCDate() === at.getDate();
}

// "17:03 UTC", with the day where it is another one there.
function utcText(at) {
  const text = at.toISOString();
  return (isSameDay(at) ? "" : text.slice(0, 10) + " ") + text.slice(11, 16) + " UTC";
}

// "today 18:03, 17:03 UTC"
export function bothText(at) {
  return localText(at) + ", " + utcText(at);
}

// As the fields of the browser have it; whole minutes.
function fieldText(at) {
  return (
    [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-") +
    "T" +
    two(at.getHours()) +
    ":" +
    two(at.getMinutes())
  );
}

// From now for an hour; or as a silence has it that is to be changed: one that has begun keeps its beginning.
export function newSpan(silence) {
  if (!silence) return { begin: NOW, length: "3600", starts: "", ends: "", begun: null };
  const starts = new Date(silence.starts);
  const hasBegun = silence.state === "active";
  return {
    begin: hasBegun ? NOW : AT,
    length: AT,
    starts: hasBegun ? "" : fieldText(starts),
    ends: fieldText(new Date(silence.ends)),
    begun: hasBegun ? starts : null,
  };
}

// {begin: Date, null: now or as it was; ends: Date; fault: null or {of: "starts" or "ends", words}}
export function readSpan(span, now = Date.now()) {
  const begin = span.begin === AT ? new Date(span.starts) : null;
  const from = begin === null || Number.isNaN(begin.getTime()) ? now : begin.getTime();
  const ends = span.length === AT ? new Date(span.ends) : endOf(Number(span.length), from);
  return { begin, ends, fault: faultOf(begin, ends, from, now) };
}

function faultOf(begin, ends, from, now) {
  const of = (name, words) => ({ of: name, words });
  if (begin !== null && Number.isNaN(begin.getTime()))
    return of("starts", "Say when it begins: a day and a time.");
  if (begin !== null && begin.getTime() < now - BACK_MAX_MS)
    return of("starts", "That is over. It can begin now or later.");
  if (Number.isNaN(ends.getTime())) return of("ends", "Say when it ends: a day and a time.");
  if (ends.getTime() <= now) return of("ends", "That is over. It has to end later than now.");
  if (ends.getTime() <= from) return of("ends", "It would end before it begins.");
  if (ends.getTime() > now + AHEAD_MAX_MS)
    return of("ends", "That is too far ahead: a silence ends within 366 days.");
  return null;
}

function field(span, name, fault, draw) {
  const isWrong = fault !== null && fault.of === name;
  return html`<input
    type="datetime-local"
    name=${name}
    aria-label=${name === "starts" ? "Begins at" : "Ends at"}
    aria-invalid=${isWrong ? "true" : "false"}
    aria-describedby=${isWrong ? "span-fault" : nothing}
    .value=${span[name]}
    @input=${(input) => {
      span[name] = input.target.value;
      draw();
    }}
  />`;
}

// What is chosen, as a sentence; where it is faulty, what is wrong.
function sentence(span) {
  const { begin, ends, fault } = readSpan(span);
  if (fault)
    return html`<span class="error-note" id="span-fault" role="alert">${fault.words}</span>`;
  const seconds = Math.round((ends - (begin || new Date())) / 1000);
  const from = begin || span.begun;
  return html`<span id="span-words" role="status"
    >${from ? html`From <b>${localText(from)}</b> <span class="dim">(${utcText(from)})</span> to` : "Until"}
    <b>${localText(ends)}</b> <span class="dim">(${utcText(ends)})</span>:
    ${duration(seconds).replace(/ 0 [hms]$/, "")}${span.begun ? " from now" : ""}.</span
  >`;
}

// The choice of both ends; `draw` draws the dialog anew.
export function spanFields(span, draw) {
  const { fault } = readSpan(span);
  const begin = () => new Date(span.begin === AT ? span.starts : Date.now());
  const take = (name, own, fill) => (change) => {
    span[name] = change.target.value;
    if (span[name] === AT && !span[own]) span[own] = fieldText(fill());
    draw();
  };
  return html`<fieldset class="span-fields">
    <legend>When <span class="dim">(times of ${ZONE})</span></legend>
    ${
      span.begun
        ? nothing
        : html`<label class="check"
            >Begins
            <select name="begin" @change=${take("begin", "starts", () => endOf(3600))}>
              <option value=${NOW} ?selected=${span.begin === NOW}>now</option>
              <option value=${AT} ?selected=${span.begin === AT}>at a time …</option>
            </select></label
          >`
    }
    ${span.begin === AT ? field(span, "starts", fault, draw) : nothing}
    <label class="check"
      >Lasts
      <select
        name="length"
        @change=${take("length", "ends", () => endOf(3600, begin().getTime() || Date.now()))}
      >
        ${LENGTHS.map(([words, seconds]) => html`<option value=${seconds} ?selected=${String(seconds) === span.length}>${words}</option>`)}
        <option value=${AT} ?selected=${span.length === AT}>until a time …</option>
      </select></label
    >
    ${span.length === AT ? field(span, "ends", fault, draw) : nothing}
    <p class="span-said">${sentence(span)}</p>
  </fieldset>`;
}
