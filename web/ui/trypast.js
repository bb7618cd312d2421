// SPDX-License-Identifier: Apache-2.0
// A rule tried on the past: how often it would have fired, drawn (its values, its threshold, when it was
// pending and when it fired) and as a table. The picture is made here, since a rule that is only being
// written has none at the tower.
import { labelText, valueText } from "./alertwords.js";
import { count, plural } from "./format.js";
import { html, nothing, svg } from "./lit.js";
import { moment } from "./parts.js";
import { table } from "./table.js";
import { clockText, dayText, duration, secondsBetween } from "./time.js";

const WIDE = [1000, 300];
const NARROW = [400, 240]; // on a phone: a picture that is made smaller has words that nobody can read
const PHONE_PX = 700; // as in the style sheet
const LEFT = 66;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 30;
const LINES_MAX = 12; // drawn; all have fired or not in the table
const TICKS = 5;
const HOURS = [1, 2, 4, 6, 12, 24, 48, 120, 240, 480]; // between words of the time axis
const HUES = 8;
const MANY = 200; // spans that are drawn; narrower ones would be one

// 1, 2 or 5 times a power of ten, so that about n steps fill the range; for durations what clocks have.
const CLOCK_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200,
];

function stepOf(range, n, unit) {
  const rough = range / n;
  if (unit === "seconds" && rough >= 1) {
    const day = 86400;
    return CLOCK_STEPS.find((step) => step >= rough) || day * Math.ceil(rough / day);
  }
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
}

// What it is compared with: one number, but for burn rules, to which each objective gives its own.
function limitsOf(result) {
  const all = [result.threshold, ...result.series.series.map((one) => one.threshold)];
  return [...new Set(all.filter((one) => typeof one === "number"))];
}

// The scale of values: with 0 and the threshold, and what is above all of them.
function scaleOf(result, lines) {
  const values = lines.flatMap((one) => one.v).filter((value) => typeof value === "number");
  values.push(...limitsOf(result));
  let high = 0;
  let low = 0;
  for (const value of values) {
    if (value > high) high = value;
    if (value < low) low = value;
  }
  if (high === low) high = low + 1;
  const step = stepOf((high - low) * 1.08, TICKS, result.unit);
  const top = step * Math.ceil((high * 1.02) / step);
  const ticks = [];
  for (let at = step * Math.floor(low / step); at <= top + step / 2; at += step) ticks.push(at);
  return { low: ticks[0], high: ticks.at(-1), ticks };
}

function timeTicks(from, to, most) {
  const span = to - from;
  const step = HOURS.map((hours) => 3600000 * hours).find((ms) => span / ms <= most) || span;
  const first = new Date(from);
  first.setMinutes(0, 0, 0);
  if (step >= 86400000) first.setHours(0);
  const ticks = [];
  for (let at = first.getTime(); at < to; at += step) if (at > from) ticks.push(at);
  return ticks.map((at) => {
    const text = new Date(at).toISOString();
    return [
      at,
      step >= 86400000 ? dayText(text).replace(/, \d+$/, "") : clockText(text).slice(0, 5),
    ];
  });
}

// One path; what is not known is a gap.
function pathOf(points) {
  let text = "";
  let isOpen = false;
  for (const [x, y] of points) {
    if (y === null) isOpen = false;
    else {
      text += (isOpen ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1);
      isOpen = true;
    }
  }
  return text;
}

