// SPDX-License-Identifier: Apache-2.0
// Calls of the tower's API. A problem (RFC 9457) becomes an ApiError with words for a person.

import { goSignIn } from "./who.js";

const DEADLINE_MS = 15000; // beyond the server's own deadline for a query
const AHEAD_MS = 3000; // so old it may be when it is asked for
const KEPT = 12; // answers that are kept for when nothing has changed: those with a tag
const ahead = new Map(); // path: the promise of an answer that no page has asked for yet
const kept = new Map(); // path: {tag, text}, in the order of use

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || "status " + status);
    this.status = status;
    this.title = problem.title || "The tower answered with status " + status;
    this.detail = problem.detail || "";
    this.problem = problem;
  }
}

export class Unreachable extends Error {}

function keep(path, tag, text) {
  kept.delete(path);
  if (tag) kept.set(path, { tag, text });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

async function call(path, options) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), DEADLINE_MS);
  const outer = options.signal;
  if (outer) outer.addEventListener("abort", () => stop.abort());
  let answer;
  try {
    const known = options.method ? undefined : kept.get(path);
    const headers = { ...options.headers, ...(known && { "If-None-Match": known.tag }) };
    answer = await fetch("/api/v1" + path, {
      ...options,
      headers,
      signal: stop.signal,
      cache: "no-store",
    });
    const text = answer.status === 304 ? known.text : await answer.text();
    const body = text ? JSON.parse(text) : null; // 204 has none
    if (!answer.ok && answer.status !== 304) {
      // Signed out meanwhile: what is typed into a form of passwords is told there.
      const { type = "" } = body || {};
      if (answer.status === 401 && type.endsWith(":sign-in")) goSignIn();
      if (answer.status === 403 && type.endsWith(":must-change-password")) goSignIn();
      throw new ApiError(answer.status, body || {});
    }
    keep(path, answer.headers.get("ETag"), text);
    return body;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (outer && outer.aborted) throw new DOMException("left", "AbortError");
    if (answer && !answer.ok) throw new ApiError(answer.status, {});
    throw new Unreachable("the tower does not answer");
  } finally {
    clearTimeout(timer);
  }
}

// Ask now for what get() will be asked for.
export function askAhead(path) {
  const answer = call(path, {});
  answer.catch(() => {}); // get() hears of it
  ahead.set(path, answer);
  setTimeout(() => ahead.delete(path), AHEAD_MS);
}

export function get(path, params, signal) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params || {})) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  const whole = path + (text ? "?" + text : "");
  const answer = ahead.get(whole) || call(whole, { signal });
  ahead.delete(whole);
  return answer;
}

function send(method, path, body, headers) {
  return call(path, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

export function post(path, body, headers) {
  return send("POST", path, body, headers);
}

export function put(path, body) {
  return send("PUT", path, body);
}

export function remove(path) {
  return call(path, { method: "DELETE" });
}
