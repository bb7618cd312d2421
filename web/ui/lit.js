// SPDX-License-Identifier: Apache-2.0
// The one place that names lit-html: templates are the only way to make elements. Values become text
// or attributes, never markup.
export { html, svg, render, nothing, live, repeat } from "./vendor/lit-html.js";