function picture(result) {
  const isNarrow = window.innerWidth <= PHONE_PX;
  const [width, height] = isNarrow ? NARROW : WIDE;
  const { t, series } = result.series;
  const lines = series.slice(0, LINES_MAX);
  const from = Date.parse(result.since);
  const to = Date.parse(result.until);
  const scale = scaleOf(result, lines);
  const x = (at) =>
    LEFT + ((width - LEFT - RIGHT) * Math.max(0, Math.min(to - from, at - from))) / (to - from);
  const y = (value) =>
    height - BOTTOM - ((height - TOP - BOTTOM) * (value - scale.low)) / (scale.high - scale.low);
  const band = (a, b, className) => {
    const begin = x(Date.parse(a));
    const wide = Math.max(1.5, (b ? x(Date.parse(b)) : x(to)) - begin);
    return svg`<rect class=${className} x=${begin} y=${TOP} width=${wide} height=${height - TOP - BOTTOM} />`;
  };
  const at = t.map((text) => x(Date.parse(text)));
  const words =
    "The value against the threshold; it would have fired " + plural(result.fired, "time");
  return html`<svg class="tried" viewBox="0 0 ${width} ${height}" role="img" aria-label=${words}>
    ${result.spans.slice(0, MANY).map((one) => svg`${one.pending ? band(one.pending, one.firing || one.resolved, "pending") : nothing}${one.firing ? band(one.firing, one.resolved, "firing") : nothing}`)}
    ${scale.ticks.map(
      (tick) =>
        svg`<path class="grid" d="M${LEFT} ${y(tick)}H${width - RIGHT}" /><text x=${LEFT - 8} y=${y(tick) + 4} text-anchor="end">${tick === 0 ? "0" : valueText(tick, result.unit).replace(/ 0 [sm]$/, "")}</text>`,
    )}
    ${timeTicks(from, to, isNarrow ? 3 : 8).map(
      ([tick, text]) =>
        svg`<path class="grid" d="M${x(tick)} ${TOP}V${height - BOTTOM}" /><text x=${x(tick)} y=${height - 10} text-anchor="middle">${text}</text>`,
    )}
    ${lines.map((one, n) => svg`<path class="line hue${n % HUES}" d=${pathOf(one.v.map((value, i) => [at[i], typeof value === "number" ? y(value) : null]))} />`)}
    ${limitsOf(result).map((limit) => svg`<path class="limit" d="M${LEFT} ${y(limit)}H${width - RIGHT}" /><text class="limit-text" x=${width - RIGHT - 4} y=${y(limit) - 6} text-anchor="end">${(result.comparison === "below" ? "below " : "above ") + valueText(limit, result.unit)}</text>`)}
  </svg>`;
}

function legend(series, leftOut) {
  const named = series.slice(0, LINES_MAX).filter((one) => labelText(one.labels));
  if (named.length < 2) return nothing;
  const more = series.length + (leftOut || 0) - LINES_MAX;
  return html`<p class="tried-legend">
    ${named.map((one, n) => html`<span class="hue${n % HUES}"><i aria-hidden="true"></i>${labelText(one.labels)}</span>`)}
    ${more > 0 ? html`<span class="dim">and ${count(more)} more, not drawn</span>` : nothing}
  </p>`;
}

function columnsOf(result) {
  return [
    {
      name: "fired",
      title: "Would have fired",
      value: (one) => one.firing || one.pending,
      cell: (one) =>
        one.firing ? moment(one.firing) : html`<span class="dim">only pending</span>`,
    },
    {
      name: "resolved",
      title: "Resolved",
      value: (one) => one.resolved,
      text: (one) => one.resolved || "still fires",
      cell: (one) => (one.resolved ? moment(one.resolved) : "still fires"),
    },
    {
      name: "long",
      title: "Lasted",
      className: "num",
      value: (one) =>
        one.firing ? secondsBetween(one.firing, one.resolved || result.until) : null,
      cell: (one) =>
        one.firing ? duration(secondsBetween(one.firing, one.resolved || result.until)) : "–",
    },
    {
      name: "peak",
      title: result.comparison === "below" ? "Lowest" : "Highest",
      className: "num",
      value: (one) => one.peak,
      cell: (one) => valueText(one.peak, result.unit),
    },
    {
      name: "labels",
      title: "Of",
      className: "wrap",
      value: (one) => labelText(one.labels),
    },
  ];
}

// "In the last week it would have fired 3 times, and told people about 4 times."
function sentence(result, words) {
  const times =
    result.fired === 1 ? "once" : result.fired === 2 ? "twice" : count(result.fired) + " times";
  if (result.fired === 0) return "In the last " + words + " it would not have fired.";
  const n = result.notifications_estimate;
  return (
    "In the last " +
    words +
    " it would have fired " +
    times +
    (typeof n === "number" ? ", and made about " + plural(n, "notification") : "") +
    "."
  );
}

// What POST /rules/test answered; `words`: how long ("week").
export function tried(context, result, words) {
  const hasLines = result.series && result.series.t && result.series.t.length > 0;
  return html`<p class="plan-sentence" role="status" id="tried">${sentence(result, words)}</p>
    ${
      result.incomplete
        ? html`<div class="note warn">
            <strong>This may not be the whole truth.</strong>
            <p>${result.incomplete}</p>
          </div>`
        : nothing
    }
    ${hasLines ? html`${picture(result)}${legend(result.series.series, result.series_left_out)}` : html`<p class="dim">There is nothing to draw: no series of that time fits the rule.</p>`}
    ${table(context, {
      name: "spans",
      caption: "When it would have fired",
      columns: columnsOf(result),
      rows: result.spans,
      key: (one) => (one.firing || one.pending) + labelText(one.labels),
      sort: ["fired", "desc"],
      more:
        result.fired > result.spans.length ? { total: result.fired, canLoad: false } : undefined,
      empty: "It would not have fired.",
    })}`;
}
