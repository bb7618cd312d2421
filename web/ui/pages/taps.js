// SPDX-License-Identifier: Apache-2.0
// The taps, every source that was heard on them (silence, gaps, disorder, clocks), and what the tower
// says of itself.
import { agentSection } from "../agentlist.js";
import { get } from "../api.js";
import { doorSections } from "../doorlist.js";
import { bytes, count, rate } from "../format.js";
import { html, live } from "../lit.js";
import { ago, badge, breakable, fact, time } from "../parts.js";
import { limitOf, table } from "../table.js";
import { duration } from "../time.js";

const PAGE = 300;
const PAGE_MAX = 1000;

const tapColumns = [
  { name: "tap", title: "Tap", value: (tap) => tap.name },
  { name: "kind", title: "Kind", value: (tap) => tap.kind || "not configured any more" },
  {
    name: "where",
    title: "Where",
    className: "wrap",
    value: (tap) => [...tap.bind, ...tap.connect].join(" "),
    cell: (tap) => html`<code>${[...tap.bind, ...tap.connect].join(" ") || "–"}</code>`,
  },
  {
    name: "acknowledged",
    title: "Acknowledged",
    value: (tap) => (tap.is_acknowledged ? "after commit" : "best effort"),
  },
  { name: "encryption", title: "Encryption", value: (tap) => (tap.has_curve ? "CURVE" : "none") },
  {
    name: "messages",
    title: "Messages",
    className: "num",
    value: (tap) => tap.messages,
    cell: (tap) => count(tap.messages),
  },
  {
    name: "volume",
    title: "Volume",
    className: "num",
    value: (tap) => tap.bytes,
    cell: (tap) => bytes(tap.bytes),
  },
  {
    name: "events",
    title: "Events",
    className: "num",
    value: (tap) => tap.events,
    cell: (tap) => count(tap.events),
  },
  {
    name: "quarantined",
    title: "Quarantined",
    className: "num",
    value: (tap) => tap.quarantined,
    cell: (tap) => count(tap.quarantined),
  },
  {
    name: "acks",
    title: "Acks",
    className: "num",
    value: (tap) => (tap.is_acknowledged ? tap.acks : null),
    cell: (tap) => (tap.is_acknowledged ? count(tap.acks) : "–"),
  },
  {
    name: "silent",
    title: "Silent for",
    className: "num",
    value: (tap) => tap.silent_seconds,
    cell: (tap) => (tap.last_received ? ago(tap.last_received) : "never"),
  },
];

// "12–15, 20"
function gapText(source) {
  if (!source.is_sequenced) return "not sequenced";
  const shown = source.gaps
    .slice(0, 4)
    .map((gap) => (gap.first === gap.last ? String(gap.first) : gap.first + "–" + gap.last));
  return shown.join(", ") + (source.gap_count > shown.length ? ", …" : "");
}

// Seconds behind, negative: ahead; what was measured, else what the least transit shows.
function clockOf(source) {
  if (source.clock_behind_seconds !== null) return source.clock_behind_seconds;
  return source.skew_seconds > 1 ? -source.skew_seconds : null;
}

const sourceColumns = [
  {
    name: "source",
    title: "Source",
    className: "wrap",
    value: (source) => source.name,
    cell: (source) => breakable(source.name),
  },
  { name: "tap", title: "Tap", value: (source) => source.tap },
  {
    name: "events",
    title: "Events",
    className: "num",
    value: (source) => source.events,
    cell: (source) => count(source.events),
  },
  {
    name: "rate",
    title: "Per second",
    className: "num",
    value: (source) => source.rate,
    cell: (source) => rate(source.rate),
  },
  {
    name: "silent",
    title: "Silent for",
    className: "num",
    value: (source) => source.silent_seconds,
    cell: (source) => (source.last_received ? ago(source.last_received) : "never"),
  },
  {
    name: "missing",
    title: "Missing",
    className: "num",
    hint: "Sequence numbers that did not arrive",
    value: (source) => (source.is_sequenced ? source.missing : null),
    cell: (source) =>
      source.missing > 0 ? badge("warn", count(source.missing)) : source.is_sequenced ? "0" : "–",
  },
  { name: "gaps", title: "Gaps", className: "wrap small", value: gapText },
  {
    name: "rewinds",
    title: "Rewinds",
    className: "num",
    hint: "Began to count again",
    value: (source) => source.rewinds,
  },
  {
    name: "duplicates",
    title: "Duplicates",
    className: "num",
    value: (source) => source.duplicates,
  },
  {
    name: "conflicts",
    title: "Conflicts",
    className: "num",
    value: (source) => source.conflicts,
    cell: (source) => (source.conflicts > 0 ? badge("bad", count(source.conflicts)) : "0"),
  },
  {
    name: "disorder",
    title: "Out of order",
    className: "num",
    value: (source) => source.out_of_order,
  },
  {
    name: "clock",
    title: "Clock",
    className: "num",
    hint: "Measured, and corrected",
    value: clockOf,
    cell: (source) =>
      clockOf(source) === null
        ? "–"
        : badge(
            "warn",
            duration(Math.abs(clockOf(source))) + (clockOf(source) > 0 ? " behind" : " ahead"),
          ),
  },
];

