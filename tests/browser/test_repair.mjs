#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Repairing an event in the plan dialog, in a real Chromium: only where it is switched on and for one
// failure; compared before it can be sent; what is refused is said; money waits for a second person. TAP.
import {
  api,
  barred,
  fill,
  move,
  ok,
  open,
  picture,
  run,
  same,
  startAgent,
  startTower,
  takeFaults,
  textOf,
  until,
  untilApi,
} from "./kit.mjs";

let agent = null;
let group = null;

function flat(text) {
  return text.replace(/\s+/g, " ").trim();
}

async function filled() {
  fill("many");
  agent = startAgent("erp");
  await untilApi("/failures?state=all", (told) => told.items.length > 0);
  await untilApi("/agents", (told) => told.items.some((one) => one.state === "online"));
  [group] = (await api("/failures")).items;
}

async function openOne(page) {
  await move(page, "/failures/" + group.id);
  await page.locator("tbody input[type=checkbox]").nth(0).check();
  await page.click("#replay-ticked");
  await page.waitForSelector("dialog #plan-start");
}

async function off(page) {
  startTower("repair-off");
  await filled();
  await open(page, "/failures");
  await openOne(page);
  same(await page.locator("dialog .repair").count(), 0, "switched off there is nothing to repair");
  await page.keyboard.press("Escape");
  agent.stop();
}

async function on(page) {
  startTower("repair", { replay__edit: "true" });
  await filled();
  await open(page, "/failures/" + group.id);
  await page.click("#replay-all");
  await page.waitForSelector("dialog #plan-start");
  same(await page.locator("dialog .repair").count(), 0, "of many nothing is repaired at once");
  await page.keyboard.press("Escape");
  await openOne(page);
  await page.click("dialog .repair summary");
  await page.fill("input[name=path-0]", "/id");
  await page.fill("input[name=value-0]", "other");
  same(await page.locator("#plan-start").count(), 0, "what is not compared cannot be sent");
  await page.click("#repair-compare");
  await page.waitForSelector("dialog .note.bad");
  ok(
    /cannot be changed/.test(await textOf(page, "dialog .note.bad")),
    "what cannot be changed is said, and the fields stay",
    await textOf(page, "dialog .note.bad"),
  );
  same(await page.inputValue("input[name=path-0]"), "/id", "with what was typed");
}

async function compared(page) {
  await page.fill("input[name=path-0]", "/data/<b>note");
  await page.fill("input[name=value-0]", '{"a": 7}');
  await page.click("#repair-compare");
  await page.waitForSelector(".repair-diff li");
  same(
    flat(await textOf(page, ".repair-diff")),
    '/data/<b>note: not there → {"a":7}',
    "what it changes is told",
  );
  same(await barred(page, "repair"), [], "nobody is barred from it");
  await picture(page, "repair");
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, "repair-390");
  await page.setViewportSize({ width: 1280, height: 720 });
}

async function approved(page) {
  const total = (await api("/replays")).items.length;
  await page.click("#repair-add");
  await page.fill("input[name=path-1]", "/data/unitPrice");
  await page.fill("input[name=value-1]", "2.50");
  await page.click("#repair-compare");
  await until(page, () =>
    /nothing is sent before/.test(document.querySelector(".repair").textContent),
  );
  ok(
    /somebody else approves it/.test(flat(await textOf(page, "dialog .repair"))),
    "money wants a second person",
  );
  await page.fill("textarea[name=reason]", "the price was wrong");
  await page.click("#plan-start");
  await page.waitForURL("**/replays/*");
  const number = Number(new URL(page.url()).pathname.split("/").pop());
  same((await api("/replays")).items.length, total + 1, "one replay");
  const told = await untilApi("/replays/" + number, (one) => one.state === "awaiting_approval");
  same(told.counts.waiting, 1, "it waits for approval, and nothing was sent");
  await page.waitForSelector("#replay-approve, button:has-text('Approve …')");
  const main = flat(await textOf(page, "main"));
  ok(
    /awaits approval/.test(main) &&
      /\/data\/unitPrice/.test(main) &&
      !/awaiting_approval/.test(main),
    "and the page says so, with what is changed",
    main.slice(0, 300),
  );
  await page.click("button:has-text('Approve …')");
  await page.fill("textarea", "I looked at it myself");
  await page.click("button:has-text('Approve and send')");
  await until(page, () => /another person/.test(document.querySelector("main").textContent));
  same(
    (await api("/replays/" + number)).state,
    "awaiting_approval",
    "who asked for it cannot approve it, and is told so",
  );
  await picture(page, "repair-awaiting");
}

async function end() {
  agent.stop();
  same(takeFaults(), "", "nothing was wrong on any page");
}

await run(off, on, compared, approved, end);
