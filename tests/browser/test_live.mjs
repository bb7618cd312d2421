#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The pages while things change, in a real Chromium over a real tower: what is renewed in its place, a
// page that is paused, a tower that is slow, refuses, or goes away.
// TAP. Pictures of some moments are left beside those of test_pages.mjs.
import {
  fill,
  fillEstate,
  move,
  ok,
  open,
  picture,
  PAGES,
  replays,
  run,
  same,
  settled,
  sleep,
  startTower,
  stopTower,
  takeFaults,
  textOf,
  until,
  url,
} from "./kit.mjs";

// --- what is renewed, in its place

// What early.js asks for is what the overview wants: nothing is asked for twice, or in vain.
async function firstPage(page) {
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector(".overview-head")) return;
      window.headAt = performance.now();
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  await open(page, "/");
  const asked = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((entry) => entry.startTime < window.headAt && entry.name.includes("/api/v1/"))
      .map((entry) => entry.name.replace(location.origin + "/api/v1", "")),
  );
  same(
    asked.sort(),
    [
      "/alerts/groups",
      "/objectives?limit=1000",
      "/overview",
      "/status",
      "/stores?limit=1000",
      "/workflows?limit=1000",
    ],
    "what the overview shows is asked for once before it stands",
  );
}

async function liveCounters(page) {
  await open(page, "/");
  // The first things that the collector says of runs make tiles; what comes then is renewed.
  await page.waitForSelector("[data-workflow=sale-posting] .count");
  const accepted = await numberIn(page, "[data-key=accepted] .value");
  await page.evaluate(() => {
    window.shift = 0;
  });
  fill("more");
  await until(
    page,
    (n) =>
      Number(document.querySelector("[data-key=accepted] .value").textContent.replace(/\D/g, "")) >
      n,
    accepted,
  );
  ok(true, "the counters move while one looks");
  await sleep(1500);
  const shift = await page.evaluate(() => window.shift);
  ok(shift < 0.05, "and nothing jumps", "layout shift " + shift);
}

async function numberIn(page, selector) {
  return Number((await textOf(page, selector)).replace(/\D/g, ""));
}

const FAILED = ".run-counts a.count.bad";

// What somebody has under his hands on the page of a workflow: a choice of time half typed, the
// definition open, words marked, the page scrolled, a link in focus.
async function takeInHand(page) {
  await page.locator("details.custom summary").click();
  await page.locator("[name=from]").fill("2026-01-02T03:04");
  await page.locator("details.panel summary").click();
  await page.evaluate((failed) => {
    document.querySelector(failed).mark = "the same";
    document.querySelector(failed).focus();
    window.scrollTo(0, 120);
    const words = document.querySelector(".run-counts");
    getSelection().setBaseAndExtent(words, 0, words, words.childNodes.length);
  }, FAILED);
}

function inHand(page) {
  return page.evaluate(
    (failed) => ({
      mark: document.querySelector(failed).mark,
      hasFocus: document.activeElement === document.querySelector(failed),
      scroll: Math.round(window.scrollY),
      marked: /open runs[^]*overdue[^]*failed/.test(String(getSelection())),
      isDefinitionOpen: document.querySelector("details.panel").open,
      isChoiceOpen: document.querySelector("details.custom").open,
      typed: document.querySelector("[name=from]").value,
    }),
    FAILED,
  );
}

async function inPlace(page) {
  await open(page, "/workflows/sale-posting");
  await page.waitForSelector(FAILED);
  await takeInHand(page);
  const before = await inHand(page);
  const failed = await numberIn(page, FAILED);
  fill("one");
  await until(page, ([selector, n]) => Number(document.querySelector(selector).textContent) === n, [
    FAILED,
    failed + 1,
  ]);
  await sleep(2200); // two ticks more
  same(
    await inHand(page),
    before,
    "a page is renewed in its place: focus, marked words, scroll, what is open and typed stay",
  );
  ok(
    before.mark && before.hasFocus && before.marked && before.typed === "2026-01-02T03:04",
    "and they were there",
    JSON.stringify(before),
  );
  await picture(page, "flow-renewed");
}

