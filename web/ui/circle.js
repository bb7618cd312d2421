// SPDX-License-Identifier: Apache-2.0
// A graph without an order: who talks to whom. The node with most neighbours stands in the middle, the
// others around it; neighbours are put beside one another where that is possible.
import { html, nothing, svg } from "./lit.js";

const STEPS = 21; // places along a line that are tried for its label
const LETTER_PX = 6.9; // of a label, on the safe side
const LABEL_PX = 19;

// Around the ring: each next one is the one left that has most edges to the one before.
function ringOf(ids, weight) {
  const left = [...ids].sort();
  const ring = [];
  while (left.length > 0) {
    const last = ring[ring.length - 1];
    let best = 0;
    for (let i = 1; i < left.length; i++) {
      if (last !== undefined && weight(last, left[i]) > weight(last, left[best])) best = i;
    }
    ring.push(left.splice(best, 1)[0]);
  }
  return ring;
}

function placesOf(nodes, edges, width, height, nodeWidth, nodeHeight) {
  const near = new Map(nodes.map((node) => [node.id, new Set()]));
  for (const edge of edges) {
    near.get(edge.from).add(edge.to);
    near.get(edge.to).add(edge.from);
  }
  const hub = nodes.reduce(
    (best, node) => (near.get(node.id).size > near.get(best.id).size ? node : best),
    nodes[0],
  );
  const hasHub = nodes.length > 4;
  const weight = (a, b) =>
    edges.filter((edge) => (edge.from === a && edge.to === b) || (edge.from === b && edge.to === a))
      .length;
  const ring = ringOf(
    nodes.map((node) => node.id).filter((id) => !hasHub || id !== hub.id),
    weight,
  );
  const places = new Map();
  if (hasHub) places.set(hub.id, { x: width / 2, y: height / 2, isHub: true });
  ring.forEach((id, i) => {
    const angle = (2 * Math.PI * i) / ring.length - Math.PI / 2;
    places.set(id, {
      x: width / 2 + (Math.cos(angle) * (width - nodeWidth)) / 2,
      y: height / 2 + (Math.sin(angle) * (height - nodeHeight)) / 2,
    });
  });
  return places;
}

// Where the line from the middle of a box to another point leaves the box.
function leave(from, to, w, h) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const scale = Math.min(w / 2 / Math.max(1, Math.abs(dx)), h / 2 / Math.max(1, Math.abs(dy)));
  return { x: from.x + dx * scale, y: from.y + dy * scale };
}

// The middle of the bend of a line. Those of both directions bend apart; one that would lead behind
// the box in the middle of the picture goes round it.
function bendOf(a, b, hub, nodeWidth, nodeHeight) {
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const normal = { x: -(b.y - a.y) / length, y: (b.x - a.x) / length };
  let bend = Math.min(26, length / 8);
  if (hub && hub !== a && hub !== b) {
    const away = (hub.x - a.x) * normal.x + (hub.y - a.y) * normal.y;
    const room = (nodeWidth / 2) * Math.abs(normal.x) + (nodeHeight / 2) * Math.abs(normal.y) + 22;
    // The curve passes at half of its bend.
    if (Math.abs(away - bend / 2) < room) bend = 2 * (away > 0 ? away - room : away + room);
  }
  return { x: (a.x + b.x) / 2 + normal.x * bend, y: (a.y + b.y) / 2 + normal.y * bend };
}

function along({ from, middle, to }, t) {
  const u = 1 - t;
  return {
    x: u * u * from.x + 2 * u * t * middle.x + t * t * to.x,
    y: u * u * from.y + 2 * u * t * middle.y + t * t * to.y,
  };
}

function overlaps(a, b) {
  return Math.abs(a.x - b.x) * 2 < a.w + b.w && Math.abs(a.y - b.y) * 2 < a.h + b.h;
}

