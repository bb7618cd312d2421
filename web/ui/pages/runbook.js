// SPDX-License-Identifier: Apache-2.0
// A runbook alone, where one leads to another or a group of failures names it.
import { alertPages } from "../alertpages.js";
import { html } from "../lit.js";
import { runbook } from "../runbook.js";

export const page = {
  what: "the runbook",
  views: [],
  title: (data, { rest }) => "Runbook " + rest,
  load: () => Promise.resolve({}),
  view: (data, context) => html`${alertPages("")} ${runbook(context, context.rest)}`,
};