// A row that moves takes the focus with it.
async function rowsMove(page) {
  await open(page, "/runs?runs.sort=-event");
  const first = page.locator("[data-table=runs] tbody .row-link").first();
  await first.focus();
  const object = await first.textContent();
  fill("one");
  await until(
    page,
    (text) => document.querySelector("[data-table=runs] tbody .row-link").textContent !== text,
    object,
  );
  same(
    await page.evaluate(() => document.activeElement.textContent),
    object,
    "the focus stays on its row when another one comes before it",
  );
}

// --- paused

function shownNow(page) {
  return page.evaluate(() => document.querySelector("main").innerHTML);
}

async function paused(page) {
  await open(page, "/workflows/sale-posting");
  await page.waitForSelector(FAILED);
  await until(page, () => document.querySelectorAll(".plot img").length === 4);
  const failed = await numberIn(page, FAILED);
  await page.locator("#live").click();
  await page.waitForSelector("#paused:visible");
  ok(
    /Paused.*as of \d\d:\d\d:\d\d.*stands still/s.test(await page.locator("#paused").innerText()),
    "a paused page says so, and as of when",
  );
  const before = await shownNow(page);
  const accepted = await numberIn(page, "[data-key=accepted] .value");
  const bucket = Math.floor(Date.now() / 10000);
  fill("one");
  while (Math.floor(Date.now() / 10000) === bucket) await sleep(200);
  // A pointer that passes over a plot has it drawn anew.
  await page.locator(".plot-body").first().hover();
  await page.waitForSelector(".cross");
  await page.mouse.move(5, 5);
  await until(page, () => document.querySelector(".cross") === null);
  await sleep(1500);
  // The plots have loaded their values meanwhile, which stand in attributes for readers of screens.
  const withoutValues = (text) => text.replaceAll(/aria-value\w+="[^"]*"/g, "");
  const [now, then] = [await shownNow(page), before].map(withoutValues);
  const at = [...now].findIndex((c, i) => c !== then[i]);
  ok(
    now === then,
    "nothing on it changes, neither ages nor the ends of plots",
    now.slice(at - 60, at + 160) + "\n" + then.slice(at - 60, at + 160),
  );
  ok(
    (await numberIn(page, "[data-key=accepted] .value")) > accepted,
    "while the data go on, which the strip says",
  );
  await picture(page, "flow-paused");
  await page.locator("#paused button").click();
  await until(page, ([selector, n]) => Number(document.querySelector(selector).textContent) === n, [
    FAILED,
    failed + 1,
  ]);
  await until(page, () =>
    [...document.querySelectorAll(".plot img")].every(
      (img) => Date.now() - Date.parse(new URL(img.src).searchParams.get("until")) < 30000,
    ),
  );
  ok(true, "live goes on from now: facts and plots");
  ok(await page.evaluate(() => document.activeElement.id === "live"), "and the focus is kept");
}

async function pausedPages(page) {
  await open(page, "/");
  await page.locator("#live").click();
  const bad = [];
  for (const [name, path] of PAGES) {
    await move(page, path);
    const found = await page.evaluate(() => ({
      at: location.pathname + location.search,
      isPaused: !document.getElementById("paused").hidden,
      faults: document.querySelectorAll("main .note.bad").length,
      length: document.querySelector("main").innerText.length,
    }));
    if (!found.isPaused || found.faults || found.length < 30 || found.at !== path)
      bad.push(name + ": " + JSON.stringify(found));
  }
  ok(bad.length === 0, "every page works while it is paused", bad.join("\n"));
  await move(page, "/runs");
  await page.locator("[name=state]").selectOption("completed");
  await page.waitForSelector("text=No run fits this filter");
  ok(true, "and asks for what somebody wants of it");
  await page.locator("#live").click();
  ok(await page.locator("#paused").isHidden(), "until it is live again");
}

// --- slow answers, faults, loss

const RUNS = /\/api\/v1\/runs/;

