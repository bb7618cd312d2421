#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// How the pages look, in a real Chromium over a real tower: three sizes of screen, light and dark, what
// bars nobody (axe-core), an empty tower, hostile text that stays text.
// TAP. Pictures of every page are left in the build directory, under test-results/pages.
import {
  api,
  fill,
  fillEstate,
  ok,
  open,
  look,
  PAGES,
  replays,
  run,
  settled,
  show,
  SIZES,
  startTower,
  takeFaults,
  url,
} from "./kit.mjs";

// `state` begins the names of the pictures.
async function pictures(page, pages, state, schemes, sizes) {
  const { wide, bars } = await look(page, pages, state, schemes, sizes);
  const named = state.replace("-", ": ");
  ok(
    wide === "",
    named + "no page is wider than its screen (" + sizes.map((s) => s[0]).join(", ") + ")",
    wide,
  );
  ok(bars === "", named + "axe-core finds nothing that bars anybody (WCAG 2.2 AA)", bars);
}

async function readEmptiness(page) {
  await open(page, "/search?q=never-seen");
  const text = await page.locator("main").innerText();
  ok(
    /Nothing found for/.test(text) && /because/.test(text) && /quarantine/.test(text),
    "nothing found says why",
    text,
  );
  const missing = [];
  for (const path of [
    "/journey/order:never-seen",
    "/event/999999",
    "/workflows/never",
    "/objectives/never",
    "/stores/never",
    "/dashboards/never",
    "/replays/999",
    "/alerts/0123456789abcdef",
    "/rules/Never",
  ]) {
    await page.goto(url(path));
    await page.waitForSelector(".note.bad");
    const said = await page.locator("main").innerText();
    if (!/search box/.test(said)) missing.push(path + ": " + said);
  }
  ok(missing.length === 0, "what is not there says so, and where to look", missing.join("\n"));
}

// A tower that was never sent anything: each page says so, and what to do.
async function nothingYet(page) {
  await page.goto("about:blank"); // what is shown still asks the tower that was before
  startTower("empty");
  const wanted = {
    overview: /No event has arrived yet.*sender/s,
    search: /No event has arrived yet/,
    workflows: /idle|no data/,
    workflow: /No run is in trouble/,
    objectives: /no data/,
    objective: /no data/,
    runs: /No run is in trouble/,
    stores: /No event has named a store yet/,
    systems: /no data yet|idle/,
    dashboard: /.*/,
    taps: /No agent has said hello yet.*No source was heard yet/s,
    replays: /Nothing was replayed yet/,
    alerts: /No alert is open.*Nothing was resolved today/s,
    rules: /quiet|without data|no data|not judged/,
    silences: /No silence is active/,
    notifications: /Nothing was told yet|Who is told what/,
    quarantine: /Nothing is in quarantine/,
    audit: /Nobody has done anything yet/,
  };
  const pages = PAGES.filter(([name]) => Object.hasOwn(wanted, name));
  const silent = [];
  for (const [name, path] of pages) {
    await show(page, path);
    const text = await page.locator("main").innerText();
    if (!wanted[name].test(text)) silent.push(name + ": " + text.slice(0, 400));
    if (/NaN|undefined|null|Infinity|19[67]\d/.test(text))
      silent.push(name + " says " + text.slice(0, 400));
  }
  ok(silent.length === 0, "a tower without an event says so on every page", silent.join("\n"));
  await pictures(page, pages, "empty-", ["light"], SIZES.slice(1));
  const what = takeFaults();
  ok(what === "", "and nothing fails there", what);
}

// What must not be in a page that shows hostile text, and how much of it there is as text.
async function inspect(page) {
  return page.evaluate(() => ({
    title: document.title,
    alien: document.querySelectorAll(
      "main img:not(.plot img), main svg:not(.graph svg), main script, main iframe, main style," +
        "main [onerror], main [onload]",
    ).length,
    links: [...document.querySelectorAll("a")].filter((a) => a.origin !== location.origin).length,
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    text: document.querySelector("main").textContent,
  }));
}

