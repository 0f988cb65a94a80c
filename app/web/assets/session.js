// Who is signed in and what they may do, and the dialog to sign in. A key goes to the service once, for a cookie that no
// script can read; this page keeps it nowhere.

import { byId } from "./dom.js";
import { Problem, endSession, beginSession, readSession } from "./service.js";

const dialog = byId("sign-in");
let scopes = [];

export const may = (scope) => scopes.includes(scope);

// Returns whether the page can be used; if not, asks to sign in.
export async function checkSession() {
  const { needed, name, tenant, ends_in_s, ...session } = await readSession();
  const isSignedIn = Boolean(name);
  scopes = session.scopes;
  for (const node of document.querySelectorAll("[data-scope]")) node.hidden = needed && isSignedIn && !may(node.dataset.scope);
  byId("who").textContent = isSignedIn ? `${name} · ${tenant}` : "";
  byId("account").hidden = !isSignedIn;
  byId("sign-in-open").hidden = !needed || isSignedIn;
  if (needed && !isSignedIn) askToSignIn("Sign in");
  return !needed || isSignedIn;
}

function askToSignIn(title) {
  if (dialog.open) return;
  byId("sign-in-title").textContent = title;
  showFault("");
  dialog.showModal();
}

function showFault(sentence) {
  byId("sign-in-fault").textContent = sentence;
  byId("sign-in-fault").hidden = !sentence;
  byId("key").ariaInvalid = sentence ? "true" : null;
}

// `begun` is called after each time that someone has signed in.
export function takeSignIns(begun) {
  addEventListener("signed-out", () => askToSignIn("You are signed out: sign in again"));
  byId("sign-in-open").addEventListener("click", () => askToSignIn("Sign in"));
  byId("sign-in-close").addEventListener("click", () => dialog.close());
  byId("sign-out").addEventListener("click", async () => {
    await endSession().catch(() => {});
    location.reload();
  });
  byId("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = byId("key").value.trim();
    byId("key").value = "";
    try {
      await beginSession(key);
      if (!(await checkSession())) throw new Problem("Your browser did not keep the session: it does so over https only.");
    } catch (error) {
      showFault(Problem.sentence(error));
      byId("key").focus();
      return;
    }
    dialog.close();
    begun();
  });
}
