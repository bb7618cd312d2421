// SPDX-License-Identifier: Apache-2.0
// What the overview asks the tower for, asked while the other modules still come.
import { askAhead } from "./api.js";

const ASKED = {
  "/": [
    "/overview",
    "/workflows?limit=1000",
    "/objectives?limit=1000",
    "/stores?limit=1000",
    "/alerts/groups",
    "/status",
  ],
};

(ASKED[location.pathname] || []).forEach(askAhead);
