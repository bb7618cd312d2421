// SPDX-License-Identifier: Apache-2.0
// JSON text laid out in lines without being parsed to numbers: what is shown has every digit that
// was received.
import { html } from "./lit.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gy;
const MAX_TOKENS = 20000; // a page of it; the rest is shown as it is

export function jsonBlock(text) {
  const parts = [];
  let depth = 0;
  let count = 0;
  let previous = "";
  let end = 0;
  const newline = () => parts.push("\n" + "  ".repeat(Math.min(depth, 40)));
  TOKEN.lastIndex = 0;
  for (;;) {
    while (/\s/.test(text[TOKEN.lastIndex] || "")) TOKEN.lastIndex++;
    const found = TOKEN.exec(text);
    if (!found || ++count > MAX_TOKENS) break;
    const token = found[0];
    const next = text.slice(TOKEN.lastIndex, TOKEN.lastIndex + 64).match(/^\s*(.)/s);
    if (token === "{" || token === "[") {
      parts.push(token);
      depth++;
      if (next && next[1] !== "}" && next[1] !== "]") newline();
    } else if (token === "}" || token === "]") {
      depth--;
      if (previous !== "{" && previous !== "[") newline();
      parts.push(token);
    } else if (token === ",") {
      parts.push(token);
      newline();
    } else if (token === ":") {
      parts.push(": ");
    } else {
      const isKey = next && next[1] === ":";
      const kind = isKey
        ? "key"
        : token === '"***"'
          ? "masked"
          : token[0] === '"'
            ? "string"
            : "atom";
      parts.push(html`<span class=${kind}>${token}</span>`);
    }
    previous = token;
    end = TOKEN.lastIndex;
  }
  parts.push(text.slice(end));
  return html`<pre class="json" tabindex="0">${parts}</pre>`;
}
