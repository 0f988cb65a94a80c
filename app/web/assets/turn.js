// One question and its answer. Text of models and documents only ever becomes text nodes: nothing here parses HTML, and
// the policy that the page is served under would refuse it.

import { Problem, parts } from "./service.js";

export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export const counted = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
const duration = (ms) => (ms < 1000 ? `${Math.round(ms)}\u00a0ms` : `${(ms / 1000).toFixed(1)}\u00a0s`);

// A citation keeps the punctuation after it, so that no line starts with a full stop.
const CITATION = /^\[([\d,\s]+)\](.*)$/;
const PARTS = /(\n{2,}|\[\d{1,3}(?:\s*,\s*\d{1,3})*\][.,;:!?)]*)/;
const UNFINISHED_PART = /(\[[\d,\s]{0,20}\]?|\n+)$/;

// Appends streamed text and turns each [n] or [n, m] into buttons. It never redraws, so that focus and selection survive.
class AnswerText {
  constructor(node, citation) {
    Object.assign(this, { node, citation, text: "", held: "", paragraph: null });
  }

  write(piece, last = false) {
    this.text += piece;
    const arrived = this.held + piece;
    this.held = last ? "" : UNFINISHED_PART.exec(arrived)?.[0] ?? "";
    for (const part of arrived.slice(0, arrived.length - this.held.length).split(PARTS)) {
      if (/^\n{2,}$/.test(part)) this.paragraph = null;
      else if (part) this.append(this.citations(part) ?? part);
    }
  }

  citations(part) {
    const [, numbers, punctuation] = CITATION.exec(part) ?? [];
    const buttons = numbers?.split(",").map((number) => this.citation(Number(number))).filter(Boolean);
    return buttons?.length ? element("span", { className: "citation" }, ...buttons, punctuation) : null;
  }

  append(child) {
    if (!this.paragraph) this.node.append((this.paragraph = element("p", { dir: "auto" })));
    this.paragraph.append(child);
  }
}

export class Turn {
  constructor(asked) {
    this.asked = asked;
    this.complete = false;
    this.sources = [];
    this.started = performance.now();
    this.state = element("p", { className: "state" }, "Searching the documents…");
    this.answer = element("div", { className: "answer" });
    this.reply = element("div", { className: "reply" }, this.answer, this.state);
    this.passages = element("div", { className: "sources", role: "group", ariaLabel: "Sources", hidden: true });
    this.text = new AnswerText(this.answer, (number) => this.citation(number));
    const title = element("h2", { textContent: asked, dir: "auto" });
    const grid = element("div", { className: "turn-grid" }, this.reply, this.passages);
    this.node = element("article", { className: "turn", ariaLabel: `Question: ${asked}` }, title, grid);
  }

  show(event, data) {
    if (event === "sources") this.showSources(data.sources);
    else if (event === "token") this.showText(data.text);
    else if (event === "done") this.finish(data);
    else if (event === "error") throw Problem.of(data);
  }

  showSources(sources) {
    this.state.textContent = "Writing the answer…";
    this.sources = sources.map((source, index) => this.sourceNode(source, index + 1));
    this.passages.hidden = !sources.length;
    this.passages.append(element("h3", { textContent: "Sources" }), ...this.sources);
  }

  sourceNode({ title, location, score, text }, number) {
    const back = element("button", { type: "button", className: "link", textContent: "Back to the answer", hidden: true });
    const place = `${location} > `.startsWith(`${title} > `) ? location.slice(title.length + 3) : location;
    const where = [place, `score\u00a0${score.toFixed(2)}`].filter(Boolean).join(" · ");
    const passage = element("blockquote", { textContent: text, dir: "auto", tabIndex: 0, ariaLabel: `Passage ${number}` });
    const node = element(
      "details",
      {},
      element(
        "summary",
        {},
        element("span", { className: "number", textContent: number }),
        element("span", { textContent: title, dir: "auto" }),
        element("span", { className: "where", textContent: where, dir: "auto" }),
      ),
      element("div", { className: "passage" }, passage, back),
    );
    Object.assign(node, { label: `Source ${number}: ${title}`, passage, back, citations: [] });
    const goBack = () => node.citations[0]?.focus();
    back.addEventListener("click", goBack);
    node.addEventListener("keydown", ({ key }) => key === "Escape" && goBack());
    node.addEventListener("toggle", () => this.showOpen(node));
    return node;
  }

  showOpen(node) {
    for (const citation of node.citations) citation.ariaExpanded = String(node.open);
    if (node.open) for (const other of this.sources) other.open = other === node;
  }

  citation(number) {
    const source = this.sources[number - 1];
    if (!source) return null;
    const button = element("button", { type: "button", className: "cite", textContent: number });
    Object.assign(button, { ariaLabel: source.label, ariaExpanded: String(source.open) });
    button.addEventListener("click", () => {
      source.citations = [button, ...source.citations.filter((other) => other !== button)];
      source.open = true;
      source.passage.focus({ preventScroll: true });
      source.scrollIntoView({ block: "nearest" });
    });
    source.citations.push(button);
    source.classList.add("cited");
    source.back.hidden = false;
    return button;
  }

  showText(text) {
    this.firstText ??= performance.now() - this.started;
    this.text.write(text);
  }

  finish({ metadata, truncated }) {
    this.complete = true;
    if (truncated) this.note("The answer stopped at its length limit, so its end is missing.");
    const { quality, removed, degraded } = metadata;
    const cut = Object.entries(removed).map(([category, count]) => counted(count, category.replaceAll("_", " ")));
    if (quality.unsupported.length) {
      const unsupported = `${quality.unsupported.length} of ${counted(quality.statements, "statement")}`;
      this.note(`The passages do not clearly support ${unsupported}; check what the answer says.`);
    }
    if (cut.length) this.note(`Removed from the answer: ${cut.join(", ")}.`);
    if (degraded.length) this.note(`Answered without ${parts(degraded)}, so it may be less exact.`);
    const total = duration(performance.now() - this.started);
    const first = this.firstText === undefined ? "" : ` · first words after ${duration(this.firstText)}`;
    const rows = Object.entries(metadata.timings_ms).flatMap(([stage, ms]) => [
      element("dt", { textContent: stage.replaceAll("_", " ") }),
      element("dd", { textContent: duration(ms) }),
    ]);
    const summary = element("summary", { textContent: `${metadata.model ?? "no model"} · ${total}${first}` });
    this.reply.append(element("details", { className: "meta" }, summary, element("dl", {}, ...rows)));
  }

  note(text, className = "notice") {
    this.reply.append(element("p", { className, textContent: text }));
  }

  // Ends the turn, however it went, and returns what a screen reader should say of it.
  close() {
    this.text.write("", true);
    this.state.remove();
    const notes = [...this.reply.querySelectorAll(".notice")].map((note) => note.textContent);
    const answer = this.text.text && `Answer: ${this.text.text} ${counted(this.sources.length, "source")}.`;
    return [answer, ...notes].filter(Boolean).join(" ");
  }
}
