"""Parses Markdown, split at its headings; the source text is kept as it is."""

import re
from itertools import pairwise

from markdown_it import MarkdownIt

from app.ingest.document import ParsedDocument
from app.ingest.parsing.sections import SectionBuilder
from app.ingest.parsing.text import decode

_FRONT_MATTER = re.compile(r"---\n(.*?\n)---\n", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE)


def parse_markdown(content: bytes) -> ParsedDocument:
    """Title: the front matter's, else the first heading of level 1."""
    text = decode(content)
    front = _FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    lines = [line + "\n" for line in body.split("\n")]
    blocks = MarkdownIt().disable("inline").parse(body)
    sections = SectionBuilder()
    begin = 0
    for block, content_of_block in pairwise(blocks):
        if block.type == "heading_open" and block.level == 0 and block.map:
            first, end = block.map
            sections.add("".join(lines[begin:first]))
            sections.heading(int(block.tag[1:]), _plain(content_of_block.content), "".join(lines[first:end]))
            begin = end
    sections.add("".join(lines[begin:]))
    named = _FRONT_TITLE.search(front.group(1)) if front else None
    return sections.document(title=named.group(1) if named else "")


def _plain(markup: str) -> str:
    """Return a heading's text without emphasis, code marks and link targets."""
    return "".join(child.content for token in MarkdownIt().parseInline(markup) for child in token.children or ())
