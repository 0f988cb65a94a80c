// One question and its answer.

import { actions } from "./actions.js";
import { counted, duration, element } from "./dom.js";
import { MarkdownStream } from "./markdown.js";
import { Problem, parts } from "./service.js";
import { Sources } from "./sources.js";

const ANSWERED_BEFORE = {
  exact: "answered before",
  semantic: "answered before, for a question that means the same",
};

export class Turn {
  constructor(asked) {
    this.asked = asked;
    this.complete = false;
    this.started = performance.now();
    this.state = element("p", { className: "state" }, "Searching the documents…");
    this.answer = element("div", { className: "answer" });
    this.reply = element("div", { className: "reply" }, this.answer, this.state);
    this.sources = new Sources(this.answer);
    this.stream = new MarkdownStream(this.answer, (number) => this.sources.cite(number));
    const title = element("h2", { textContent: asked, dir: "auto" });
    const grid = element("div", { className: "turn-grid" }, this.reply, this.sources.node);
    this.node = element("article", { className: "turn", ariaLabel: `Question: ${asked}` }, title, grid);
  }

  // The answer as it was written, in Markdown.
  get text() {
    return this.stream.text;
  }

  show(event, data) {
    if (event === "sources") this.showSources(data.sources);
    else if (event === "token") this.showText(data.text);
    else if (event === "done") this.finish(data);
    else if (event === "error") throw Problem.of(data);
  }

  showSources(sources) {
    this.state.textContent = "Writing the answer…";
    this.sources.show(sources);
  }

  showText(text) {
    this.firstText ??= performance.now() - this.started;
    this.stream.write(text);
  }

  finish({ answer_id, citations, finish_reason, metadata, truncated }) {
    this.complete = true;
    this.stream.write("", true);
    this.sources.locate(citations);
    for (const sentence of caveats(finish_reason, truncated, metadata)) this.note(sentence);
    this.reply.append(actions(answer_id, this), this.details(metadata));
  }

  details({ model, timings_ms, cached }) {
    const first = this.firstText === undefined ? "" : `first words after ${duration(this.firstText)}`;
    const rows = Object.entries(timings_ms).flatMap(([stage, ms]) => [
      element("dt", { textContent: stage.replaceAll("_", " ") }),
      element("dd", { textContent: duration(ms) }),
    ]);
    const total = duration(performance.now() - this.started);
    const facts = [model ?? "no model", total, first, ANSWERED_BEFORE[cached]].filter(Boolean);
    const summary = element("summary", { textContent: facts.join(" · ") });
    return element("details", { className: "meta" }, summary, element("dl", {}, ...rows));
  }

  note(text, className = "notice") {
    this.reply.append(element("p", { className, textContent: text }));
  }

  // Ends the turn, however it went, and returns what a screen reader should say of it.
  close() {
    this.stream.write("", true);
    this.state.remove();
    const notes = [...this.reply.querySelectorAll(".notice")].map((note) => note.textContent);
    const answer = this.text && `Answer: ${this.answer.textContent} ${counted(this.sources.sources.length, "source")}.`;
    return [answer, ...notes].filter(Boolean).join(" ");
  }
}

// What a reader must know of an answer before relying on it, in sentences.
function caveats(finishReason, truncated, { quality, removed, degraded }) {
  const sentences = [];
  if (truncated) sentences.push("The answer stopped at its length limit, so its end is missing.");
  if (finishReason === "fallback") sentences.push("What the model wrote was withheld: the passages do not clearly support it.");
  else sentences.push(...doubts(quality, removed));
  if (degraded.length) sentences.push(`Answered without ${parts(degraded)}, so it may be less exact.`);
  return sentences;
}

function doubts({ statements, unsupported }, removed) {
  const part = `${unsupported.length} of ${counted(statements, "statement")}`;
  const cut = Object.entries(removed).map(([category, count]) => counted(count, category.replaceAll("_", " ")));
  return [
    unsupported.length && `The passages do not clearly support ${part}; check what the answer says.`,
    cut.length && `Removed from the answer: ${cut.join(", ")}.`,
  ].filter(Boolean);
}
