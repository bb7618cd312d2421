#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Rules for causes in a real Chromium over a real tower: one is made from the example of an event by
// keyboard alone, tried on the past, kept; another's change is not overwritten; hostile text stays text.
// TAP. Pictures of some moments are left beside those of test_pages.mjs.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  api,
  fill,
  HERE,
  move,
  ok,
  open,
  picture,
  run,
  same,
  SIZES,
  startTower,
  takeFaults,
  textOf,
  until,
  url,
} from "./kit.mjs";

const AXE = readFileSync(join(HERE, "node_modules/axe-core/axe.min.js"), "utf8");

async function put(rules, version) {
  const answer = await fetch(url("/api/v1/causes"), {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ rules, version, reason: "from elsewhere" }),
  });
  return answer.status;
}

// The newest event that has failed with a message, as the API tells it.
async function aFailure() {
  for (let n = (await api("/status")).last_n; n > 0; n--) {
    const event = await api("/events/" + n);
    if (event.error && event.error.message) return event;
  }
  throw new Error("nothing has failed");
}

async function list(page) {
  fill("estate");
  await open(page, "/causes");
  const told = await api("/causes");
  ok(
    (await page.locator("section[aria-label^='Rules of files'] .rule").count()) ===
      told.items.length,
    "every rule in force is shown, in order",
  );
  ok(/None yet/.test(await textOf(page, "main")), "and that there are none of the operators");
  await page.evaluate(AXE);
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    const over = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    ok(over <= 0, "it is not wider than a screen of " + width, "by " + over);
    await picture(page, "causes-" + width);
  }
  await page.setViewportSize({ width: 1366, height: 768 });
}

async function fromExample(page) {
  const failure = await aFailure();
  await open(page, "/event/" + failure.n);
  await page.locator("a.make-rule").focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("form.rule-form");
  const value = (id) => page.locator("#rule-" + id).inputValue();
  same(
    [await value("system"), await value("code"), await value("cause")],
    [failure.system || "", failure.error.code || "", failure.error.cause],
    "a rule is begun from the example of an event",
  );
  const pattern = await value("message");
  ok(
    pattern.startsWith("*") && pattern.endsWith("*") && !/\d/.test(pattern),
    "what differs from one failure to the next is left open in it",
    pattern,
  );
  // By keyboard alone: the label, the name, take it over, try, keep.
  await page.locator("#rule-label").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("<b>seen</b>");
  await page.locator("#rule-name").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("seen");
  await page.evaluate(AXE);
  const bars = await page.evaluate(async () => {
    const told = await window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"],
    });
    return told.violations.map((one) => one.id + " " + one.nodes[0].html.slice(0, 200));
  });
  ok(bars.length === 0, "axe-core finds nothing that bars anybody", bars.join("\n"));
  await picture(page, "causes-form");
  await page.keyboard.press("Enter");
  await until(page, () => document.activeElement.id === "try");
  ok(true, "taken over, the next step has the focus");
  await page.keyboard.press("Enter");
  await page.waitForSelector("section[aria-label='On the past']");
  const told = await textOf(page, ".effect");
  ok(/seen\s+takes [1-9]/.test(told), "tried on the past it tells what it would take", told);
  ok(
    (await page.locator(".effect tbody tr").count()) > 0,
    "with examples that lead to their events",
  );
  await page.locator(".effect summary").click();
  await picture(page, "causes-preview");
  ok((await api("/causes")).operators === 0, "and nothing is changed by that");
  await page.locator("input[name=reason]").focus();
  await page.keyboard.type("they ask for it");
  await page.keyboard.press("Enter");
  await until(page, () => /Kept: they decide/.test(document.querySelector("main").textContent));
  const rules = await api("/causes");
  same(
    [rules.operators, rules.items[0].name, rules.items[0].label],
    [1, "seen", "<b>seen</b>"],
    "kept, it is in force, first of all, and its text stays text",
  );
}

async function conflict(page) {
  await open(page, "/causes");
  await page.locator("button[aria-label='Remove seen']").click();
  const rules = await api("/causes");
  const own = { name: "theirs", when: { code: ["x"] }, cause: "auth", label: "theirs" };
  ok((await put([own], rules.version)) === 202, "somebody else changes the rules");
  while ((await api("/causes")).items[0].name !== "theirs") {
    await new Promise((wake) => setTimeout(wake, 50));
  }
  await page.locator("input[name=reason]").fill("mine");
  await page.getByRole("button", { name: "Keep" }).click();
  await until(page, () => /changed by somebody else/.test(document.body.textContent));
  ok(
    (await api("/causes")).items[0].name === "theirs",
    "a change of what was there before is refused",
  );
  await page.getByRole("button", { name: "Give up the change" }).click();
  await until(page, () => document.querySelector(".rule").textContent.includes("theirs"));
  ok(true, "and theirs is shown after giving it up");
}

async function faulty(page) {
  await move(page, "/causes?message=" + encodeURIComponent("<img src=x onerror=alert(1)> 77"));
  await page.waitForSelector("form.rule-form");
  await page.locator("#rule-name").fill("Not A Name");
  await page.getByRole("button", { name: "Take it over" }).click();
  await page.getByRole("button", { name: "Try on the past" }).click();
  await until(page, () => /rule 1: rules.name/.test(document.body.textContent));
  ok(true, "faults are told with their rule");
  const what = takeFaults();
  ok(what === "", "no script ran, nothing was broken", what);
}

async function start() {
  startTower("causes");
}

run(start, list, fromExample, conflict, faulty);
