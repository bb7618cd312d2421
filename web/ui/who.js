// SPDX-License-Identifier: Apache-2.0
// Who is signed in, and where they go when they are not any more.

// The path that "?next=" names, of this tower only; "/" when it names none, or another place.
export function nextOf(search, origin) {
  const next = new URLSearchParams(search).get("next") || "/";
  if (!/^\/(?![/\\])/.test(next) || /^\/(sign-in|api|ui)(?=[/?#]|$)/.test(next)) return "/";
  let place;
  try {
    place = new URL(next, origin);
  } catch {
    return "/";
  }
  return place.origin === origin ? place.pathname + place.search + place.hash : "/";
}

let isLeaving = false;

// To the page where one signs in, and back here from there. Once: several calls may be told at a time.
export function goSignIn() {
  if (isLeaving || location.pathname === "/sign-in") return;
  isLeaving = true;
  const here = location.pathname + location.search;
  location.replace("/sign-in" + (here === "/" ? "" : "?next=" + encodeURIComponent(here)));
}
