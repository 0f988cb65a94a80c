// Markdown of an answer as nodes: paragraphs, headings, lists, tables, quotations, code, emphasis, links, citations.
// Deliberately absent: HTML, which is shown as it is written; images, which a browser would fetch unasked; links that are
// neither http nor https.

import { element } from "./dom.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const FENCE_END = /^ {0,3}(?:`{3,}|~{3,})[ \t]*$/;
const HEADING = /^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const ITEM = /^( {0,3})([-*+•]|(\d{1,9})[.)])[ \t]+(?=\S)/;
const QUOTE = /^ {0,3}> ?/;
const TABLE_RULE = /^ {0,3}\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?$/;
const DEEPEST = 8;
const STARTS = [FENCE, HEADING, RULE, QUOTE];

// A citation keeps the punctuation after it, so that no line starts with a full stop.
const INLINE = new RegExp(
  [
    /(?<ticks>`+)(?<code>[^`](?:[^]{0,1000}?[^`])?)\k<ticks>(?!`)/,
    /!\[(?<image>[^\]\n]*)\]\([^)\n]*\)/,
    /\[(?<label>[^\]\n]+)\]\((?<target>https?:\/\/[^\s()<>]+)\)/,
    /(?<citation>\[\d{1,3}(?:\s*,\s*\d{1,3})*\])(?<punctuation>[.,;:!?)]*)/,
    /(?<address>https?:\/\/[^\s<>()]*[^\s<>().,;:!?'"*_])/,
    /(?<strong>\*\*|(?<!\w)__)(?=\S)(?<bold>[^]{1,1000}?)(?<=\S)\k<strong>(?!(?<=_)\w)/,
    /(?<em>\*|(?<!\w)_)(?=[^\s*_])(?<italic>[^*]{1,1000}?)(?<=[^\s*_])\k<em>(?!\*|(?<=_)\w)/,
    /~~(?=\S)(?<struck>[^]{1,1000}?)(?<=\S)~~/,
  ].map(({ source }) => source).join("|"),
  "g",
);
// What the next words may turn into something else: a bracket, a mark, a block's beginning.
const UNDECIDED = /(?:!?\[[^\]\n]{0,200}(?:\](?:\([^\s)]{0,2000})?)?|[*_~`]+|\n[ \t]*(?:[-*+•#>|=]*|\d{1,9}[.)]?)[ \t]*)$/;

// --- Blocks -------------------------------------------------------------------------------------------------------

// Returns [kind, lines] for each block; each kind is a method of the Renderer.
function blocks(lines) {
  const found = [];
  for (let at = 0; at < lines.length; ) {
    const [kind, end] = block(lines, at);
    if (kind) found.push([kind, lines.slice(at, end)]);
    at = end;
  }
  return found;
}

function block(lines, at) {
  const until = (ends) => {
    const end = lines.findIndex((line, place) => place > at && ends(line, place));
    return end < 0 ? lines.length : end;
  };
  const line = lines[at];
  const fence = FENCE.exec(line)?.[1];
  if (!line.trim()) return [null, at + 1];
  if (fence) return ["code", until((next) => FENCE_END.test(next) && next.trim().startsWith(fence)) + 1];
  if (HEADING.test(line)) return ["heading", at + 1];
  if (RULE.test(line)) return ["rule", at + 1];
  if (line.includes("|") && TABLE_RULE.test(lines[at + 1])) return ["table", until((next) => !next.includes("|"))];
  if (QUOTE.test(line)) return ["quotation", until((next) => !QUOTE.test(next))];
  if (ITEM.test(line)) return ["list", until((next, place) => leavesList(line, next, lines[place - 1]))];
  return ["paragraph", until((next) => !next.trim() || [...STARTS, ITEM].some((start) => start.test(next)))];
}

const isOrdered = (line) => Boolean(ITEM.exec(line)?.[3]);

function leavesList(first, line, before) {
  if (!line.trim() || line.startsWith("  ")) return false;
  if (ITEM.test(line)) return isOrdered(line) !== isOrdered(first);
  return !before.trim() || STARTS.some((start) => start.test(line));
}

// --- Nodes --------------------------------------------------------------------------------------------------------

class Renderer {
  // `cite(number)` returns the control for a citation, or null where there is no such source.
  constructor(cite) {
    Object.assign(this, { cite, depth: 0 });
  }

  // Returns the nodes of what stands within a list's item or a quotation; nested too deep, it is one paragraph.
  within(text) {
    const lines = text.split("\n");
    if (this.depth === DEEPEST) return [this.paragraph(lines)];
    this.depth += 1;
    const nodes = blocks(lines).map(([kind, part]) => this[kind](part));
    this.depth -= 1;
    return nodes;
  }

  paragraph(lines) {
    return element("p", { dir: "auto" }, ...this.inline(lines.map((line) => line.trim()).join("\n")));
  }

  // The question above is a heading of the second level; models begin at any, so all of theirs are of the third.
  heading([line]) {
    return element("h3", { dir: "auto" }, ...this.inline(HEADING.exec(line)[1]));
  }

  rule() {
    return element("hr");
  }

  quotation(lines) {
    return element("blockquote", {}, ...this.within(lines.map((line) => line.replace(QUOTE, "")).join("\n")));
  }

  code([, ...lines]) {
    const text = (FENCE_END.test(lines.at(-1)) ? lines.slice(0, -1) : lines).join("\n");
    return scrolling("pre", "Code", element("code", { textContent: text }));
  }

  list(lines) {
    const outer = ITEM.exec(lines[0])[1].length;
    const items = [];
    let indent = 0;
    for (const line of lines) {
      const mark = ITEM.exec(line);
      if (mark && mark[1].length < outer + 2) {
        indent = mark[0].length;
        items.push([line.slice(indent)]);
      } else items.at(-1).push(line.replace(new RegExp(`^ {0,${indent}}`), ""));
    }
    const ordered = isOrdered(lines[0]);
    const start = ordered ? { start: Number(ITEM.exec(lines[0])[3]) } : {};
    return element(ordered ? "ol" : "ul", start, ...items.map((item) => this.item(item.join("\n"))));
  }

  item(text) {
    const nodes = this.within(text);
    const first = nodes[0]?.nodeName === "P" ? [...nodes.shift().childNodes] : [];
    return element("li", { dir: "auto" }, ...first, ...nodes);
  }

  table([head, rule, ...rows]) {
    const columns = cells(rule).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "end") : ""));
    const row = (tag, line) => {
      const texts = cells(line).slice(0, columns.length);
      const cell = (text, column) => element(tag, { dir: "auto", className: columns[column] }, ...this.inline(text));
      return element("tr", {}, ...texts.map(cell));
    };
    const body = rows.map((line) => row("td", line));
    const table = element("table", {}, element("thead", {}, row("th", head)), element("tbody", {}, ...body));
    return scrolling("div", "Table", table);
  }

  inline(text) {
    const nodes = [];
    let from = 0;
    for (const match of text.matchAll(INLINE)) {
      const node = this.mark(match.groups);
      if (!node) continue;
      nodes.push(text.slice(from, match.index), node);
      from = match.index + match[0].length;
    }
    return [...nodes, text.slice(from)].filter(Boolean);
  }

  // Returns what stands for a match of INLINE, or null where the text stays as it is.
  mark({ code, image, label, target, citation, punctuation, address, bold, italic, struck }) {
    if (code) return element("code", { textContent: code });
    if (image !== undefined) return image || "(image)";
    if (target) return URL.canParse(target) ? element("span", {}, link(target, label), ` (${new URL(target).host})`) : null;
    if (citation) return this.citation(citation, punctuation);
    if (address) return link(address, address);
    if (bold) return element("strong", {}, ...this.inline(bold));
    if (italic) return element("em", {}, ...this.inline(italic));
    return element("s", {}, ...this.inline(struck));
  }

  citation(marker, punctuation) {
    const controls = marker.match(/\d+/g).map((number) => this.cite(Number(number))).filter(Boolean);
    return controls.length ? element("span", { className: "citation" }, ...controls, punctuation) : null;
  }
}

// Wide content scrolls by itself, also by keyboard.
function scrolling(tag, name, child) {
  return element(tag, { className: "wide", tabIndex: 0, role: "group", ariaLabel: name }, child);
}

const link = (href, text) => element("a", { href, target: "_blank", rel: "noopener noreferrer", textContent: text });

function cells(line) {
  const row = line.trim().replace(/^\||\|$/g, "");
  return row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

// --- Streaming ----------------------------------------------------------------------------------------------------

export class MarkdownStream {
  constructor(node, cite) {
    Object.assign(this, { node, renderer: new Renderer(cite), text: "", drawn: [] });
  }

  write(piece, last = false) {
    this.text += piece;
    const decided = last ? this.text : closed(this.text.replace(UNDECIDED, ""));
    const found = blocks(decided.replaceAll("\t", "    ").split("\n"));
    const sources = found.map(([kind, lines]) => `${kind} ${lines.join("\n")}`);
    const isDrawn = (place) => sources[place] === this.drawn[place];
    const node = ([kind, lines], place) => (isDrawn(place) ? this.node.childNodes[place] : this.renderer[kind](lines));
    patch(this.node, found.map(node));
    this.drawn = sources;
  }
}

// Ends the code or emphasis that the last line leaves open, so that it does not show its marks while it is written.
function closed(text) {
  const line = text.slice(text.lastIndexOf("\n") + 1);
  const open = ["`", "**"].find((mark) => line.split(mark).length % 2 === 0);
  return open && !line.trimStart().startsWith("```") ? text + open : text;
}

// Makes the children of `parent` equal to `nodes` and leaves alone those that are, so that focus and selection survive.
function patch(parent, nodes) {
  nodes.forEach((node, place) => {
    const old = parent.childNodes[place];
    if (!old) parent.append(node);
    else if (old === node || old.isEqualNode(node)) return;
    else if (old.nodeType === Node.TEXT_NODE && node.data?.startsWith(old.data)) old.appendData(node.data.slice(old.length));
    else if (old.childNodes.length && old.cloneNode().isEqualNode(node.cloneNode())) patch(old, [...node.childNodes]);
    else old.replaceWith(node);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}
