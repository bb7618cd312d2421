// SPDX-License-Identifier: Apache-2.0
// A plot: the picture that the tower draws, and over it what a picture cannot do: a crosshair with
// values, dragging to zoom, the runs behind a point; with the keys the same. The picture is changed
// only when the new one is there, so that nothing flashes.
import { get } from "./api.js";
import { html, nothing } from "./lit.js";
import { percent } from "./parts.js";
import { shownNow, themeNow } from "./frame.js";
import { setRange } from "./range.js";
import { clockText, dayText, duration } from "./time.js";

const DRAG_MIN_PX = 6;
const EVERY_MS = 10000; // a bucket of the finest series
const SPAN_MIN_MS = 60000; // zoomed in further there would be no line, only points
const NAMED = 8; // series in the readout
const PAGE_STEPS = 10;
const PHONE_PX = 700; // as in the style sheet
const PHONE_SIZE = [360, 200];
// Up to this width of the window pictures are drawn smaller, so that they need not be made smaller.
const DESK_PX = 1500;
const DESK_SHARE = 0.8;
const WHOLE = { left: 0, right: 1, top: 0, bottom: 1 };
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

// A range that ends now ends with the last ten seconds that are over: the same picture for all who
// look, and another address every ten seconds.
function fixed(range) {
  if (!range.isLive) return { from: range.from.getTime(), to: range.to.getTime() };
  const to = Math.floor(shownNow() / EVERY_MS) * EVERY_MS;
  return { from: to - 1000 * range.seconds, to };
}

function query(spec, { from, to }, more) {
  const params = new URLSearchParams();
  const all = {
    ...spec.params,
    since: new Date(from).toISOString(),
    until: new Date(to).toISOString(),
    ...more,
  };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined && value !== null && value !== "") params.set(name, value);
  }
  return params;
}

function valueText(value, unit) {
  if (value === null || value === undefined) return "no data";
  if (unit === "seconds") return duration(value);
  if (unit === "share") return percent(value);
  const number = Number(value).toLocaleString(undefined, { maximumSignificantDigits: 4 });
  return number + (unit === "burn" ? "x" : unit.startsWith("per-") ? " a " + unit.slice(4) : "");
}

function nameOf(series) {
  return series.title || Object.values(series.labels || {}).join(" ");
}

let made = 0;

// One plot on a page: what it shows now, and where the crosshair is. Kept in context.state.
class Plot {
  constructor(context, spec) {
    this.context = context;
    this.spec = spec;
    this.id = "plot-" + ++made;
    this.span = null; // {from, to}: ms since 1970, of the picture asked for last
    this.shown = ""; // address of the picture that is shown
    this.wanted = "";
    this.fault = "";
    this.values = null; // {t, series, plot: its area}
    this.valuesOf = "";
    this.coming = null; // the promise of them
    this.x = null; // 0 to 1 of the picture's width: where the pointer is
    this.time = null; // ms since 1970: where the keys are
    this.anchor = null; // ms: where a choice of time began, by the keys
    this.pressed = null; // as x: where the pointer was pressed
    this.hasFocus = false;
  }

  // Ask for the picture of now; the one before stays until it has come.
  want(range) {
    const { panel, width, height } = this.spec;
    const span = fixed(range);
    const wanted =
      "/plots/" +
      encodeURIComponent(panel) +
      ".svg?" +
      query(this.spec, span, { width, height, theme: themeNow(), tz: ZONE });
    const before = this.span || span;
    this.span = span;
    if (wanted === this.wanted) return;
    // Values of another time are none of this picture; those of ten seconds ago are, until new ones come.
    if (
      Math.abs(span.from - before.from) > 2 * EVERY_MS ||
      Math.abs(span.to - before.to) > 2 * EVERY_MS
    ) {
      this.values = null;
      this.valuesOf = "";
      if (this.time !== null) this.time = Math.max(span.from, Math.min(span.to, this.time));
    }
    this.wanted = wanted;
    if (this.cursor() !== null) this.loadValues();
    const picture = new Image();
    picture.src = wanted;
    picture
      .decode()
      .then(() => {
        if (wanted !== this.wanted) return;
        this.shown = wanted;
        this.fault = "";
        this.context.update();
      })
      .catch(() => this.explain(wanted));
  }

