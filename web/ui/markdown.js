// SPDX-License-Identifier: Apache-2.0
// Markdown as templates. The package (marked, docs/decisions/0086) only reads the text into parts; what is
// made of them are our own templates, so that nothing of a text becomes markup: HTML in it is shown as it
// is written. Links lead into the tower or to http and https; pictures are named, never loaded.
import { html, nothing } from "./lit.js";
import { runbookPath } from "./runbook.js";
import { lexer } from "./vendor/marked.js";

const DEPTH_MAX = 10; // of lists in lists; what lies deeper is shown as it is written
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u00a0" };

// The reader leaves these as they are written, for a page of HTML.
function plain(text) {
  return (text || "").replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_, name) =>
    name === "#39" ? "'" : ENTITIES[name],
  );
}

// Where a link leads: another runbook (NAME.md), a path of the tower, or a whole address of the web; null: nowhere. What a browser
// leaves out of an address (white space, control characters) is refused, not passed on.
export function safeTarget(href) {
  const text = plain(href);
  if (/[\u0000-\u0020\u007f\\]/.test(text)) return null;
  if (/^[A-Za-z0-9][\w.-]*\.md$/.test(text))
    return { href: runbookPath(text.slice(0, -3)), isOutside: false };
  if (/^\/(?!\/)/.test(text) || /^[?#]/.test(text)) return { href: text, isOutside: false };
  if (!/^https?:\/\//i.test(text)) return null;
  try {
    return { href: new URL(text).href, isOutside: true };
  } catch {
    return null;
  }
}

function anchor(token, depth) {
  const target = safeTarget(token.href);
  const words = inline(token.tokens, depth);
  if (!target) return html`<span class="no-link">${words}</span>`;
  return target.isOutside
    ? html`<a href=${target.href} target="_blank" rel="noopener noreferrer">${words}</a>`
    : html`<a href=${target.href}>${words}</a>`;
}

const INLINE = {
  strong: (token, depth) => html`<strong>${inline(token.tokens, depth)}</strong>`,
  em: (token, depth) => html`<em>${inline(token.tokens, depth)}</em>`,
  del: (token, depth) => html`<del>${inline(token.tokens, depth)}</del>`,
  codespan: (token) => html`<code>${token.text}</code>`,
  br: () => html`<br />`,
  link: anchor,
  image: (token) => html`<span class="dim">[picture: ${plain(token.text)}]</span>`,
  escape: (token) => token.text,
  checkbox: (token) => (token.checked ? "☑ " : "☐ "),
  text: (token, depth) => (token.tokens ? inline(token.tokens, depth) : plain(token.text)),
};

function inline(tokens, depth) {
  return (tokens || []).map((token) =>
    depth < DEPTH_MAX && Object.hasOwn(INLINE, token.type)
      ? INLINE[token.type](token, depth + 1)
      : token.raw,
  );
}

// Headings stand below that of the page.
function heading(token, depth) {
  const words = inline(token.tokens, depth);
  if (token.depth <= 1) return html`<h2>${words}</h2>`;
  if (token.depth === 2) return html`<h3>${words}</h3>`;
  return token.depth === 3 ? html`<h4>${words}</h4>` : html`<h5>${words}</h5>`;
}

function list(token, depth) {
  const items = token.items.map((item) => html`<li>${blocks(item.tokens, depth)}</li>`);
  return token.ordered
    ? html`<ol start=${token.start === "" ? 1 : token.start}>
        ${items}
      </ol>`
    : html`<ul>
        ${items}
      </ul>`;
}

function tableOf(token, depth) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table">
    <table>
      <thead>
        <tr>
          ${token.header.map((cell) => html`<th scope="col">${inline(cell.tokens, depth)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${token.rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell) => html`<td>${inline(cell.tokens, depth)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const BLOCKS = {
  space: () => nothing,
  def: () => nothing,
  hr: () => html`<hr />`,
  heading,
  list,
  table: tableOf,
  paragraph: (token, depth) => html`<p>${inline(token.tokens, depth)}</p>`,
  text: (token, depth) => INLINE.text(token, depth),
  checkbox: INLINE.checkbox,
  code: (token) => html`<pre tabindex="0"><code>${token.text}</code></pre>`,
  blockquote: (token, depth) => html`<blockquote>${blocks(token.tokens, depth)}</blockquote>`,
};

function blocks(tokens, depth) {
  return (tokens || []).map((token) =>
    depth < DEPTH_MAX && Object.hasOwn(BLOCKS, token.type)
      ? BLOCKS[token.type](token, depth + 1)
      : html`<p class="as-written">${token.raw}</p>`,
  );
}

export function markdown(text) {
  let tokens;
  try {
    tokens = lexer(text);
  } catch {
    return html`<pre tabindex="0">${text}</pre>`; // nested beyond what it can follow
  }
  return html`<div class="runbook">${blocks(tokens, 0)}</div>`;
}
