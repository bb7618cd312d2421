#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Signing in, in a real Chromium: the page for it with the keyboard alone, where it leads, what is said
// when it fails, the first password, sessions, signing out; and pages of another origin, which change
// nothing. TAP.
import { createServer } from "node:http";
import {
  barred,
  ok,
  picture,
  program,
  run,
  same,
  settled,
  SIZES,
  startTower,
  takeFaults,
  textOf,
  until,
  url,
} from "./kit.mjs";

const PASSWORD = "a wet cat on a dry mat";
const FRESH = "green ideas sleep 17 times";
const CHEAP = { sign_in: "required", password_passes: 2, password_memory_bytes: "19MiB" };

function pathOf(page) {
  const { pathname, search } = new URL(page.url());
  return pathname + search;
}

async function fillIn(page, user, password) {
  await page.fill("#user", user);
  await page.fill("#password", password);
  await page.press("#password", "Enter");
}

async function start() {
  startTower("sign-in", CHEAP);
  program(["user", "add", "anna", "--role", "viewer", "--password-stdin"], PASSWORD + "\n");
}

async function isWanted(page) {
  await page.goto(url("/runs?state=failed"));
  same(
    pathOf(page),
    "/sign-in?next=/runs%3Fstate%3Dfailed",
    "a page without a session asks for one",
  );
  same(
    await page.evaluate(() => document.activeElement.id),
    "user",
    "the first field has the focus",
  );
  same(
    await page.evaluate(() =>
      [...document.querySelectorAll("#sign-in input")].map((one) => one.autocomplete),
    ),
    ["username", "current-password"],
    "password managers know the fields",
  );
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await picture(page, "sign-in-" + width);
  }
  same(await barred(page, "sign-in"), [], "nobody is barred");
}

async function wrong(page) {
  await fillIn(page, "anna", "not the password");
  await until(page, () => document.getElementById("said").textContent !== "");
  same(await textOf(page, "#said"), "User or password is not right.", "a wrong password is told");
  same(
    await page.evaluate(() => [
      document.activeElement.id,
      document.getElementById("user").value,
      document.getElementById("password").value,
    ]),
    ["password", "anna", ""],
    "the name stays, the password is asked for again",
  );
}

// With nothing but the keyboard.
async function right(page) {
  await page.goto(url("/sign-in?next=/runs%3Fstate%3Dfailed"));
  await page.keyboard.type("anna");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(url("/runs?state=failed"));
  await settled(page);
  await until(page, () => document.getElementById("who").textContent !== "");
  same(
    await textOf(page, "#who"),
    "anna",
    "it leads to where one wanted to go, and says who one is",
  );
  same(await page.evaluate(() => document.cookie), "", "no script reads what lets in");
  await page.goto(url("/sign-in"));
  await page.waitForURL(url("/"));
  ok(true, "who is signed in already goes on");
}

async function elsewhere(page) {
  for (const next of [
    "//evil.example/",
    "/\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/%09/evil.example",
    "/api/v1/status",
  ]) {
    await page.goto(url("/sign-in?next=" + encodeURIComponent(next)));
    await page.waitForURL((to) => to.pathname !== "/sign-in");
    ok(
      page.url() === url("/") ||
        page.url().startsWith(url("/%09")) ||
        page.url() === url("/evil.example"),
      "next=" + next + " leads nowhere else",
      page.url(),
    );
  }
  takeFaults();
}

async function account(page) {
  program(["user", "list"]);
  await page.goto(url("/account"));
  await settled(page);
  await page.waitForSelector("#sign-out");
  ok(/viewer/.test(await textOf(page, "main")), "what one may do is said");
  same(await page.locator("main tbody tr").count(), 1, "where one is signed in, too");
  same(await barred(page, "account"), [], "nobody is barred");
  await picture(page, "account");
  await page.fill("#old", PASSWORD);
  await page.fill("#fresh", FRESH);
  await page.fill("#again", FRESH + "x");
  await page.press("#again", "Enter");
  await until(page, () => document.querySelector("main .note.bad") !== null);
  ok(/differ/.test(await textOf(page, "main .note.bad")), "two that differ are told");
  await page.fill("#again", FRESH);
  await page.press("#again", "Enter");
  await until(page, () => /was changed/.test(document.querySelector("main").textContent));
  ok(true, "the password is changed");
  await page.click("#sign-out");
  await page.waitForURL((to) => to.pathname === "/sign-in");
  ok(true, "signed out");
  await page.goBack();
  await page.waitForURL((to) => to.pathname === "/sign-in");
  ok(true, "the way back leads to no page");
  await fillIn(page, "anna", FRESH);
  await page.waitForURL((to) => to.pathname !== "/sign-in");
  ok(true, "the new password lets in");
}

