// SPDX-License-Identifier: Apache-2.0
// The page where people sign in, and where those who must choose a password do.
import { ApiError, get, post } from "./api.js";
import { nextOf } from "./who.js";

const signIn = document.getElementById("sign-in");
const change = document.getElementById("change");
const said = document.getElementById("said");
const changed = document.getElementById("changed");

function goOn() {
  location.replace(nextOf(location.search, location.origin));
}

function askForPassword(user, old) {
  signIn.hidden = true;
  change.hidden = false;
  change.elements.user.value = user;
  change.elements.old.value = old;
  (old ? change.elements.fresh : change.elements.old).focus();
}

function take(who, old) {
  if (who.must_change) askForPassword(who.user, old);
  else goOn();
}

function tell(place, error) {
  if (!(error instanceof ApiError)) place.textContent = "The tower does not answer. Try again.";
  else if (error.status === 401) place.textContent = "User or password is not right.";
  else place.textContent = error.title + (error.detail ? ": " + error.detail : "") + ".";
}

// One press, one attempt.
async function during(form, place, work) {
  const button = form.querySelector("button");
  if (button.disabled) return;
  place.textContent = "";
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    tell(place, error);
  } finally {
    button.disabled = false;
  }
}

signIn.addEventListener("submit", (submit) => {
  submit.preventDefault();
  const { user, password } = signIn.elements;
  during(signIn, said, async () => {
    try {
      take(
        await post("/session", { user: user.value.trim(), password: password.value }),
        password.value,
      );
    } catch (error) {
      password.value = "";
      password.focus();
      throw error;
    }
  });
});

change.addEventListener("submit", (submit) => {
  submit.preventDefault();
  const { old, fresh, again } = change.elements;
  if (fresh.value !== again.value) {
    changed.textContent = "The two new passwords differ.";
    again.focus();
    return;
  }
  during(change, changed, async () => {
    take(await post("/session/password", { password: old.value, new_password: fresh.value }), "");
  });
});

// Whoever is signed in already need not be here, but for a password that must be changed.
get("/session").then(
  (who) => take(who, ""),
  () => {}, // not signed in: that is what this page is for
);
