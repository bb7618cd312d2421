// SPDX-License-Identifier: Apache-2.0
// What could not be understood, with its bytes, and the order to try it again.
import { get, post } from "../api.js";
import { h, replace } from "../dom.js";
import { badge, bytes, count, plural } from "../format.js";
import { onStatus } from "../live.js";
import { empty, failed, loading } from "../state.js";
import { timeElement } from "../time.js";

const PAGE = 50;
const ASK_MS = 500; // between two questions after a request

function rawBlock(entry) {
  const cut = entry.raw_bytes > entry.raw_shown_bytes;
  const place = h("div");
  const whole = entry.raw_kept_bytes > entry.raw_shown_bytes
    ? h("button", { type: "button", on: { click: async () => {
      try {
        const all = await get("/quarantine/" + entry.id);
        replace(place, h("pre", { class: "json", tabindex: "0" }, all.raw));
      } catch (error) {
        replace(place, failed(error));
      }
    } } }, "Show all that is kept") : null;
  replace(place, h("pre", { class: "json", tabindex: "0" }, entry.raw === null ? "(no bytes)" : entry.raw));
  return h("div", null, place, cut ? h("p", { class: "dim" }, bytes(entry.raw_shown_bytes) + " shown of "
    + bytes(entry.raw_bytes) + " ", whole) : null);
}

function entryRow(entry, retry) {
  const detail = h("div", { class: "detail", id: "entry-" + entry.id, hidden: true });
  const button = h("button", { type: "button", class: "entry row-link", "aria-expanded": "false",
    "aria-controls": "entry-" + entry.id },
  h("span", { class: "when" }, timeElement(entry.received)),
  h("span", null, badge(entry.done ? "ok" : "warn", entry.reason, entry.title)),
  h("span", { class: "grow" }, entry.title, entry.detail ? h("span", { class: "dim" }, " – " + entry.detail) : null),
  h("span", { class: "dim num" }, entry.tap + (entry.index === null ? "" : " [" + entry.index + "]")),
  h("span", { class: "num" }, bytes(entry.raw_bytes)),
  h("span", { class: "e-more", "aria-hidden": "true" }));
  button.addEventListener("click", () => {
    detail.hidden = !detail.hidden;
    button.setAttribute("aria-expanded", String(!detail.hidden));
    if (!detail.hidden) {
      replace(detail, h("p", { class: "dim" },
        "Entry " + entry.id + (entry.peer ? ", from " + entry.peer : "")
        + (entry.index === null ? "" : ", event " + entry.index + " of its batch")
        + (entry.retries ? ", tried again " + plural(entry.retries, "time") : "") + " ",
        entry.done_n ? h("a", { href: "/event/" + entry.done_n }, "It became event " + entry.done_n) : null),
      entry.topic ? h("p", null, h("span", { class: "dim" }, "Topic "), h("code", null, entry.topic)) : null,
      entry.headers ? h("pre", { class: "json" }, entry.headers) : null,
      rawBlock(entry),
      entry.done ? null : h("button", { type: "button", on: { click: () => retry({ ids: [entry.id] }) } }, "Try again"));
    } else {
      replace(detail);
    }
  });
  return h("li", null, button, detail);
}

export function show(view, { params, signal, go }) {
  document.title = "Quarantine – Tillwatch";
  const reason = params.get("reason") || "";
  const withDone = params.get("done") === "1";
  const list = h("ol", { class: "entries" });
  const more = h("div", { class: "more" });
  const said = h("p", { class: "dim", role: "status" });
  const reasons = h("select", { id: "reason", "aria-label": "Reason" });
  const done = h("input", { type: "checkbox", id: "with-done" });
  const retryAll = h("button", { type: "button", on: { click: () => retry(reason ? { reason } : { all: true }) } },
    reason ? "Try all of this reason again" : "Try all again");
  let cursor = null;
  let open = -1;
  let timer = 0;
  done.checked = withDone;

  function leave() {
    const query = new URLSearchParams();
    if (reasons.value) query.set("reason", reasons.value);
    if (done.checked) query.set("done", "1");
    go("/quarantine" + (query.size ? "?" + query : ""), "replace");
  }
  reasons.addEventListener("change", leave);
  done.addEventListener("change", leave);

  // Ask until the collector has carried the request out, or a while is over.
  async function follow(id, left) {
    const request = await get("/requests/" + id, {}, signal);
    if (request.state === "waiting" && left > 0) {
      timer = setTimeout(() => follow(id, left - 1).catch(complain), ASK_MS);
      return;
    }
    const result = request.result && typeof request.result === "object"
      ? Object.entries(request.result).map(([key, value]) => key + " " + value).join(", ") : "";
    said.textContent = request.state === "done" ? "Tried again. " + result
      : request.state === "failed" ? "It could not be tried again. " + result
        : "The request waits for the collector.";
    cursor = null;
    page();
  }

  function complain(error) {
    if (error.name !== "AbortError") said.textContent = error.title ? error.title + ": " + error.message : error.message;
  }

  async function retry(what) {
    said.textContent = "Asking the collector to try again …";
    try {
      const answer = await post("/quarantine/retry", what);
      await follow(answer.request, 40);
    } catch (error) {
      complain(error);
    }
  }

  async function page() {
    try {
      const answer = await get("/quarantine", { limit: PAGE, cursor, reason, done: withDone ? "1" : "" }, signal);
      if (!cursor) replace(list);
      list.append(...answer.items.map((entry) => entryRow(entry, retry)));
      if (!cursor && answer.items.length === 0) {
        replace(list, h("li", null, empty(reason || withDone ? "No entry fits this filter" : "Nothing is in quarantine",
          h("p", null, reason || withDone ? "" : "Every message that arrived could be understood."))));
      }
      retryAll.disabled = list.querySelector(".entry") === null;
      cursor = answer.next;
      replace(more, cursor ? h("button", { type: "button", class: "row-link", on: { click: page } }, "Show more") : null);
    } catch (error) {
      if (error.name !== "AbortError") replace(list, h("li", null, failed(error, page)));
    }
  }

  replace(view, h("h1", { class: "small" }, "Quarantine"),
    h("p", { class: "lead" }, "Messages and events that could not be understood, with why and with their bytes. ",
      "After a mapping is mended they can be tried again; what is understood then becomes an event."),
    h("section", { class: "panel" },
      h("div", { class: "panel-head" }, h("label", { for: "reason" }, "Reason "), reasons,
        h("label", { for: "with-done", class: "check" }, done, " with those that were mended"), retryAll, said),
      list, more));
  replace(list, h("li", null, loading("the quarantine")));
  page();
  const end = onStatus((s) => {
    if (reasons.options.length === 0 || document.activeElement !== reasons) {
      const names = Object.entries(s.problems);
      replace(reasons, h("option", { value: "" }, "every reason"),
        names.map(([name, n]) => h("option", { value: name }, name + " (" + count(n) + ")")),
        reason && !s.problems[reason] ? h("option", { value: reason }, reason) : null);
      reasons.value = reason;
    }
    // New entries appear by themselves while nobody reads in one.
    if (open >= 0 && s.quarantine_open !== open && !list.querySelector("[aria-expanded=true]")
        && !list.contains(document.activeElement)) {
      cursor = null;
      page();
    }
    open = s.quarantine_open;
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}
