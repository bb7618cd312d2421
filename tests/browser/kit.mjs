// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: TAP, a real tower, a real Chromium, and waiting.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = dirname(fileURLToPath(import.meta.url));
const BUILD = process.env.TW_BUILD_DIR || resolve(HERE, "../../build");
const PICTURES = join(BUILD, "test-results", "pages");
const CHROMIUM = process.env.TW_CHROMIUM || "/usr/bin/chromium";
const WAIT_MS = 30000;
export const SIZES = [
  [1920, 1080],
  [1366, 768],
  [390, 844],
];
export const PAGES = [
  ["overview", "/"],
  ["search", "/search?q=W-"],
  ["nothing", "/search?q=never-seen"],
  ["journey", "/journey/order:W-1001"],
  ["run", "/journey/transaction:0042/S9002"],
  ["workflows", "/workflows"],
  ["workflow", "/workflows/sale-posting"],
  ["objectives", "/objectives"],
  ["objective", "/objectives/sale-posted-in-time"],
  ["runs", "/runs"],
  ["failures", "/failures"],
  ["causes", "/causes"],
  ["failure", "/failures/1"],
  ["replays", "/replays"],
  ["replay", "/replays/2"],
  ["alerts", "/alerts"],
  ["rules", "/rules"],
  ["rule", "/rules/BudgetBurnFast"],
  ["runbook", "/runbook/queue-backlog"],
  ["silences", "/silences"],
  ["notifications", "/notifications"],
  ["stores", "/stores"],
  ["store", "/stores/0042"],
  ["systems", "/systems"],
  ["dashboards", "/dashboards"],
  ["dashboard", "/dashboards/order-flow"],
  ["wall", "/?wall"],
  ["event", "/event/1"],
  ["taps", "/taps"],
  ["quarantine", "/quarantine"],
  ["audit", "/audit"],
];

// --- TAP

let count = 0;
let failures = 0;

export function ok(good, name, detail) {
  count++;
  if (!good) failures++;
  console.log((good ? "ok " : "not ok ") + count + " - " + name.replaceAll("#", ""));
  if (!good && detail !== undefined) console.log("# " + String(detail).replaceAll("\n", "\n# "));
}

// Both as JSON, so that a difference can be read.
export function same(got, wanted, name) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  ok(a === b, name, "got " + a + "\nnot " + b);
}

function skipAll(why) {
  console.log("ok 1 - pages in a browser # SKIP " + why);
  console.log("1..1");
  process.exit(0);
}

// --- the tower

const base = mkdtempSync(join(tmpdir(), "tw-browser-"));
let state = "";
let environment = {};
let isRunning = false;

function tower(verb, ...more) {
  return execFileSync(
    join(HERE, "../system/tower.py"),
    [verb, "--state", join(base, state), ...more],
    { encoding: "utf8" },
  );
}

// A tower with a store of this name: the same name again goes on with it, on the same ports. `config`
// changes keys of the built-in configuration.
export function startTower(name, config) {
  stopTower();
  state = name;
  const more = [];
  if (config) {
    const path = join(base, name + ".yaml");
    const text = execFileSync(
      "/usr/bin/python3",
      ["-c", "import json, sys, tower; print(tower.config_with(**json.loads(sys.argv[1])))"].concat(
        JSON.stringify(config),
      ),
      { encoding: "utf8", env: { ...process.env, PYTHONPATH: join(HERE, "../system") } },
    );
    writeFileSync(path, text);
    more.push("--config", path);
  }
  const lines = tower("start", ...more)
    .trim()
    .split("\n");
  environment = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  isRunning = true;
}

export function stopTower() {
  if (isRunning) tower("stop");
  isRunning = false;
}

export function url(path) {
  return environment.TOWER_URL + path;
}

// Where the store of the tower lies.
export function stateDirectory() {
  return environment.TILLWATCH_STATE;
}

