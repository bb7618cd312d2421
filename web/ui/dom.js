// SPDX-License-Identifier: Apache-2.0
// Elements are built here and nowhere from text: what comes from outside only ever becomes a text
// node or the value of an attribute that cannot run anything.

const ATTRIBUTES = new Set(["class", "id", "href", "title", "datetime", "type", "name", "value",
  "placeholder", "role", "for", "scope", "colspan", "tabindex", "hidden", "disabled", "maxlength"]);

// h("a", {class: "x", href: "/y", on: {click}}, "text", child, [more], null)
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (name === "data") {
      for (const [key, text] of Object.entries(value)) element.dataset[key] = text;
    } else if (ATTRIBUTES.has(name) || name.startsWith("aria-")) {
      if (name === "href" && !/^[/#]/.test(value)) throw new Error("only links into the tower");
      element.setAttribute(name, value === true ? "" : String(value));
    } else {
      throw new Error("unknown property " + name);
    }
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

// The children of `element` become these.
export function replace(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

// Set a text only where it changed, so that a selection and the layout stay.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
