// SPDX-License-Identifier: Apache-2.0
// Calls of the tower's API. A problem (RFC 9457) becomes an ApiError with words for a person.

const DEADLINE_MS = 15000; // beyond the server's own deadline for a query

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || "status " + status);
    this.status = status;
    this.title = problem.title || "The tower answered with status " + status;
    this.detail = problem.detail || "";
  }
}

export class Unreachable extends Error {}

async function call(path, options) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), DEADLINE_MS);
  const outer = options.signal;
  if (outer) outer.addEventListener("abort", () => stop.abort());
  let answer;
  try {
    answer = await fetch("/api/v1" + path, { ...options, signal: stop.signal, cache: "no-store" });
    const body = await answer.json();
    if (!answer.ok) throw new ApiError(answer.status, body);
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

export function get(path, params, signal) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params || {})) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return call(path + (text ? "?" + text : ""), { signal });
}

export function post(path, body) {
  return call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}
