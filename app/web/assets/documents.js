// The documents: which there are, adding further ones by the button or by dropping them, and removing them.

import { announce, byId, counted, element } from "./dom.js";
import { removal } from "./removal.js";
import { retryButton } from "./retry.js";
import { Problem, getJson, upload } from "./service.js";
import { may } from "./session.js";

const PAGE = 1000; // the most that the service gives at a time
const byTitle = new Intl.Collator("en", { numeric: true });
const OUTCOMES = { created: "Added", updated: "Updated", unchanged: "Already there, unchanged" };

// What is shown, and where the list goes on; read anew after each change.
let list = { documents: [], next: null };
let reads = 0;

export const showDocuments = () => read({ documents: [], next: "" });

async function read(before) {
  const note = byId("documents-note");
  const more = byId("documents-more");
  const number = ++reads;
  const isLatest = () => number === reads;
  more.ariaDisabled = "true";
  try {
    const after = await withNextPage(before);
    if (!isLatest()) return;
    list = after;
    const { documents, next } = list;
    byId("documents-count").textContent = documents.length.toLocaleString("en") + (next ? "+" : "");
    byId("documents-list").replaceChildren(...documents.map(documentNode));
    note.textContent = next ? `There are more documents than these ${documents.length.toLocaleString("en")}.` : "";
    showWelcome(documents.length);
  } catch (error) {
    if (!isLatest()) return;
    note.textContent = Problem.sentence(error);
  }
  note.hidden = !note.textContent;
  more.hidden = !list.next;
  more.ariaDisabled = null;
}

// A page may be empty and yet lead to others.
async function withNextPage({ documents, next }) {
  do {
    const page = await getJson(`v1/documents?limit=${PAGE}${next && `&cursor=${next}`}`);
    documents = [...documents, ...page.documents];
    next = page.next_cursor;
  } while (next && !documents.length);
  return { documents: documents.sort((one, other) => byTitle.compare(one.title, other.title)), next };
}

async function readOn({ currentTarget: more }) {
  if (more.ariaDisabled) return;
  await read(list);
  if (more.hidden) byId("documents-list").focus();
  announce(byId("documents-note").textContent || `All ${counted(list.documents.length, "document")} are shown.`);
}

function documentNode(shown) {
  const title = element("div", { textContent: shown.title });
  const passages = element("small", { textContent: counted(shown.chunks, "passage") });
  return element("li", { dir: "auto" }, title, passages, ...(may("admin") ? [removal(shown, showDocuments)] : []));
}

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
  byId("documents-more").addEventListener("click", readOn);
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
