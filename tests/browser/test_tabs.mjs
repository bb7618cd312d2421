#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Many tabs of one browser: one stream for all of them, whichever is closed or crashes; a tower that goes and
// comes back; a tower that has no place for another viewer; tabs that nobody looks at. TAP.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const BUILD = process.env.TW_BUILD_DIR || resolve(HERE, "../../build");
const CHROMIUM = process.env.TW_CHROMIUM || "/usr/bin/chromium";
const WAIT_MS = 30000;
const TABS = ["/", "/workflows", "/objectives", "/runs", "/stores", "/systems", "/taps", "/"];
const REST_MS = 60000; // of worker.js

let count = 0;
let failures = 0;

function ok(good, name, detail) {
  count++;
  if (!good) failures++;
  console.log((good ? "ok " : "not ok ") + count + " - " + name);
  if (!good && detail !== undefined) console.log("# " + String(detail).replaceAll("\n", "\n# "));
}

function skipAll(why) {
  console.log("ok 1 - tabs of a browser # SKIP " + why + "\n1..1");
  process.exit(0);
}

// --- the tower: the same ports and state from one life to the next

const base = mkdtempSync(join(tmpdir(), "tw-tabs-"));
const state = join(base, "tower");
const config = join(base, "tillwatch.yaml");
let environment = {};
let child = null; // of the second life on; the first one is tower.py's

function towerPy(...args) {
  return execFileSync(join(HERE, "../system/tower.py"), args, { encoding: "utf8" });
}

