// The documents: which there are, and adding further ones by the button or by dropping them.

import { announce, byId, counted, element } from "./dom.js";
import { retryButton } from "./retry.js";
import { Problem, getJson, upload } from "./service.js";
import { may } from "./session.js";

const LONGEST_LIST = 200;
const OUTCOMES = { created: "Added", updated: "Updated", unchanged: "Already there, unchanged" };

export async function showDocuments() {
  const note = byId("documents-note");
  try {
    const { documents } = await getJson("v1/documents");
    byId("documents-count").textContent = documents.length;
    byId("documents-list").replaceChildren(...documents.slice(0, LONGEST_LIST).map(documentNode));
    note.textContent = documents.length > LONGEST_LIST ? `The first ${LONGEST_LIST} are shown.` : "";
    showWelcome(documents.length);
  } catch (error) {
    note.textContent = Problem.sentence(error);
  }
  note.hidden = !note.textContent;
}

const documentNode = ({ title, chunks }) =>
  element("li", { dir: "auto" }, title, element("small", { textContent: counted(chunks, "passage") }));

function showWelcome(documents) {
  byId("welcome-add").hidden = documents > 0 || !may("ingest");
  byId("welcome-title").textContent = documents ? "What would you like to know?" : "Nothing to ask about yet";
  byId("welcome-text").textContent = documents
    ? "Each answer cites its passages by number. Open a number to read the passage it stands on."
    : !may("ingest")
      ? "There is no document yet that you may read. Whoever may add documents can do so."
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
    outcome.textContent = Problem.sentence(error);
    if (error.retryAfterS !== null) row.append(retryButton("Send again", error.retryAfterS, () => addAgain(row, file)));
  }
  progress.remove();
  announce(`${file.name}: ${outcome.textContent}`);
}

function addAgain(row, file) {
  row.remove();
  byId("file").focus();
  addDocuments([file]);
}

const carriesFiles = (event) => may("ingest") && event.dataTransfer?.types.includes("Files");

export function takeDocuments() {
  byId("welcome-add").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", async ({ target }) => {
    const files = [...target.files];
    target.value = "";
    await addDocuments(files);
  });
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
}
