// SPDX-License-Identifier: Apache-2.0
// Notices in words: what the tower tells its receivers, and what became of it.
import { badge } from "./parts.js";

const STATES = {
  waiting: ["warn", "waiting"],
  sending: ["plain", "under way"],
  sent: ["ok", "sent"],
  failed: ["bad", "failed"],
  superseded: ["unknown", "superseded", "A newer notice says more"],
};
export const NOTICE_WORDS = Object.keys(STATES);

// One that waits for its first attempt is nothing to look at.
export function noticeState(one) {
  if (one.state === "waiting" && !one.tries) return badge("plain", "waiting");
  const known = Object.hasOwn(STATES, one.state) ? STATES[one.state] : ["unknown", one.state];
  return badge(...known);
}
