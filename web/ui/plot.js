// SPDX-License-Identifier: Apache-2.0
// A plot: the picture that the tower draws, and over it what a picture cannot do: a crosshair with
// values, dragging to zoom, the runs behind a point. The picture is changed only when the new one is
// there, so that nothing flashes.
import { get } from "./api.js";
import { html, nothing } from "./lit.js";
import { percent } from "./parts.js";
import { setRange } from "./range.js";
import { themeNow } from "./theme.js";
import { clockText, dayText, duration } from "./time.js";

const DRAG_MIN_PX = 6;
const EVERY_MS = 10000; // a bucket of the finest series
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

// A range that ends now ends with the last ten seconds that are over: the same picture for all who
// look, and another address every ten seconds.
function fixed(range) {
  if (!range.isLive) return { from: range.from.getTime(), to: range.to.getTime() };
  const to = Math.floor(Date.now() / EVERY_MS) * EVERY_MS;
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
  return number + (unit.startsWith("per-") ? " a " + unit.slice(4) : "");
}

// One plot on a page: what it shows now and what the pointer does. Kept in context.state.
class Plot {
  constructor(context, spec) {
    this.context = context;
    this.spec = spec;
    this.span = null; // {from, to}: ms since 1970, of the picture asked for last
    this.shown = ""; // address of the picture that is shown
    this.wanted = "";
    this.fault = "";
    this.values = null; // {t, series, plot: its area}
    this.valuesOf = "";
    this.at = null; // {x, i}: the crosshair
    this.drag = null; // x where it began
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
    this.span = span;
    if (wanted === this.wanted) return;
    this.wanted = wanted;
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

  async loadValues() {
    const wanted = this.wanted;
    if (this.valuesOf === wanted) return;
    this.valuesOf = wanted;
    try {
      this.values = await get(
        "/series?" +
          query(this.spec, this.span, {
            panel: this.spec.panel,
            width: this.spec.width,
            height: this.spec.height,
          }),
        null,
        this.context.signal,
      );
      this.context.update();
    } catch {
      this.valuesOf = "";
    }
  }

  // Where the pointer is: a share of the plot's own area, 0 to 1, and the nearest point.
  place(event) {
    const box = event.currentTarget.getBoundingClientRect();
    const area =
      this.values && this.values.plot ? this.values.plot : { left: 0, right: 1, top: 0, bottom: 1 };
    const share = (event.clientX - box.left) / box.width;
    return Math.max(0, Math.min(1, (share - area.left) / (area.right - area.left)));
  }

  move(event) {
    this.loadValues();
    this.at = this.place(event);
    this.context.update();
  }

  end(event) {
    const from = this.drag;
    this.drag = null;
    if (from === null) return;
    const to = this.place(event);
    const width = event.currentTarget.clientWidth;
    const begin = this.span.from;
    const span = this.span.to - begin;
    if (Math.abs(to - from) * width >= DRAG_MIN_PX) {
      setRange(this.context, begin + Math.min(from, to) * span, begin + Math.max(from, to) * span);
    } else if (this.spec.runs) {
      const at = begin + to * span;
      const half = Math.max(60000, span / 200);
      this.context.go(
        this.spec.runs({
          since: new Date(at - half).toISOString(),
          until: new Date(at + half).toISOString(),
        }),
      );
    }
  }

  readout() {
    if (this.at === null || !this.values || this.values.t.length === 0) return nothing;
    const { t, series, unit } = this.values;
    const at =
      this.span.from + this.at * (this.span.to - this.span.from) - 1000 * (this.values.offset || 0);
    let i = 0;
    while (
      i + 1 < t.length &&
      Math.abs(Date.parse(t[i + 1]) - at) <= Math.abs(Date.parse(t[i]) - at)
    )
      i++;
    const name = (one) => one.legend || Object.values(one.labels || {}).join(" ");
    return html`<div class="readout ${this.at > 0.6 ? "left" : ""}">
      <strong>${dayText(t[i])} ${clockText(t[i]).slice(0, 8)}</strong>
      ${series.slice(0, 8).map((one) => html`<span>${name(one)} <b>${valueText(one.v[i], unit)}</b></span>`)}
    </div>`;
  }

  view(height) {
    const { spec } = this;
    const area =
      this.values && this.values.plot ? this.values.plot : { left: 0, right: 1, top: 0, bottom: 1 };
    const x = (share) => 100 * (area.left + share * (area.right - area.left));
    const lines =
      this.at === null
        ? nothing
        : html` <i class="cross" .style=${"left:" + x(this.at) + "%"}></i>
            ${
              this.drag === null
                ? nothing
                : html`<i
                    class="zoom"
                    .style=${
                      "left:" +
                      x(Math.min(this.drag, this.at)) +
                      "%;width:" +
                      (x(Math.max(this.drag, this.at)) - x(Math.min(this.drag, this.at))) +
                      "%"
                    }
                  ></i>`
            }`;
    return html`<figure class="plot" data-panel=${spec.panel}>
      ${spec.title ? html`<figcaption>${spec.title}</figcaption>` : nothing}
      <div
        class="plot-body ${spec.isPlain ? "plain" : ""}"
        .style=${"aspect-ratio:" + spec.width + "/" + height}
        @pointermove=${spec.isPlain ? null : (event) => this.move(event)}
        @pointerleave=${() => {
          this.at = null;
          this.drag = null;
          this.context.update();
        }}
        @pointerdown=${
          spec.isPlain
            ? null
            : (event) => {
                this.drag = this.place(event);
                event.preventDefault();
              }
        }
        @pointerup=${spec.isPlain ? null : (event) => this.end(event)}
      >
        ${this.shown ? html`<img src=${this.shown} alt=${spec.alt || spec.title || "plot"} draggable="false" />` : nothing}
        ${this.fault ? html`<p class="plot-fault" role="status">This plot cannot be drawn: ${this.fault}</p>` : nothing}
        ${lines}${this.readout()}
      </div>
    </figure>`;
  }
}

// spec: {panel, params, title, alt, width, height, runs({since, until}) -> path, isPlain (no crosshair)}.
// `name` makes it the same plot from one drawing of the page to the next.
export function plot(context, name, spec) {
  const plots = context.state.plots || (context.state.plots = {});
  const width = spec.width || 800;
  const height = spec.height || 240;
  const key = name + JSON.stringify(spec.params || {});
  const one = plots[key] || (plots[key] = new Plot(context, spec));
  one.context = context;
  one.spec = { ...spec, width, height };
  one.want(spec.range || context.range);
  return one.view(height);
}
