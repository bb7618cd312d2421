// SPDX-License-Identifier: Apache-2.0
// JSON text laid out in lines without being parsed to numbers: what is shown has every digit that
// was received.
import { h } from "./dom.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gy;
const MAX_TOKENS = 20000; // a page of it; the rest is shown as it is

export function jsonBlock(text) {
  const block = h("pre", { class: "json", tabindex: "0" });
  let depth = 0;
  let count = 0;
  let previous = "";
  let end = 0;
  const newline = () => block.append("\n" + "  ".repeat(Math.min(depth, 40)));
  TOKEN.lastIndex = 0;
  for (;;) {
    while (/\s/.test(text[TOKEN.lastIndex] || "")) TOKEN.lastIndex++;
    const found = TOKEN.exec(text);
    if (!found || ++count > MAX_TOKENS) break;
    const token = found[0];
    const next = text.slice(TOKEN.lastIndex).match(/^\s*(.)/s);
    if (token === "{" || token === "[") {
      block.append(token);
      depth++;
      if (next && next[1] !== "}" && next[1] !== "]") newline();
    } else if (token === "}" || token === "]") {
      depth--;
      if (previous !== "{" && previous !== "[") newline();
      block.append(token);
    } else if (token === ",") {
      block.append(token);
      newline();
    } else if (token === ":") {
      block.append(": ");
    } else {
      const isKey = next && next[1] === ":";
      const kind = isKey ? "key" : token === "\"***\"" ? "masked" : token[0] === "\"" ? "string" : "atom";
      block.append(h("span", { class: kind }, token));
    }
    previous = token;
    end = TOKEN.lastIndex;
  }
  block.append(text.slice(end));
  return block;
}