async function slow(page) {
  await open(page, "/taps");
  await page.route(RUNS, async (route) => {
    await sleep(1500);
    await route.continue();
  });
  await page.evaluate(() => {
    window.seen = {};
    const busy = document.getElementById("busy");
    const begun = performance.now();
    const note = (name) => (window.seen[name] ??= performance.now() - begun);
    new MutationObserver(() => note(busy.hidden ? "hidden" : "shown")).observe(busy, {
      attributes: true,
    });
    const isVisible = () => {
      const loading = document.querySelector(".loading");
      if (loading && getComputedStyle(loading).visibility === "visible") note("told");
      if (!window.seen.hidden) requestAnimationFrame(isVisible);
    };
    document.querySelector(".pages a[href='/runs']").click();
    isVisible();
  });
  await until(page, () => window.seen.hidden);
  const seen = await page.evaluate(() => window.seen);
  ok(
    seen.shown >= 290 && seen.shown < 1400 && seen.hidden > 1400,
    "progress is shown when it takes longer than 300 ms, until the answer is there",
    JSON.stringify(seen),
  );
  ok(seen.told >= 280, "and in words", JSON.stringify(seen));
  await settled(page);
  await page.unroute(RUNS);
  await page.route(RUNS, (route) => sleep(1500).then(() => route.continue()));
  await page.locator("[name=state]").focus();
  await page.locator("[name=state]").selectOption("failed");
  await page.waitForSelector("main > .old");
  ok(
    await page.evaluate(() => document.activeElement.name === "state"),
    "what is of the question before is faint until the answer is there; the focus stays",
  );
  await picture(page, "flow-slow");
  await settled(page);
  await page.unroute(RUNS);
}

async function faulty(page) {
  const problem = { title: "The store is busy", detail: "ask again in a minute", status: 503 };
  await page.route(RUNS, (route) =>
    route.fulfill({ status: 503, contentType: "application/problem+json", json: problem }),
  );
  await page.goto(url("/runs"));
  await page.waitForSelector(".note.bad");
  const text = await page.locator(".note.bad").innerText();
  ok(
    /The store is busy/.test(text) && /ask again in a minute/.test(text) && /Try again/.test(text),
    "an error says what and why, and offers to try again",
    text,
  );
  await picture(page, "flow-error");
  await page.unroute(RUNS);
  await page.locator(".note.bad button").click();
  await page.waitForSelector("[data-table=runs] tbody .row-link");
  ok(true, "which then helps");
  const rows = await page.locator("[data-table=runs] tbody tr").count();
  await page.route(RUNS, (route) => route.fulfill({ status: 502, body: "<html>Bad gateway" }));
  fill("one");
  await page.waitForSelector(".note.warn");
  const said = await page.locator(".note.warn").innerText();
  ok(
    /As of .* ago/.test(said) &&
      /Try now/.test(said) &&
      (await page.locator("[data-table=runs] tbody tr").count()) === rows,
    "what was there stays, with how old it is",
    said,
  );
  await picture(page, "flow-stale");
  await page.unroute(RUNS);
  await until(page, () => document.querySelector(".note.warn") === null);
  ok(true, "and it is tried again without being asked");
  await page.route(RUNS, (route) => route.abort());
  await page.locator("[name=state]").selectOption("completed");
  await page.waitForSelector(".note.bad");
  ok(
    (await page.locator("[data-table=runs]").count()) === 0,
    "what does not answer this question is not shown as if it did",
  );
  await page.unroute(RUNS);
  await page.locator(".note.bad button").click();
  await page.waitForSelector("text=No run fits this filter");
  takeFaults();
}

async function loss(page) {
  await open(page, "/journey/order:W-1001");
  const events = await page.locator(".timeline .event").count();
  stopTower();
  await page.waitForSelector("#banner:visible");
  ok(
    /Connection to the tower lost since/.test(await textOf(page, "#banner")),
    "loss of the tower is said",
  );
  ok((await page.locator(".timeline .event").count()) > 0, "what was on the screen stays there");
  await picture(page, "flow-lost");
  await page.locator(".pages a[href='/runs']").click();
  await page.waitForSelector(".note.bad");
  ok(
    /does not answer/.test(await page.locator(".note.bad").innerText()),
    "a page that is opened then says why it is empty",
  );
  await page.goBack();
  estate();
  await until(page, () => document.getElementById("banner").hidden);
  await page.waitForSelector(".timeline .event");
  fill("one");
  await until(page, (n) => document.querySelectorAll(".timeline .event").length > n, events);
  ok(true, "when it is back the page goes on by itself");
  const what = takeFaults();
  ok(what === "", "without an error in the page", what);
}

function estate() {
  startTower("estate");
}

async function begin() {
  estate();
  await fillEstate();
  await replays();
}

await run(
  begin,
  firstPage,
  liveCounters,
  inPlace,
  rowsMove,
  paused,
  pausedPages,
  slow,
  faulty,
  loss,
);
