// SPDX-License-Identifier: Apache-2.0
// Who is signed in: what they may do, where they are signed in, their password.
import { get, post, remove } from "../api.js";
import { html, nothing } from "../lit.js";
import { ago, badge, moment } from "../parts.js";
import { goSignIn } from "../who.js";

const KINDS = {
  user: "signed in here",
  token: "a program, by its token",
  proxy: "named by the proxy in front of the tower",
  local: "nobody signs in: everybody on this machine may do all",
};

async function load() {
  const who = await get("/session");
  const sessions = who.kind === "user" ? (await get("/sessions")).items : [];
  return { who, sessions };
}

// One click, one effect; what it came to is said beside it.
async function act(context, name, work, words) {
  const { state } = context;
  if (state.isActing) return;
  Object.assign(state, { isActing: true, said: null });
  context.update();
  try {
    await work();
    state.said = { name, ok: true, words };
  } catch (error) {
    state.said = { name, ok: false, words: error.detail || error.title || error.message };
  }
  state.isActing = false;
  context.reload();
}

function said(context, name) {
  const { said } = context.state;
  if (!said || said.name !== name) return nothing;
  return html`<p class="note ${said.ok ? "" : "bad"}" role=${said.ok ? "status" : "alert"}>
    ${said.words}
  </p>`;
}

async function signOut() {
  await remove("/session");
  goSignIn();
}

function sessionRow(context, session) {
  const end = () =>
    act(
      context,
      "sessions",
      () => remove("/sessions/" + session.session),
      "The session was ended.",
    );
  return html`<tr>
    <td>${session.agent || "unknown"} ${session.this ? badge("ok", "this one") : nothing}</td>
    <td>${session.address || "unknown"}</td>
    <td>${moment(session.since)}</td>
    <td>${ago(session.used)} ago</td>
    <td>${session.this ? nothing : html`<button type="button" @click=${end}>End it</button>`}</td>
  </tr>`;
}

function passwordForm(context, who) {
  const change = (submit) => {
    submit.preventDefault();
    const form = submit.target;
    const { old, fresh, again } = form.elements;
    if (fresh.value !== again.value) {
      context.state.said = { name: "password", ok: false, words: "The two new passwords differ." };
      context.update();
      return;
    }
    act(
      context,
      "password",
      async () => {
        await post("/session/password", { password: old.value, new_password: fresh.value });
        form.reset();
      },
      "The password was changed; all other sessions have ended.",
    );
  };
  return html`<section>
    <h2>Password</h2>
    <form class="account-form" @submit=${change}>
      <input name="user" type="text" autocomplete="username" .value=${who.user} hidden />
      <label for="old">Password so far</label>
      <input
        id="old"
        name="old"
        type="password"
        required
        maxlength="512"
        autocomplete="current-password"
      />
      <label for="fresh">New password, 12 characters or more</label>
      <input
        id="fresh"
        name="fresh"
        type="password"
        required
        minlength="12"
        maxlength="512"
        autocomplete="new-password"
      />
      <label for="again">New password, once more</label>
      <input
        id="again"
        name="again"
        type="password"
        required
        minlength="12"
        maxlength="512"
        autocomplete="new-password"
      />
      <button type="submit" class="primary">Change it</button>
    </form>
    ${said(context, "password")}
  </section>`;
}

function rightsOf(who) {
  const narrowed = who.grants.length
    ? html`<p>And by grants:</p>
        <ul>
          ${who.grants.map((grant) => html`<li><code>${grant}</code></li>`)}
        </ul>`
    : nothing;
  return html`<section>
    <h2>What you may do</h2>
    <p>
      As <strong>${who.role}</strong>:
      ${who.rights.length ? who.rights.map((right) => html`<code>${right}</code> `) : "nothing"}
    </p>
    ${narrowed}
  </section>`;
}

function view({ who, sessions }, context) {
  const isOwn = who.kind === "user";
  return html`<h1>${who.user}</h1>
    <p>
      ${KINDS[who.kind]}${who.since ? html`, since ${moment(who.since)}` : nothing}${
        who.ends ? html`; the session ends at ${moment(who.ends)}, or when it is not used` : nothing
      }
    </p>
    ${
      isOwn
        ? html`<button type="button" id="sign-out" @click=${() => act(context, "out", signOut, "")}>
              Sign out
            </button>
            ${said(context, "out")}`
        : nothing
    }
    ${rightsOf(who)}
    ${
      isOwn
        ? html`<section>
              <h2>Where you are signed in</h2>
              <div class="scroll" tabindex="0" role="region" aria-label="Sessions">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Browser</th>
                      <th scope="col">Address</th>
                      <th scope="col">Since</th>
                      <th scope="col">Used</th>
                      <th scope="col"><span class="hidden">End it</span></th>
                    </tr>
                  </thead>
                  <tbody>
                    ${sessions.map((session) => sessionRow(context, session))}
                  </tbody>
                </table>
              </div>
              ${said(context, "sessions")}
            </section>
            ${passwordForm(context, who)}`
        : nothing
    }`;
}

export const page = {
  what: "who you are",
  views: [],
  title: ({ who }) => who.user,
  load,
  view,
};