export function fill(what) {
  execFileSync(join(HERE, "fill.py"), [what], {
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
}

// Rows of replays over the failures that the desk has (replays.py), once it has some.
export async function replays() {
  await untilApi("/failures", (answer) => answer.items && answer.items.length > 0);
  execFileSync(join(HERE, "replays.py"), [], {
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
}

// tillwatch with these arguments, beside the tower; what it writes.
export function program(args, input = "") {
  return execFileSync(join(BUILD, "tillwatch"), args, {
    input,
    encoding: "utf8",
    env: { ...process.env, ...environment },
    stdio: ["pipe", "pipe", "ignore"],
  });
}

const agents = [];

// The simulator as an agent of these systems; stop() ends it.
export function startAgent(systems, ...more) {
  const child = spawn(
    join(BUILD, "retail-sim"),
    ["--agent-only", "--agent-name", "mw-1", "--agent-systems", systems, "--quiet"].concat(more),
    { env: { ...process.env, ...environment }, stdio: "ignore" },
  );
  agents.push(child);
  return { stop: () => child.kill() };
}

// The simulated estate plays; returns when it has ended.
export function simulate(...more) {
  execFileSync(join(BUILD, "retail-sim"), ["--quiet", ...more], {
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
}

// What the API says, asked without the browser.
export async function api(path) {
  const answer = await fetch(url("/api/v1" + path));
  return answer.json();
}

// POST; {status, answer}.
export async function post(path, body) {
  const answer = await fetch(url("/api/v1" + path), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: answer.status, answer: await answer.json() };
}

export async function untilApi(path, condition, ms = WAIT_MS) {
  for (const deadline = Date.now() + ms; ; await sleep(100)) {
    const answer = await api(path);
    if (condition(answer)) return answer;
    if (Date.now() > deadline) throw new Error("waited in vain for " + path + " " + condition);
  }
}

// The estate of fill.py, and all that the collector says of it first.
export async function fillEstate() {
  fill("estate");
  await untilApi("/stores/0042", (answer) => answer.status !== 404);
}

// --- the browser

const faults = []; // of pages: scripts that ran, policies that were broken, errors, dialogs, strangers

function watch(page) {
  page.on("dialog", (dialog) => {
    faults.push("dialog: " + dialog.message());
    dialog.dismiss();
  });
  page.on("pageerror", (error) => faults.push("error: " + error.message));
  page.on("console", (message) => {
    // A request that the tower refuses is logged by the browser; those are looked at by status.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
      faults.push("console: " + message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url("/")) && !/^(blob|data):/.test(request.url()))
      faults.push("left the host: " + request.url());
  });
}

async function openBrowser(chromium) {
  const context = await chromium.launchPersistentContext(join(base, "profile"), {
    executablePath: CHROMIUM,
    headless: true,
    acceptDownloads: true,
    timezoneId: "Europe/Berlin", // not that of the tower
    locale: "en-US",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  context.setDefaultTimeout(WAIT_MS);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) =>
      console.error("CSP: " + e.violatedDirective + " " + e.blockedURI),
    );
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  context.on("page", watch);
  for (const page of context.pages()) watch(page);
  return context;
}

// What was wrong since it was asked last, a line each.
export function takeFaults() {
  return faults.splice(0).join("\n");
}

// --- pages

// Poll until `condition` holds in the page. (waitForFunction compiles text in the page, which our
// policy forbids, as it should.)
export async function until(page, condition, argument) {
  const deadline = Date.now() + WAIT_MS;
  while (!(await page.evaluate(condition, argument))) {
    if (Date.now() > deadline) throw new Error("waited in vain for " + condition);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

// Until this page shows what it is for, and not that it loads, nor what was there before.
export async function settled(page) {
  await page.waitForSelector("main > *");
  await until(
    page,
    () =>
      document.querySelector("#about").textContent !== "" &&
      document.querySelector("main > .old, main > [aria-busy=true]") === null &&
      ![...document.querySelectorAll("main [role=status]")].some((n) =>
        n.textContent.startsWith("Loading"),
      ),
  );
}

// From outside, as a link that somebody sent.
export async function open(page, path) {
  await page.goto(url(path));
  await settled(page);
}

// Within the tower: the page that is open shows another one.
export async function move(page, path) {
  await page.evaluate((to) => {
    if (location.pathname !== to.split("?")[0])
      document.querySelector("main > *").className = "old";
    const link = document.createElement("a");
    link.href = to;
    document.body.append(link);
    link.click();
    link.remove();
  }, path);
  await settled(page);
}

export function query(page) {
  return Object.fromEntries(new URL(page.url()).searchParams);
}

export async function textOf(page, selector) {
  return (await page.locator(selector).first().textContent()) || "";
}

export function sleep(ms) {
  return new Promise((wake) => setTimeout(wake, ms));
}

// Another page as its users come there: by a link of the page that is open, where there is one. What only
// differs in its parameters is opened anew.
export async function show(page, path) {
  const now = page.url().startsWith(url("/")) ? new URL(page.url()).pathname : "";
  if (now === "" || now === new URL(url(path)).pathname) await open(page, path);
  else await move(page, path);
}

const AXE = join(HERE, "node_modules/axe-core/axe.min.js");
const TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];
const OF_COLOURS = ["color-contrast", "link-in-text-block"];

// One element for each way in which text looks here: its colour, size and weight, and what it lies on.
// Contrast takes axe-core most of its time, and a hundred rows of a table have the same.
function sampleOfTexts() {
  const seen = new Map();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility()) continue;
    const own = getComputedStyle(element);
    const key = [
      element.localName,
      own.color,
      own.fontSize,
      own.fontWeight,
      own.textDecorationLine,
    ];
    for (let under = element; under; under = under.parentElement) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(under);
      key.push(backgroundColor, backgroundImage, opacity);
    }
    const look = key.filter((word) => word !== "rgba(0, 0, 0, 0)" && word !== "1").join();
    if (!seen.has(look)) seen.set(look, element);
  }
  return [...seen.values()];
}

// What bars somebody on this page, by axe-core; a line each. `what`: "all", or only "colours".
export async function barred(page, name, what = "all") {
  if (!(await page.evaluate(() => Boolean(window.axe))))
    await page.evaluate(readFileSync(AXE, "utf8"));
  const texts = await page.evaluateHandle(sampleOfTexts);
  const found = await page.evaluate(
    async ({ tags, colours, onlyColours, include }) => {
      const how = { resultTypes: ["violations"], preload: false };
      const rules = Object.fromEntries(colours.map((rule) => [rule, { enabled: false }]));
      const runs = [[{ include }, { ...how, runOnly: { type: "rule", values: colours } }]];
      if (!onlyColours) runs.push([document, { ...how, runOnly: tags, rules }]);
      const lines = [];
      for (const [where, options] of runs)
        for (const one of (await window.axe.run(where, options)).violations)
          lines.push(one.id + " " + one.nodes[0].html.slice(0, 200));
      return lines;
    },
    { tags: TAGS, colours: OF_COLOURS, onlyColours: what === "colours", include: texts },
  );
  await texts.dispose();
  return found.map((line) => name + ": " + line);
}

// These pages ([name, path]) at these sizes in these colours: what is wider than its screen, what bars
// somebody, a line each; their pictures, named prefix-name-scheme-width. All rules are asked on wide screens and
// on phones, those of colours in both schemes.
export async function look(page, pages, prefix, schemes, sizes) {
  const wide = [];
  const bars = [];
  for (const [width, height] of sizes) {
    await page.setViewportSize({ width, height });
    for (const [name, path] of pages) {
      await show(page, path);
      for (const scheme of schemes) {
        await page.emulateMedia({ colorScheme: scheme });
        const over = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        if (over > 0) wide.push(name + " at " + width + ": " + over);
        const what = scheme === "light" ? "all" : "colours";
        if (width !== 1366)
          bars.push(...(await barred(page, [name, scheme, width].join(" "), what)));
        await picture(page, [prefix + name, scheme, width].join("-"));
      }
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1366, height: 768 });
  return { wide: wide.join("\n"), bars: bars.join("\n") };
}

export async function picture(page, name) {
  await page.screenshot({ path: join(PICTURES, name + ".png") });
}

// Run the cases, one after another on one page, and end the program. Words of the command line choose
// some of them by the beginnings of their names; what is not installed is said.
export async function run(...cases) {
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
  mkdirSync(PICTURES, { recursive: true });
  const words = process.argv.slice(2);
  let context;
  const end = async () => {
    if (context) await context.close().catch(() => {});
    agents.forEach((child) => child.kill()); // of cases that ended by an error
    try {
      stopTower();
    } catch (error) {
      ok(false, "the tower stops", error.message);
    }
    rmSync(base, { recursive: true, force: true });
  };
  for (const signal of ["SIGTERM", "SIGINT"])
    process.on(signal, () => end().then(() => process.exit(1)));
  try {
    context = await openBrowser(chromium);
    const page = await context.newPage();
    for (const [n, one] of cases.entries()) {
      if (n > 0 && words.length && !words.some((word) => one.name.startsWith(word))) continue;
      try {
        await one(page);
      } catch (error) {
        ok(false, one.name + " ended by an error", error.stack);
      }
    }
  } catch (error) {
    ok(false, "ended by an error", error.stack);
  }
  await end();
  console.log("1.." + count);
  process.exit(failures ? 1 : 0);
}