function tower(s) {
  const t = s.totals;
  return html`<section class="panel" aria-label="The tower">
    <h2>The tower</h2>
    <dl class="facts wide">
      ${fact("Messages received", count(t.messages_received))}${fact("Events received", count(t.events_received))}
      ${fact("Accepted", count(t.events_accepted))}${fact("Duplicates", count(t.events_duplicate))}
      ${fact("Conflicts", count(t.events_conflict))}${fact("Quarantined", count(t.events_quarantined))}
      ${fact("Without an object", count(t.events_uncorrelated))}${fact("Filled gaps", count(t.sequence_filled))}
      ${fact("Effects twice", count(t.effects_duplicate))}${fact("Acknowledgements", count(t.acks_sent))}
      ${fact("Stored since", time(s.retention_edge))}${fact("Store", bytes(s.disk.store_bytes))}
      ${fact("Disk free", bytes(s.disk.free_bytes))}${fact("Partitions", count(s.partitions))}
      ${fact("Running for", duration(s.uptime_seconds))}${fact("Version", s.version)}
    </dl>
  </section>`;
}

export const page = {
  what: "the taps",
  views: ["taps", "status", "events", "replays"],
  every: 2000,
  title: () => "Taps",
  async load(context) {
    const { params, signal } = context;
    const limit = limitOf(context, "sources", PAGE, PAGE_MAX);
    const missing = params.get("missing") === "1" ? "1" : "";
    // While there is no desk yet there are no agents either, and the taps are told all the same.
    const noAgents = (error) => {
      if (error.status === 503) return { items: [], destinations: [] };
      throw error;
    };
    const [taps, status, agents] = await Promise.all([
      get("/taps", { missing, limit }, signal),
      get("/status", null, signal),
      get("/agents", null, signal).catch(noAgents),
    ]);
    return { taps, status, agents };
  },
  view({ taps, status, agents }, context) {
    const onlyMissing = context.params.get("missing") === "1";
    return html`<h1 class="small">Taps and sources</h1>
      <section class="panel" aria-label="Taps">
        <h2>Taps</h2>
        ${table(context, {
          name: "taps",
          caption: "Taps",
          columns: tapColumns,
          rows: taps.items,
          key: (tap) => tap.name,
        })}
      </section>
      ${doorSections(context, taps.doors)} ${agentSection(context, agents)} ${tower(status)}
      <section class="panel" aria-label="Sources">
        <div class="panel-head">
          <h2>Sources</h2>
          <label class="check"
            ><input
              type="checkbox"
              .checked=${live(onlyMissing)}
              @change=${(change) =>
                context.put({ missing: change.target.checked ? "1" : "", "sources.page": "" })}
            />
            with gaps only</label
          >
        </div>
        ${table(context, {
          name: "sources",
          caption: "Sources",
          columns: sourceColumns,
          rows: taps.sources.items,
          key: (source) => source.number,
          empty: onlyMissing ? "No source has a gap." : "No source was heard yet.",
          more: taps.sources.next && {
            total: taps.sources.total,
            canLoad: limitOf(context, "sources", PAGE, PAGE_MAX) < PAGE_MAX,
          },
        })}
      </section>`;
  },
};
