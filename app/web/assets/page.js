// The page people ask in: wires the question form, the conversation and the documents to the service.

import { Problem, answerEvents, getJson, hasKey, parts, upload, useKey } from "./service.js";
import { Turn, counted, element } from "./turn.js";

const byId = (id) => document.getElementById(id);
const announce = (text) => (byId("status").textContent = text);
const question = byId("question");
let turns = [];
let running = null;

// Returns what to tell the person; shows the form for a key where one is missing. A defect of the page itself surfaces.
function explain(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) askForKey();
  return error.message;
}

// --- Asking -------------------------------------------------------------------------------------------------------

const TURNS_SENT_ALONG = 10;

async function ask(asked) {
  const messages = turns.filter((turn) => turn.complete).slice(-TURNS_SENT_ALONG).flatMap((turn) => [
    { role: "user", content: turn.asked },
    { role: "assistant", content: turn.text.text },
  ]);
  const turn = new Turn(asked);
  begin(turn);
  try {
    for await (const [event, data] of answerEvents(asked, messages, running.signal)) turn.show(event, data);
  } catch (error) {
    showFailure(turn, error);
  } finally {
    end(turn);
  }
}

function showFailure(turn, error) {
  const cut = turn.text.text ? "The answer is cut off here. " : "";
  if (error.name === "AbortError") turn.note(`${cut}You stopped it.`);
  else turn.note(cut + explain(error), "notice error");
  if (!cut && !question.value) question.value = turn.asked;
}

function begin(turn) {
  running = new AbortController();
  turns.push(turn);
  byId("welcome").hidden = true;
  byId("restart").hidden = byId("stop").hidden = false;
  byId("send").ariaDisabled = "true";
  question.value = "";
  byId("conversation").append(turn.node);
  announce("Searching the documents.");
  turn.node.scrollIntoView({ block: "start" });
}

function end(turn) {
  const stopHadFocus = document.activeElement === byId("stop");
  running = null;
  byId("stop").hidden = true;
  byId("send").ariaDisabled = null;
  if (stopHadFocus) question.focus();
  announce(turn.close());
}

// --- Documents ----------------------------------------------------------------------------------------------------

const LONGEST_LIST = 200;
const OUTCOMES = { created: "Added", updated: "Updated", unchanged: "Already there, unchanged" };

async function showDocuments() {
  const note = byId("documents-note");
  try {
    const { documents } = await getJson("v1/documents");
    byId("documents-count").textContent = documents.length;
    byId("documents-list").replaceChildren(...documents.slice(0, LONGEST_LIST).map(documentNode));
    note.textContent = documents.length > LONGEST_LIST ? `The first ${LONGEST_LIST} are shown.` : "";
    byId("key-form").hidden = true;
    showWelcome(documents.length);
  } catch (error) {
    note.textContent = explain(error);
  }
  note.hidden = !note.textContent;
}

const documentNode = ({ title, chunks }) =>
  element("li", { dir: "auto" }, title, element("small", { textContent: counted(chunks, "passage") }));

function showWelcome(documents) {
  byId("welcome-add").hidden = documents > 0;
  byId("welcome-title").textContent = documents ? "What would you like to know?" : "Nothing to ask about yet";
  byId("welcome-text").textContent = documents
    ? "Each answer cites its passages by number. Open a number to read the passage it stands on."
    : "Add a document here, or run “ragspan ingest PATH” for a whole folder. You can ask about it as soon as it is in.";
}

async function addDocuments(files) {
  byId("documents-fold").open = true;
  for (const file of files) await addDocument(file);
  await showDocuments();
}

async function addDocument(file) {
  const progress = element("progress", { max: 1, value: 0, ariaLabel: `Sending ${file.name}` });
  const outcome = element("p", { textContent: "Sending…" });
  const row = element("li", {}, element("strong", { textContent: file.name, dir: "auto" }), outcome, progress);
  byId("uploads").prepend(row);
  try {
    const { status, chunks } = await upload(file, (share) => {
      progress.value = share;
      if (share < 1) return;
      progress.removeAttribute("value");
      outcome.textContent = "Reading and indexing…";
    });
    outcome.textContent = `${OUTCOMES[status]}: ${counted(chunks, "passage")}.`;
  } catch (error) {
    row.classList.add("failed");
    outcome.textContent = explain(error);
  }
  progress.remove();
  announce(`${file.name}: ${outcome.textContent}`);
}

async function showDegraded() {
  try {
    const { degraded = [] } = await getJson("readyz");
    byId("banner").textContent = `The service works without ${parts(degraded)} for now; some answers may fail.`;
    byId("banner").hidden = !degraded.length;
  } catch (error) {
    byId("banner").textContent = explain(error);
    byId("banner").hidden = false;
  }
}

// --- Keys, buttons, drops -----------------------------------------------------------------------------------------

function askForKey() {
  byId("key-title").textContent = hasKey() ? "That API key was not accepted" : "This service asks for an API key";
  byId("key-form").hidden = false;
  byId("key").focus();
}

byId("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  useKey(byId("key").value.trim());
  byId("key").value = "";
  await showDocuments();
  if (byId("key-form").hidden) question.focus();
});

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const asked = question.value.trim();
  if (asked && !running) ask(asked);
});

question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask").requestSubmit();
});

byId("stop").addEventListener("click", () => running?.abort());
byId("restart").addEventListener("click", () => {
  running?.abort();
  for (const turn of turns) turn.node.remove();
  turns = [];
  byId("restart").hidden = true;
  byId("welcome").hidden = false;
  question.focus();
});

byId("welcome-add").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", async ({ target }) => {
  const files = [...target.files];
  target.value = "";
  await addDocuments(files);
});

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  byId("drop").classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget || byId("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  byId("drop").classList.remove("over");
  addDocuments([...event.dataTransfer.files]);
});

const wide = matchMedia("(min-width: 64rem)");
const foldDocuments = () => (byId("documents-fold").open = wide.matches);
wide.addEventListener("change", foldDocuments);
foldDocuments();
showDegraded();
showDocuments();
