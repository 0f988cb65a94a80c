// Who is signed in and what they may do, and the dialog to sign in. A key goes to the service once, for a cookie that no
// script can read; this page keeps it nowhere.

import { byId } from "./dom.js";
import { Problem, beginSession, endSession, readSession } from "./service.js";

const AT_ISSUER = "session/oidc";
const FAILURES = {
  stale: "That took too long, or began in another window. Sign in again.",
  refused: "You were not let in, or left before the end.",
  unavailable: "The sign-in service could not be asked. Try again in a moment.",
  unproven: "What the sign-in service said could not be proven. Tell your operator.",
  stranger: "Your account belongs to nobody here. Ask your operator.",
  crowded: "Your account's groups are more than a browser's session has room for. Ask your operator.",
};
const dialog = byId("sign-in");
// A window in which someone has signed in tells those that wait for it.
const windows = new BroadcastChannel("ragspan-session");
let scopes = [];
let reader = "";

export const may = (scope) => scopes.includes(scope);

// Returns whether the page can be used; if not, asks to sign in.
export async function checkSession() {
  const session = await readSession();
  const isSignedIn = Boolean(session.name);
  const who = isSignedIn ? `${session.name} · ${session.tenant}` : "";
  if (reader && who && who !== reader) return startAnew();
  reader ||= who;
  const isNeeded = session.ways.length > 0 && !isSignedIn;
  scopes = session.scopes;
  for (const node of document.querySelectorAll("[data-scope]")) node.hidden = !isNeeded && !may(node.dataset.scope);
  for (const node of document.querySelectorAll("[data-way]")) node.hidden = !session.ways.includes(node.dataset.way);
  byId("who").textContent = who;
  byId("account").hidden = !isSignedIn;
  byId("sign-in-open").hidden = !isNeeded;
  if (isNeeded) askToSignIn("Sign in");
  return !isNeeded;
}

// What one has asked and read here is not for the next. Never settles: the page ends.
function startAnew() {
  byId("ask").reset();
  location.reload();
  return new Promise(() => {});
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

async function signInByKey() {
  const key = byId("key").value.trim();
  byId("key").value = "";
  try {
    await beginSession(key);
    windows.postMessage("signed in");
    if (!(await checkSession())) throw new Problem("Your browser did not keep the session: it does so over https only.");
  } catch (error) {
    showFault(Problem.sentence(error));
    byId("key").focus();
    return false;
  }
  return true;
}

// Takes the browser back from the issuer: a window of its own closes, and any other goes on as the page.
async function comeBack() {
  const outcome = new URLSearchParams(location.search);
  const failure = FAILURES[outcome.get("sign-in-failed")];
  if (outcome.size) history.replaceState(null, "", location.pathname);
  if (outcome.has("signed-in")) {
    windows.postMessage("signed in");
    close();
  }
  const isReady = await checkSession();
  if (failure && !isReady) showFault(failure);
  return isReady;
}

// `begun` is called when the page can be used, and after each time that someone has signed in; `failed` with why it cannot.
export function startSession(begun, failed) {
  const goOn = () => {
    dialog.close();
    begun();
    byId("question").focus();
  };
  const showFailure = (error) => (dialog.open ? showFault(Problem.sentence(error)) : failed(error));
  windows.addEventListener("message", () => checkSession().then((isReady) => isReady && goOn()).catch(showFailure));
  addEventListener("signed-out", () => askToSignIn("You are signed out: sign in again"));
  byId("sign-in-open").addEventListener("click", () => askToSignIn("Sign in"));
  byId("sign-in-close").addEventListener("click", () => dialog.close());
  byId("sign-out").addEventListener("click", async () => {
    await endSession().catch(() => {});
    startAnew();
  });
  byId("at-issuer").addEventListener("click", () => {
    if (!open(AT_ISSUER, "_blank", "popup,width=520,height=680")) location.assign(AT_ISSUER);
  });
  byId("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await signInByKey()) goOn();
  });
  comeBack().then((isReady) => isReady && begun()).catch(failed);
}