function startFirst() {
  writeFileSync(config, "web:\n  max-streams: 1\n");
  const lines = towerPy("start", "--state", state, "--config", config).trim().split("\n");
  environment = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

const url = (path) => environment.TOWER_URL + path;

async function startAgain() {
  child = spawn(join(BUILD, "tillwatch"), ["run", "-c", config], {
    env: { ...process.env, ...environment },
    stdio: "ignore",
  });
  await poll("the tower to be ready", async () => {
    try {
      return (await fetch(url("/readyz"))).ok;
    } catch {
      return false;
    }
  });
}

async function stopTower() {
  if (child === null) {
    towerPy("stop", "--state", state);
    return;
  }
  const ended = new Promise((resolve) => child.on("exit", resolve));
  child.kill("SIGTERM");
  await ended;
  child = null;
}

function fill(what) {
  execFileSync(join(HERE, "fill.py"), [what], {
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
}

async function metric(name) {
  const text = await (await fetch(url("/metrics"))).text();
  const found = text.match(new RegExp("^" + name + " (\\d+)$", "m"));
  return found ? Number(found[1]) : null;
}

async function poll(what, condition, ms = WAIT_MS) {
  const begun = Date.now();
  while (!(await condition())) {
    if (Date.now() - begun > ms) throw new Error("waited in vain for " + what);
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return Date.now() - begun;
}

// --- tabs

const faults = [];

async function openTab(context, path) {
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push("error: " + error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
      faults.push("console: " + message.text());
  });
  await page.goto(url(path));
  return page;
}

const cell = (page, key) => page.locator(`[data-key=${key}] .value`).textContent();
const isLive = async (page) => /live|idle/.test(await cell(page, "state"));

async function all(pages, what, condition, ms) {
  return poll(
    what,
    async () => (await Promise.all(pages.map(condition))).every((good) => good),
    ms,
  );
}

// Something is sent: how long until every tab shows the new count.
async function news(pages) {
  fill("estate");
  const wanted = (await (await fetch(url("/api/v1/status"))).json()).totals.events_duplicate;
  const shown = wanted.toLocaleString("en-US").replaceAll(/\D/g, "");
  return all(
    pages,
    "all tabs to show " + shown + " duplicates",
    async (page) => (await cell(page, "duplicates")).replaceAll(/\D/g, "") === shown,
  );
}

// The page believes that it is hidden, or is looked at again.
async function setHidden(page, isHidden) {
  await page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

// --- cases

async function allAreLive(context) {
  const pages = [];
  for (const path of TABS) pages.push(await openTab(context, path));
  await all(pages, "eight tabs to be live", isLive);
  ok(true, "eight tabs are live at once");
  ok((await metric("tillwatch_streams")) === 1, "by one stream");
  const took = await news(pages);
  ok(took < 3000, "what comes in is in all of them within three seconds", took);
  ok((await metric("tillwatch_streams_refused_total")) === 0, "and no other was asked for");
  return pages;
}

async function oneIsClosed(pages) {
  await pages.shift().close();
  const took = await news(pages);
  ok(took < 3000, "the tab that came first is closed: the others stay live", took);
}

// The overview asks for what a tick says has changed: the status stands in the tick itself, stores are
// written every ten seconds.
async function asksForNews(context) {
  const page = await openTab(context, "/");
  await all([page], "the tab to be live", isLive);
  await page.waitForSelector(".overview .tiles");
  const asked = {};
  page.on("request", (request) => {
    const path = new URL(request.url()).pathname;
    asked[path] = (asked[path] || 0) + 1;
  });
  await poll("five loads", async () => (asked["/api/v1/overview"] || 0) >= 5);
  ok(
    !asked["/api/v1/status"] && (asked["/api/v1/stores"] || 0) < 3,
    "the overview asks for what has changed",
    JSON.stringify(asked),
  );
  await page.close();
}

// Read from five metres: no letter below 22 pixels but in marks, all on one screen.
async function wall(context) {
  const page = await openTab(context, "/?wall");
  await page.setViewportSize({ width: 1920, height: 1080 });
  await page.waitForSelector(".tile");
  const small = await page.evaluate(() =>
    [
      ...document.querySelectorAll(
        "h1, .truth .badge, .tile h2, .tile > .badge, .tile-foot, .big, .slot",
      ),
    ]
      .filter((one) => one.offsetParent && parseFloat(getComputedStyle(one).fontSize) < 22)
      .map((one) => one.className + ": " + one.textContent.trim()),
  );
  ok(small.length === 0, "the wall is written large", small.join("\n"));
  const size = await page.evaluate(() => document.documentElement.scrollHeight);
  ok(size <= 1080, "the wall is one screen", size);
  const cut = [];
  for (const [width, height] of [
    [1366, 768],
    [2560, 1440],
    [1920, 1080],
  ]) {
    await page.setViewportSize({ width, height });
    const below = await page.evaluate(
      () =>
        [...document.querySelectorAll(".tile, .overview-alerts, .overview-side > *")].filter(
          (one) => one.getBoundingClientRect().bottom > innerHeight,
        ).length,
    );
    if (below) cut.push(width + ": " + below);
  }
  ok(cut.length === 0, "and on other screens it is the same, nothing is cut", cut.join("\n"));
  const alerts = await page.locator("[data-slot=alerts]").textContent();
  ok(/No alert fires|alerts? fires?/.test(alerts), "it says whether alerts fire", alerts);
  const truth = await page.locator(".truth").textContent();
  ok(/\d+ rules? (watch|without data|cannot be judged)/.test(truth), "and that rules watch", truth);
  ok((await page.locator("[data-slot=failed]").count()) === 1, "and has a place for failures");
  const first = await page.locator(".as-of").textContent();
  await poll("the clock", async () => (await page.locator(".as-of").textContent()) !== first);
  ok(/^\s*\d\d:\d\d:\d\d\s*$/.test(first), "and as of when it is", first);
  await page.close();
}

// With the first tab's process goes the worker, if that is where it was.
async function oneCrashes(pages) {
  const first = pages.shift();
  await first.goto("chrome://crash").catch(() => {});
  const took = await news(pages);
  ok(took < 5000, "a tab crashes: the others are live again within seconds", took);
  await first.close();
}

// The worker that lives, by the browser's name for it.
async function workerOf(session) {
  const { targetInfos } = await session.send("Target.getTargets", {
    filter: [{ type: "shared_worker" }],
  });
  return targetInfos.map((target) => target.targetId).join(" ");
}

async function workerDies(browser, pages) {
  const session = await browser.newBrowserCDPSession();
  const before = await workerOf(session);
  ok(/^\w+$/.test(before), "there is one worker", before);
  await session.send("Target.closeTarget", { targetId: before });
  const took = await news(pages);
  ok(took < 5000, "the worker is ended: the tabs are live again within seconds", took);
  await poll("one stream", async () => (await metric("tillwatch_streams")) === 1);
  const after = await workerOf(session);
  ok(/^\w+$/.test(after) && after !== before, "by another worker and one stream", after);
}

async function towerRestarts(pages) {
  const loads = pages[0].waitForResponse(
    (answer) => answer.url().includes("/api/v1/") && answer.ok(),
  );
  await stopTower();
  const took = await all(pages, "the loss to be said", (page) =>
    page.locator("#banner").isVisible(),
  );
  ok(took < 8000, "the tower stops: every tab says so", took);
  ok(/lost/.test(await cell(pages[0], "state")), "and shows no state but that it is lost");
  await startAgain();
  const back = await all(pages, "tabs to be live again", isLive);
  ok(back < 8000, "it starts again: every tab is live", back);
  ok(!(await pages[0].locator("#banner").isVisible()), "and says nothing of a loss");
  await loads;
  ok((await metric("tillwatch_streams")) === 1, "by one stream");
  const fresh = await news(pages);
  ok(fresh < 3000, "with fresh numbers", fresh);
}

// Another browser, where the only place of the stream is taken (max-streams: 1).
async function noPlaceLeft(browser, context) {
  const other = await browser.newContext();
  other.setDefaultTimeout(WAIT_MS);
  const page = await openTab(other, "/");
  await page.waitForSelector("#banner:visible");
  const words = await page.locator("#banner").textContent();
  ok(/Not live/.test(words) && /web\.max-streams/.test(words), "no place: it says so", words);
  ok(/stale/.test(await cell(page, "state")), "and calls itself stale");
  await page.waitForSelector(".tile, .note, .idle");
  const refused = await metric("tillwatch_streams_refused_total");
  fill("estate");
  const wanted = (await (await fetch(url("/api/v1/status"))).json()).totals.events_duplicate;
  await poll(
    "the numbers to be renewed",
    async () => (await cell(page, "duplicates")).replaceAll(/\D/g, "") === String(wanted),
  );
  ok(/stale/.test(await cell(page, "state")), "what it shows is renewed, and still called stale");
  const asked = (await metric("tillwatch_streams_refused_total")) - refused;
  ok(asked >= 1 && asked < 8, "it tries again, but not every second", asked);
  await context.close();
  await all([page], "the place that became free", isLive);
  ok(!(await page.locator("#banner").isVisible()), "a place becomes free: it is live");
  return [other, page];
}

async function hidden(page, other) {
  const second = await openTab(other, "/taps");
  await all([page, second], "both to be live", isLive);
  await setHidden(second, true);
  await news([second]); // what it gets now and then
  const begun = Date.now();
  await news([page]);
  const duplicates = await cell(second, "duplicates");
  ok(
    duplicates !== (await cell(page, "duplicates")) && Date.now() - begun < 9000,
    "a tab in the background hears of it later",
    duplicates,
  );
  await setHidden(second, false);
  const took = await poll(
    "what was missed",
    async () => (await cell(second, "duplicates")) === (await cell(page, "duplicates")),
  );
  ok(took < 2500, "and at once when it is looked at", took);
  await setHidden(second, true);
  await setHidden(page, true);
  const rest = await poll(
    "the stream to be ended",
    async () => (await metric("tillwatch_streams")) === 0,
    REST_MS + 20000,
  );
  ok(rest > REST_MS / 2, "nobody looks for a minute: no stream", rest);
  fill("estate");
  await setHidden(page, false);
  const again = await news([page]);
  ok(again < 4000, "somebody looks: it is live again", again);
}

// A browser that has no shared workers.
async function alone(browser) {
  const plain = await browser.newContext();
  plain.setDefaultTimeout(WAIT_MS);
  await plain.addInitScript(() => delete window.SharedWorker);
  const page = await openTab(plain, "/");
  await all([page], "the page to be live", isLive);
  ok((await news([page])) < 3000, "without shared workers a page has a stream of its own");
  await setHidden(page, true);
  await setHidden(page, false);
  ok((await news([page])) < 3000, "and keeps it");
}

// --- all of it

let chromium;
try {
  ({ chromium } = await import("playwright-core"));
} catch {
  skipAll("playwright-core is not installed (npm ci in tests/browser)");
}
try {
  execFileSync("/usr/bin/python3", ["-c", "import zmq"], { stdio: "ignore" });
} catch {
  skipAll("python3-zmq is not installed");
}
if (!existsSync(CHROMIUM)) skipAll(CHROMIUM + " is not installed");
let browser;
try {
  startFirst();
  fill("estate");
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  });
  const context = await browser.newContext();
  context.setDefaultTimeout(WAIT_MS);
  const pages = await allAreLive(context);
  await asksForNews(context);
  await wall(context);
  await oneIsClosed(pages);
  await oneCrashes(pages);
  await workerDies(browser, pages);
  await towerRestarts(pages);
  const [other, page] = await noPlaceLeft(browser, context);
  await hidden(page, other);
  await other.close();
  await alone(browser);
  ok(faults.length === 0, "no error, and nothing that the policy forbids", faults.join("\n"));
} catch (error) {
  ok(false, "ended by an error", error.stack);
} finally {
  if (browser) await browser.close();
  try {
    await stopTower();
  } catch (error) {
    ok(false, "the tower stops", error.message);
  }
  rmSync(base, { recursive: true, force: true });
}
console.log("1.." + count);
process.exit(failures ? 1 : 0);