// A session that ends while a page is open.
async function ended(page) {
  await page.goto(url("/failures"));
  await settled(page);
  program(["user", "disable", "anna"]);
  await page.waitForURL((to) => to.pathname === "/sign-in", { timeout: 30000 }).catch(() => {});
  await page.goto(url("/failures"));
  same(pathOf(page), "/sign-in?next=/failures", "a session that ended elsewhere shows nothing");
  program(["user", "enable", "anna"]);
}

async function first(page) {
  const made = program(["user", "add", "berta", "--role", "admin", "--one-time"]).trim();
  await page.goto(url("/sign-in?next=/stores"));
  await fillIn(page, "berta", made);
  await page.waitForSelector("#change:not([hidden])");
  same(
    await page.evaluate(() => document.activeElement.id),
    "fresh",
    "a new password is asked for",
  );
  same(await barred(page, "change"), [], "nobody is barred");
  await page.fill("#fresh", "password1234");
  await page.fill("#again", "password1234");
  await page.press("#again", "Enter");
  await until(page, () => document.getElementById("changed").textContent !== "");
  ok(
    /body|common/i.test(await textOf(page, "#changed")),
    "one of the commonest is refused",
    await textOf(page, "#changed"),
  );
  await page.fill("#fresh", FRESH + " indeed");
  await page.fill("#again", FRESH + " indeed");
  await page.press("#again", "Enter");
  await page.waitForURL(url("/stores"));
  await settled(page);
  ok(true, "with it one goes on");
}

// What a page of another origin tries with the browser of an admin who is signed in.
const TRIES = `<!doctype html><title>evil</title><iframe name="hole"></iframe><script type="module">
const tower = TOWER;
const told = {};
async function attempt(name, path, options) {
  try {
    const answer = await fetch(tower + path, { credentials: "include", ...options });
    told[name] = answer.type + " " + answer.status;
  } catch (error) {
    told[name] = "refused";
  }
}
const json = { "Content-Type": "application/json" };
await attempt("read", "/api/v1/session", {});
await attempt("end", "/api/v1/session", { method: "DELETE" });
await attempt("json", "/api/v1/heartbeats/x", { method: "POST", headers: json, body: "{}" });
await attempt("plain", "/api/v1/heartbeats/x", { method: "POST", mode: "no-cors", body: "{}" });
await attempt("put", "/api/v1/causes", { method: "PUT", headers: json, body: "{}" });
await attempt("reload", "/-/reload", { method: "POST", mode: "no-cors" });
const form = document.createElement("form");
Object.assign(form, { method: "post", action: tower + "/-/reload", target: "hole" });
document.body.append(form);
form.submit();
await new Promise((wake) => setTimeout(wake, 500));
let framed = "";
try {
  framed = frames.hole.document.body.textContent;
} catch { framed = "closed"; }
document.title = JSON.stringify({ ...told, framed });
</script>`;

async function foreign(page) {
  const tower = new URL(url("/"));
  const server = createServer((_, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end(TRIES.replace("TOWER", JSON.stringify(tower.origin)));
  });
  await new Promise((wake) => server.listen(0, "127.0.0.1", wake));
  const { port } = server.address();
  const session = () =>
    page.evaluate(async () => {
      const answer = await fetch("/api/v1/session");
      return [answer.status, (await answer.json()).user];
    });
  // Another port is another origin on the same site: cookies go along. localhost is another site.
  for (const host of ["127.0.0.1", "localhost"]) {
    await page.goto("http://" + host + ":" + port + "/");
    await page.waitForFunction(() => document.title.startsWith("{"), null, { timeout: 30000 });
    const told = JSON.parse(await page.title());
    for (const name of ["read", "end", "json", "put"])
      same(told[name], "refused", host + ": " + name + " is not told, nor done");
    same(told.plain, "refused", host + ": what is sent blindly is not told");
    await page.goto(url("/stores"));
    await settled(page);
    same(await session(), [200, "berta"], host + ": the session is as it was");
  }
  server.close();
  takeFaults(); // it left the host, which was the point
}

await run(start, isWanted, wrong, right, elsewhere, account, ended, first, foreign);
