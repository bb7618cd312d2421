// SPDX-License-Identifier: Apache-2.0
// A graph without an order: who talks to whom. The node with most neighbours stands in the middle, the
// others around it; neighbours are put beside one another where that is possible.
import { html, nothing, svg } from "./lit.js";

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
  if (hasHub) places.set(hub.id, { x: width / 2, y: height / 2 });
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

// spec: as for graph(); edges to both sides bend apart. Their label stands at the end they lead to.
export function circle(spec) {
  if (spec.nodes.length === 0) return nothing;
  const { nodes, nodeWidth, nodeHeight, width, height } = spec;
  const places = placesOf(nodes, spec.edges, width, height, nodeWidth, nodeHeight);
  const lines = spec.edges
    .filter((edge) => places.has(edge.from) && places.has(edge.to))
    .map((edge) => {
      const a = places.get(edge.from);
      const b = places.get(edge.to);
      const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
      const bend = Math.min(26, length / 8);
      const middle = {
        x: (a.x + b.x) / 2 - ((b.y - a.y) / length) * bend,
        y: (a.y + b.y) / 2 + ((b.x - a.x) / length) * bend,
      };
      const from = leave(a, middle, nodeWidth, nodeHeight);
      const to = leave(b, middle, nodeWidth + 6, nodeHeight + 6);
      const at = {
        x: 0.25 * from.x + 0.5 * middle.x + 0.25 * to.x,
        y: 0.25 * from.y + 0.5 * middle.y + 0.25 * to.y,
      };
      return { edge, from, middle, to, at };
    });
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
      ${lines.map(({ edge, at }) =>
        edge.label
          ? html`<span
              class="edge-label ${edge.state || ""}"
              title=${edge.title || nothing}
              .style=${"left:" + at.x + "px;top:" + at.y + "px"}
              >${edge.label}</span
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
  </div>`;
}