// Every page that can show something of these events.
async function hostilePlaces() {
  const places = [
    "/",
    "/?wall",
    "/taps",
    "/quarantine",
    "/quarantine?done=1",
    "/workflows",
    "/runs",
    "/replays",
    "/replays/3",
  ];
  places.push("/stores", "/systems", "/objectives", "/search?q=X-", "/workflows/sale-posting");
  places.push("/objectives/sale-posted-in-time");
  const words = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "\u202egnp.exe",
    "W".repeat(400),
    "null",
    "%",
    "../../..",
  ];
  for (const word of words.map(encodeURIComponent)) {
    places.push("/search?q=" + word, "/search?q=" + word + "&go=1", "/journey/" + word);
    places.push("/event/" + word, "/stores/" + word, "/workflows/" + word, "/objectives/" + word);
    places.push(
      "/runs?workflow=" + word,
      "/runs?store=" + word + "&since=" + word,
      "/taps?q=" + word,
    );
    places.push("/runs?runs.filter=" + word + "&runs.sort=" + word + "&runs.page=" + word);
    places.push("/workflows/sale-posting?since=" + word + "&until=" + word);
    places.push(
      "/quarantine?reason=" + word,
      "/dashboards/" + word,
      "/dashboards/stores?since=" + word,
      "/replays/" + word,
      "/replays?state=" + word,
      "/replays/3?state=" + word + "&failure=" + word,
    );
  }
  const ids = new Set();
  for (const hit of (await api("/search?q=X-&limit=100")).items) {
    const journey = await api("/journeys/" + encodeURIComponent(hit.journey));
    ids.add(hit.journey);
    for (const object of journey.related) ids.add(object.id);
    for (const event of journey.events.slice(0, 1)) places.push("/event/" + event.n);
  }
  for (const id of ids) places.push("/journey/" + encodeURIComponent(id));
  for (const store of (await api("/stores?limit=1000")).items.filter(
    (one) => !/^\d{4}$/.test(one.store),
  ))
    places.push("/stores/" + encodeURIComponent(store.store));
  return [places, ids.size];
}

async function hostileText(page) {
  fill("hostile");
  takeFaults();
  const [places, objects] = await hostilePlaces();
  const bad = [];
  let seen = 0;
  // On a phone as well as on a desk: long words have least room there. By a link, and now and then from
  // outside.
  const phone = await page.context().newPage();
  await phone.setViewportSize({ width: 390, height: 844 });
  const walk = async (tab, first) => {
    for (let n = first; n < places.length; n += 2) {
      await (n % 8 < 2 ? open : show)(tab, places[n]);
      await tab.evaluate(() =>
        [...document.querySelectorAll(".event, .entry")].slice(0, 12).forEach((one) => one.click()),
      );
      await settled(tab);
      const found = await inspect(tab);
      if (found.title === "owned" || found.alien || found.links || found.over > 0)
        bad.push(places[n] + ": " + JSON.stringify({ ...found, text: "" }));
      if (/onerror=|<script>|javascript:/.test(found.text)) seen++;
    }
  };
  await Promise.all([walk(page, 0), walk(phone, 1)]);
  await phone.close();
  ok(
    objects >= 30 && seen > 20,
    "hostile text is shown as text (" + places.length + " pages)",
    objects + " objects, seen on " + seen,
  );
  ok(
    bad.length === 0,
    "it becomes no element and no link, and nothing is pushed aside",
    bad.join("\n"),
  );
  const what = takeFaults();
  ok(what === "", "no script ran, no policy was broken, no error, nothing left the host", what);
  await pictures(
    page,
    [
      ["runs", "/runs"],
      ["stores", "/stores"],
      ["taps", "/taps"],
      ["quarantine", "/quarantine"],
      ["journey", "/journey/order:X-0"],
      ["overview", "/"],
      ["objective", "/objectives/sale-posted-in-time"],
    ],
    "hostile-",
    ["light"],
    SIZES.slice(1),
  );
}

async function estate() {
  startTower("estate");
  await fillEstate();
  await replays();
}

function everyPage(page) {
  return pictures(page, PAGES, "", ["light", "dark"], SIZES);
}

await run(estate, readEmptiness, everyPage, hostileText, nothingYet);
