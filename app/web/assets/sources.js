// The passages of one answer. A citation's button opens its passage with the cited part marked and in view.

import { announce, element } from "./dom.js";

export class Sources {
  // `answer` is the node that holds the citations' buttons.
  constructor(answer) {
    Object.assign(this, { answer, sources: [], citations: [], opened: null });
    this.node = element("div", { className: "sources", role: "group", ariaLabel: "Sources", hidden: true });
    answer.addEventListener("click", ({ target }) => target.closest(".cite") && this.open(target.closest(".cite")));
  }

  show(sources) {
    this.sources = sources.map((source, index) => this.source(source, index + 1));
    this.node.hidden = !sources.length;
    this.node.append(element("h3", { textContent: "Sources" }), ...this.sources);
  }

  source({ title, location, score, text }, number) {
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
    Object.assign(node, { label: `Source ${number}: ${title}`, number, title, passage, back });
    const goBack = () => (this.buttons(number).includes(this.opened) ? this.opened : this.buttons(number)[0])?.focus();
    back.addEventListener("click", goBack);
    node.addEventListener("keydown", ({ key }) => key === "Escape" && goBack());
    node.addEventListener("toggle", () => this.toggled(node));
    return node;
  }

  // Returns a button for the citation of a source, or null where there is no such source.
  cite(number) {
    const source = this.sources[number - 1];
    if (!source) return null;
    source.classList.add("cited");
    source.back.hidden = false;
    const button = element("button", { type: "button", className: "cite", textContent: number, value: number });
    return Object.assign(button, { ariaLabel: source.label, ariaExpanded: String(source.open) });
  }

  // Where in the passages the statements stand, once the answer is complete.
  locate(citations) {
    this.citations = citations;
    const source = this.sources.find(({ open }) => open);
    if (source) this.mark(source);
  }

  open(button) {
    const source = this.sources[button.value - 1];
    this.opened = button;
    source.open = true;
    source.passage.focus({ preventScroll: true });
    source.scrollIntoView({ block: "nearest" });
    const marked = this.mark(source);
    marked?.scrollIntoView({ block: "nearest" });
    announce(marked ? `Cited: ${marked.textContent}` : "");
  }

  toggled(node) {
    for (const button of this.buttons(node.number)) button.ariaExpanded = String(node.open);
    if (!node.open) return;
    for (const other of this.sources) other.open = other === node;
    if (!node.passage.querySelector("mark")) this.mark(node);
  }

  buttons(number) {
    return [...this.answer.querySelectorAll(`.cite[value="${number}"]`)];
  }

  // Marks what the opened citation says, or all that is cited of this source, and returns the first mark.
  mark({ number, passage }) {
    const characters = [...passage.textContent];
    const pieces = [];
    let from = 0;
    for (const [start, end] of this.cited(number)) {
      if (start < from) continue;
      pieces.push(characters.slice(from, start).join(""), element("mark", {}, characters.slice(start, end).join("")));
      from = end;
    }
    passage.replaceChildren(...pieces, characters.slice(from).join(""));
    return passage.querySelector("mark");
  }

  // Places in the passage, in Unicode code points as the service counts them.
  cited(number) {
    const all = this.citations.filter(({ source }) => source === number - 1);
    const buttons = this.buttons(number);
    const chosen = buttons.length === all.length ? all[buttons.indexOf(this.opened)] : null;
    const places = (chosen ? [chosen] : all).map((citation) => [citation.passage_start, citation.passage_end]);
    return places.filter(([start, end]) => start < end).sort(([a], [b]) => a - b);
  }
}