// Where labels stand: on their line, clear of boxes and of each other; those that tell of trouble choose
// first. One that finds no place is said shorter, and else not at all.
function placeLabels(lines, boxes, width) {
  const taken = [...boxes];
  const rank = (line) => ["bad", "warn"].indexOf(line.edge.state) + 1 || 3;
  const wanted = lines.filter((line) => line.edge.label).sort((a, b) => rank(a) - rank(b));
  let hidden = 0;
  for (const line of wanted) {
    line.label = null;
    for (const text of [line.edge.label, line.edge.shortLabel].filter(Boolean)) {
      for (let i = 0; i < STEPS && !line.label; i++) {
        const t = 0.5 + (i % 2 ? 1 : -1) * Math.ceil(i / 2) * (0.42 / (STEPS / 2));
        const box = { ...along(line, t), w: text.length * LETTER_PX + 12, h: LABEL_PX, text };
        const isInside = box.x > box.w / 2 && box.x < width - box.w / 2;
        if (isInside && !taken.some((other) => overlaps(box, other))) line.label = box;
      }
      if (line.label) break;
    }
    if (line.label) taken.push(line.label);
    else hidden++;
  }
  return hidden;
}

// spec: as for graph(), and of an edge shortLabel: what to say where there is little room.
export function circle(spec) {
  if (spec.nodes.length === 0) return nothing;
  const { nodes, nodeWidth, nodeHeight, width, height } = spec;
  const places = placesOf(nodes, spec.edges, width, height, nodeWidth, nodeHeight);
  const hub = [...places.values()].find((at) => at.isHub);
  const lines = spec.edges
    .filter((edge) => places.has(edge.from) && places.has(edge.to))
    .map((edge) => {
      const a = places.get(edge.from);
      const b = places.get(edge.to);
      const middle = bendOf(a, b, hub, nodeWidth, nodeHeight);
      const from = leave(a, middle, nodeWidth, nodeHeight);
      const to = leave(b, middle, nodeWidth + 6, nodeHeight + 6);
      return { edge, from, middle, to, label: null };
    });
  const boxes = [...places.values()].map((at) => ({ ...at, w: nodeWidth + 6, h: nodeHeight + 6 }));
  const hidden = placeLabels(lines, boxes, width);
  return html`<div class="scroll graph" tabindex="0" role="region" aria-label=${spec.label}>
    <div class="graph-body" .style=${"width:" + width + "px;height:" + height + "px"}>
      <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" aria-hidden="true">
        <defs>
          ${["", "warn", "bad"].map(
            (
              state,
            ) => svg`<marker id="tip-${state || "plain"}" class="tip ${state}" viewBox="0 0 8 8" refX="6" refY="4"
          markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 L8 4 L0 8 z"></path></marker>`,
          )}
        </defs>
        ${lines.map(
          ({
            edge,
            from,
            middle,
            to,
          }) => svg`<path class="edge ${edge.state || ""}" marker-end="url(#tip-${edge.state || "plain"})"
          d="M${from.x} ${from.y} Q${middle.x} ${middle.y} ${to.x} ${to.y}"></path>`,
        )}
      </svg>
      ${lines.map(({ edge, label }) =>
        label
          ? html`<span
              class="edge-label ${edge.state || ""}"
              title=${edge.title || nothing}
              .style=${"left:" + label.x + "px;top:" + label.y + "px"}
              >${label.text}</span
            >`
          : nothing,
      )}
      ${nodes.map(
        (node) =>
          html`<div
            class="graph-node ${node.state || ""}"
            .style=${
              "left:" +
              (places.get(node.id).x - nodeWidth / 2) +
              "px;top:" +
              (places.get(node.id).y - nodeHeight / 2) +
              "px;width:" +
              nodeWidth +
              "px;min-height:" +
              nodeHeight +
              "px"
            }
          >
            ${node.view()}
          </div>`,
      )}
    </div>
    ${hidden ? html`<p class="dim">There is no room for the numbers of ${hidden} of the lines.</p>` : nothing}
  </div>`;
}
