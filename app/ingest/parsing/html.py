"""Parses HTML, split at its headings: the visible text without scripts, styles, navigation and forms."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.ingest.document import ParsedDocument
from app.ingest.parsing.sections import SectionBuilder
from app.ingest.parsing.text import decode

_UNSEEN = "head, script, style, noscript, template, nav, svg, iframe, object, form, button, select, [hidden]"
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SEPARATORS = {
    **dict.fromkeys(
        ("p", "pre", "blockquote", "ul", "ol", "dl", "table", "section", "article", "body", *_HEADINGS), "\n\n"
    ),
    **dict.fromkeys(("div", "li", "dt", "dd", "tr", "caption", "figcaption", "summary", "address"), "\n"),
    **dict.fromkeys(("td", "th"), "\t"),
}
"""The text inserted before each block element. Every other element counts as part of a line."""
_INLINE_DEPTH = 64
"""Nested inline elements searched upwards for a text's block; below more, it joins the previous text."""


def parse_html(content: bytes) -> ParsedDocument:
    """Title: the `<title>` element, else the first heading of level 1."""
    tree = LexborHTMLParser(decode(content))
    title = tree.css_first("title")
    named = title.text() if title else ""
    for node in tree.css(_UNSEEN):
        node.decompose()
    sections = SectionBuilder()
    last_block = 0
    for node in tree.root.traverse(include_text=True) if tree.root else ():
        if node.tag in _HEADINGS:
            heading = node.text()
            sections.heading(_HEADINGS[node.tag], heading, f"\n\n{_one_line(heading)}")
        elif node.tag in {"br", "tr"}:
            sections.add("\n")
        elif node.is_text_node:
            last_block = _add_text(sections, node, last_block)
    return sections.document(title=named)


def _add_text(sections: SectionBuilder, node: LexborNode, last_block: int) -> int:
    """Add the text with its separator, and return the block that it belongs to."""
    block = _block_of(node)
    if block and block.tag in _HEADINGS:
        return last_block
    text = node.text_content or ""
    if block is None or block.tag != "pre":
        text = _one_line(text)
    if block is None or block.mem_id == last_block:
        sections.add(text)
    elif text.strip():
        sections.add(_SEPARATORS[block.tag or ""] + (text if block.tag == "pre" else text.lstrip()))
        return block.mem_id
    return last_block


def _block_of(node: LexborNode) -> LexborNode | None:
    block = node.parent
    for _ in range(_INLINE_DEPTH):
        if block is None or block.tag in _SEPARATORS:
            return block
        block = block.parent
    return None


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
