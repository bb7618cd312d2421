// SPDX-License-Identifier: Apache-2.0
// How a rule is, in a word.
import { count } from "./format.js";
import { badge } from "./parts.js";

const STATES = {
  ok: ["ok", "quiet"],
  nodata: ["unknown", "no data", "No series fits it: it can say nothing"],
  error: ["bad", "cannot be judged"],
  unknown: ["unknown", "not judged yet"],
  disabled: ["unknown", "switched off"],
};

export function ruleState(rule) {
  if (rule.enabled === false) return badge(...STATES.disabled);
  if (rule.state === "error") return badge("bad", "cannot be judged", rule.detail);
  if (rule.firing > 0)
    return badge(
      rule.severity === "critical" ? "bad" : "warn",
      count(rule.firing) + (rule.firing === 1 ? " fires" : " fire"),
    );
  if (rule.pending > 0) return badge("plain", count(rule.pending) + " pending");
  const known = Object.hasOwn(STATES, rule.state || "")
    ? STATES[rule.state]
    : ["unknown", rule.state];
  return badge(known[0], known[1], rule.detail || known[2]);
}
