// SPDX-License-Identifier: Apache-2.0
// A graph in layers, from left to right: the steps of a workflow. Few nodes, so the layout is the
// plain one: a node stands one layer behind the last of those before it, and within a layer in the
// order of the mean place of its neighbours (Sugiyama, Tagawa, Toda 1981).
import { html, nothing, svg } from "./lit.js";

const ROUNDS = 8;

function layersOf(nodes, edges) {
  const depth = new Map(nodes.map((node) => [node.id, 0]));
  // Longest path; it ends when every node was moved once for each other.
  for (let round = 0; round < nodes.length; round++) {
    let hasMoved = false;
    for (const edge of edges) {
      const wanted = depth.get(edge.from) + 1;
      if (wanted > depth.get(edge.to)) {
        depth.set(edge.to, wanted);
        hasMoved = true;
      }
    }
    if (!hasMoved) break;
  }
  return depth;
}

// Where everything stands: {columns, rows, place: id -> {column, row}}.
function layout(nodes, edges) {
  const depth = layersOf(nodes, edges);
  const columns = [];
  for (const node of nodes) (columns[depth.get(node.id)] ||= []).push(node.id);
  const row = new Map();
  const settle = () =>
    columns.forEach((column) =>
      column.forEach((id, i) => row.set(id, i - (column.length - 1) / 2)),
    );
  settle();
  for (let round = 0; round < ROUNDS; round++) {
    for (const column of round % 2 ? [...columns].reverse() : columns) {
      const mean = new Map(
        column.map((id) => {
          const near = edges
            .filter((edge) => edge.from === id || edge.to === id)
            .map((edge) => row.get(edge.from === id ? edge.to : edge.from));
          return [id, near.length ? near.reduce((a, b) => a + b, 0) / near.length : row.get(id)];
        }),
      );
      column.sort((a, b) => mean.get(a) - mean.get(b));
      settle();
    }
  }
  return {
    columns: columns.length,
    rows: Math.max(...columns.map((column) => column.length)),
    depth,
    row,
  };
}

// spec: {nodes: [{id, view(): template of its box, state}], edges: [{from, to, label, state, title}],
// label (for readers of screens), nodeWidth, nodeHeight}. Drawn at its natural size in a box that scrolls.
export function graph(spec) {
  if (spec.nodes.length === 0) return nothing;
  const ids = new Set(spec.nodes.map((node) => node.id));
  const edges = spec.edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to));
  const { columns, rows, depth, row } = layout(spec.nodes, edges);
  const nodeWidth = spec.nodeWidth || 190;
  const nodeHeight = spec.nodeHeight || 92;
  const gapX = spec.gapX || 74;
  const gapY = spec.gapY || 18;
  const width = columns * (nodeWidth + gapX) - gapX;
  const height = rows * (nodeHeight + gapY) - gapY;
  const left = (id) => depth.get(id) * (nodeWidth + gapX);
  const middle = (id) => height / 2 + row.get(id) * (nodeHeight + gapY);
  const path = (edge) => {
    const x1 = left(edge.from) + nodeWidth;
    const x2 = left(edge.to);
    const bend = Math.max(gapX / 2, Math.abs(x2 - x1) / 2);
    return `M${x1} ${middle(edge.from)} C${x1 + bend} ${middle(edge.from)} ${x2 - bend} ${middle(edge.to)} ${x2 - 5} ${middle(edge.to)}`;
  };
  return html`<div class="scroll graph" tabindex="0" role="region" aria-label=${spec.label}>
    <div class="graph-body" .style=${"width:" + width + "px;height:" + height + "px"}>
      <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" aria-hidden="true">
        ${edges.map(
          (edge) => svg`<path class="edge ${edge.state || ""}" d=${path(edge)}></path>
          <path class="tip ${edge.state || ""}" d="M${left(edge.to)} ${middle(edge.to)} l-8 -4.5 v9 z"></path>`,
        )}
      </svg>
      ${edges.map((edge) =>
        edge.label
          ? html`<span
              class="edge-label ${edge.state || ""}"
              title=${edge.title || nothing}
              .style=${
                "left:" +
                (left(edge.from) + nodeWidth + left(edge.to)) / 2 +
                "px;top:" +
                (middle(edge.from) + middle(edge.to)) / 2 +
                "px"
              }
              >${edge.label}</span
            >`
          : nothing,
      )}
      ${spec.nodes.map(
        (node) =>
          html`<div
            class="graph-node ${node.state || ""}"
            .style=${
              "left:" +
              left(node.id) +
              "px;top:" +
              (middle(node.id) - nodeHeight / 2) +
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