  // A picture only says that it did not come; the words are asked for.
  async explain(wanted) {
    let words = "it did not come";
    try {
      const answer = await fetch(wanted, { signal: this.context.signal });
      const problem = answer.ok ? {} : await answer.json();
      words = problem.detail || problem.title || words;
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    if (wanted !== this.wanted) return;
    this.fault = words;
    this.context.update();
  }

  // The numbers of the picture that is wanted now; the same promise for all who wait.
  loadValues() {
    if (this.valuesOf !== this.wanted) {
      this.valuesOf = this.wanted;
      this.coming = this.askValues(this.wanted);
    }
    return this.coming;
  }

  async askValues(wanted) {
    const { panel, width, height } = this.spec;
    try {
      const values = await get(
        "/series?" + query(this.spec, this.span, { panel, width, height }),
        null,
        this.context.signal,
      );
      if (this.valuesOf !== wanted) return;
      this.values = values;
      this.context.update();
    } catch {
      if (this.valuesOf === wanted) this.valuesOf = "";
    }
  }

  // --- places: in the picture, in time, at a point

  area() {
    return (this.values && this.values.plot) || WHOLE;
  }

  // In percent of the picture's width; what lies outside stands at the edge.
  percentOf(time) {
    const share = (time - this.span.from) / (this.span.to - this.span.from);
    const area = this.area();
    return 100 * (area.left + Math.max(0, Math.min(1, share)) * (area.right - area.left));
  }

  // The time at x of the picture. (Before the values have come the area is not known.)
  timeOf(x) {
    const area = this.area();
    const share = Math.max(0, Math.min(1, (x - area.left) / (area.right - area.left)));
    return this.span.from + share * (this.span.to - this.span.from);
  }

  // Where the crosshair is, as a time; null: nowhere. The pointer goes before the keys.
  cursor() {
    if (this.x !== null) return this.timeOf(this.x);
    return this.hasFocus ? this.time : null;
  }

  // When point i is drawn.
  timeAt(i) {
    return Date.parse(this.values.t[i]) + 1000 * (this.values.offset || 0);
  }

  // The point that is drawn nearest; -1: there is none.
  nearest(time) {
    if (time === null || !this.values) return -1;
    let best = -1;
    for (let i = 0; i < this.values.t.length; i++) {
      if (best < 0 || Math.abs(this.timeAt(i) - time) < Math.abs(this.timeAt(best) - time))
        best = i;
    }
    return best;
  }

  // --- what is done with them

  zoom(from, to) {
    const middle = (from + to) / 2;
    const half = Math.max(SPAN_MIN_MS, Math.abs(to - from)) / 2;
    this.anchor = null;
    setRange(this.context, Math.round(middle - half), Math.round(middle + half));
  }

  openRuns(time) {
    if (!this.spec.runs) return;
    const half = Math.max(SPAN_MIN_MS, (this.span.to - this.span.from) / 200);
    this.context.go(
      this.spec.runs({
        since: new Date(Math.round(time - half)).toISOString(),
        until: new Date(Math.round(time + half)).toISOString(),
      }),
    );
  }

  // --- the pointer

  follow(event) {
    const box = event.currentTarget.getBoundingClientRect();
    this.x = (event.clientX - box.left) / box.width;
  }

  move(event) {
    this.loadValues();
    this.follow(event);
    this.context.update();
  }

  press(event) {
    if (event.button !== 0) return;
    this.follow(event);
    this.pressed = this.x;
    event.currentTarget.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  async release(event) {
    if (this.pressed === null) return;
    this.follow(event);
    const [from, to] = [this.pressed, this.x];
    const px = Math.abs(to - from) * event.currentTarget.clientWidth;
    this.pressed = null;
    await this.loadValues();
    if (px >= DRAG_MIN_PX) this.zoom(this.timeOf(from), this.timeOf(to));
    else this.openRuns(this.timeOf(to));
  }

  leave() {
    if (this.pressed !== null) return; // it is captured, and comes back or is released
    this.cancel();
  }

  cancel() {
    this.pressed = null;
    this.x = null;
    this.context.update();
  }

  // --- the keys

  focus() {
    this.hasFocus = true;
    if (this.time === null) this.time = this.span.to;
    this.loadValues();
    this.context.update();
  }

  blur() {
    this.hasFocus = false;
    this.anchor = null;
    this.context.update();
  }

  // Where a key leads from point i of n; null: it leads nowhere.
  static step(key, i, n) {
    const to = {
      ArrowLeft: i - 1,
      ArrowRight: i + 1,
      PageUp: i - PAGE_STEPS,
      PageDown: i + PAGE_STEPS,
      Home: 0,
      End: n - 1,
    }[key];
    return to === undefined ? null : Math.max(0, Math.min(n - 1, to));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const i = this.nearest(this.time);
    const to = i < 0 ? null : Plot.step(event.key, i, this.values.t.length);
    const span = this.span.to - this.span.from;
    if (to !== null) {
      if (event.shiftKey && this.anchor === null) this.anchor = this.timeAt(i);
      if (!event.shiftKey) this.anchor = null;
      this.time = this.timeAt(to);
      this.context.update();
    } else if (event.key === "Enter" && this.time !== null) {
      if (this.anchor !== null && this.anchor !== this.time) this.zoom(this.anchor, this.time);
      else this.openRuns(this.time);
    } else if (event.key === "+" && this.time !== null) {
      this.zoom(this.time - span / 4, this.time + span / 4);
    } else if (event.key === "-") {
      this.zoom(this.span.from - span / 2, Math.min(this.span.to + span / 2, shownNow()));
    } else if (event.key === "Escape" && this.anchor !== null) {
      this.anchor = null;
      this.context.update();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // --- what is drawn over the picture

  when(i) {
    return dayText(this.values.t[i]) + " " + clockText(this.values.t[i]).slice(0, 8);
  }

  readout(i) {
    if (i < 0) return nothing;
    const { series, unit } = this.values;
    const isRight = this.percentOf(this.timeAt(i)) > 60;
    const more = series.length - NAMED;
    return html`<div class="readout ${isRight ? "left" : ""}" aria-hidden="true">
      <strong>${this.when(i)}</strong>
      ${series.slice(0, NAMED).map((one) => html`<span>${nameOf(one)} <b>${valueText(one.v[i], unit)}</b></span>`)}
      ${more > 0 ? html`<span class="dim">and ${more} more</span>` : nothing}
    </div>`;
  }

  // The same in words, for readers of screens.
  words(i) {
    if (i < 0)
      return this.values ? "no values in this time" : "values are loaded when it is reached";
    const { series, unit } = this.values;
    const chosen =
      this.anchor === null
        ? ""
        : ", chosen from " + clockText(new Date(this.anchor).toISOString()).slice(0, 8);
    return (
      this.when(i) +
      chosen +
      ": " +
      series.map((one) => nameOf(one) + " " + valueText(one.v[i], unit)).join(", ")
    );
  }

  // What takes the focus: a slider over the points of the plot.
  keys(i) {
    const { spec } = this;
    return html`<div
        class="plot-keys"
        tabindex="0"
        role="slider"
        aria-label="Values of ${spec.title || spec.alt || spec.panel}"
        aria-describedby=${this.id}
        aria-orientation="horizontal"
        aria-valuemin="0"
        aria-valuemax=${this.values ? Math.max(0, this.values.t.length - 1) : 0}
        aria-valuenow=${Math.max(0, i)}
        aria-valuetext=${this.words(i)}
        @focus=${() => this.focus()}
        @blur=${() => this.blur()}
        @keydown=${(event) => this.key(event)}
      ></div>
      <p class="plot-hint" id=${this.id}>
        ← → read · ⇧← ⇧→ then Enter zoom${spec.runs ? " · Enter runs" : ""} · + − zoom
      </p>`;
  }

  lines(time, i) {
    if (time === null) return nothing;
    const begun = this.pressed === null ? this.anchor : this.timeOf(this.pressed);
    const from = begun === null ? null : this.percentOf(begun);
    const to = this.percentOf(time);
    return html`<i
        class="cross"
        .style=${"left:" + (i < 0 ? to : this.percentOf(this.timeAt(i))) + "%"}
      ></i>
      ${
        from === null
          ? nothing
          : html`<i
              class="zoom"
              .style=${"left:" + Math.min(from, to) + "%;width:" + Math.abs(to - from) + "%"}
            ></i>`
      }`;
  }

  view(height) {
    const { spec } = this;
    const time = this.cursor();
    const i = this.nearest(time);
    const on = (handler) => (spec.isPlain ? null : handler);
    return html`<figure class="plot" data-panel=${spec.panel}>
      ${spec.title ? html`<figcaption>${spec.title}</figcaption>` : nothing}
      <div
        class="plot-body ${spec.isPlain ? "plain" : ""}"
        .style=${"aspect-ratio:" + spec.width + "/" + height}
        @pointermove=${on((event) => this.move(event))}
        @pointerleave=${on(() => this.leave())}
        @pointercancel=${on(() => this.cancel())}
        @pointerdown=${on((event) => this.press(event))}
        @pointerup=${on((event) => this.release(event))}
      >
        ${this.shown ? html`<img src=${this.shown} alt=${spec.alt || spec.title || "plot"} draggable="false" />` : nothing}
        ${this.fault ? html`<p class="plot-fault" role="status">This plot cannot be drawn: ${this.fault}</p>` : nothing}
        ${this.lines(time, i)}${this.readout(i)}${spec.isPlain ? nothing : this.keys(this.nearest(this.time))}
      </div>
    </figure>`;
  }
}

// spec: {panel, params, title, alt, width, height, runs({since, until}) -> path, isPlain (no crosshair)}.
// `name` makes it the same plot from one drawing of the page to the next.
export function plot(context, name, spec) {
  const plots = context.state.plots || (context.state.plots = {});
  // On a phone a picture of its own size: one that is made smaller has words that nobody can read.
  const isSmall = !spec.isPlain && window.innerWidth <= PHONE_PX;
  const share = !spec.isPlain && window.innerWidth <= DESK_PX ? DESK_SHARE : 1;
  const width = isSmall ? PHONE_SIZE[0] : Math.round(share * (spec.width || 800));
  const height = isSmall ? PHONE_SIZE[1] : Math.round(share * (spec.height || 240));
  const key = name + JSON.stringify(spec.params || {});
  const one = plots[key] || (plots[key] = new Plot(context, spec));
  one.context = context;
  one.spec = { ...spec, width, height };
  one.want(spec.range || context.range);
  return one.view(height);
}
