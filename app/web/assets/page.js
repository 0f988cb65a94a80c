// The page people ask in: wires the question form and the conversation to the service.

import { showDocuments, takeDocuments } from "./documents.js";
import { announce, byId } from "./dom.js";
import { retryButton } from "./retry.js";
import { Problem, answerEvents, getJson, parts } from "./service.js";
import { startSession } from "./session.js";
import { Turn } from "./turn.js";

const TURNS_SENT_ALONG = 10;
const question = byId("question");
let turns = [];
let running = null;

// --- Asking -------------------------------------------------------------------------------------------------------

async function ask(asked) {
  const messages = turns.filter((turn) => turn.complete).slice(-TURNS_SENT_ALONG).flatMap((turn) => [
    { role: "user", content: turn.asked },
    { role: "assistant", content: turn.text },
  ]);
  const turn = new Turn(asked);
  begin(turn);
  try {
    for await (const [event, data] of answerEvents(asked, messages, running.signal)) turn.show(event, data);
  } catch (error) {
    if (turns.includes(turn)) showFailure(turn, error);
  } finally {
    end(turn);
  }
}

function showFailure(turn, error) {
  const cut = turn.text ? "The answer is cut off here. " : "";
  if (error.name === "AbortError") {
    turn.note(`${cut}You stopped it.`);
  } else {
    turn.note(cut + Problem.sentence(error), "notice error");
    if (error.retryAfterS !== null) turn.reply.append(retryButton("Ask again", error.retryAfterS, () => askAgain(turn)));
  }
  if (!cut && !question.value) question.value = turn.asked;
}

function askAgain(turn) {
  if (running) return;
  drop(turn);
  ask(turn.asked);
  byId("stop").focus();
}

function drop(turn) {
  turns = turns.filter((other) => other !== turn);
  turn.node.remove();
}

function begin(turn) {
  running = new AbortController();
  turns.push(turn);
  byId("welcome").hidden = true;
  byId("restart").hidden = byId("stop").hidden = false;
  byId("send").ariaDisabled = "true";
  if (question.value.trim() === turn.asked) question.value = "";
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
  announce(turns.includes(turn) ? turn.close() : "");
}

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
  turns.forEach(drop);
  byId("restart").hidden = true;
  byId("welcome").hidden = false;
  question.focus();
});

// --- The state of the service -------------------------------------------------------------------------------------

async function showDegraded() {
  try {
    const { degraded = [] } = await getJson("readyz");
    byId("banner").textContent = `The service works without ${parts(degraded)} for now; some answers may fail.`;
    byId("banner").hidden = !degraded.length;
  } catch (error) {
    showTrouble(error);
  }
}

function showTrouble(error) {
  byId("banner").textContent = Problem.sentence(error);
  byId("banner").hidden = false;
}

const wide = matchMedia("(min-width: 64rem)");
const foldDocuments = () => (byId("documents-fold").open = wide.matches);
wide.addEventListener("change", foldDocuments);
foldDocuments();
takeDocuments();
showDegraded();
startSession(showDocuments, showTrouble);
