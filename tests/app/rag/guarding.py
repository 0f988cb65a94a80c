"""What the tests of the guard share: its corpora, ways to split a text, and what a renderer would make of one."""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from app.rag.guard import Guard
from tests.support.fake_ports import hit

CORPORA = Path(__file__).parent / "corpora"
ALLOWED = ("docs.example.org", "wiki.example.net")
PASSAGES = (hit("Set nvidia.com/gpu and karpenter.sh/disrupted. Read from s3://corpus/handbook."),)
AUTHORITY = re.compile(r"(?:([a-z][a-z0-9+.-]*):)?[/\\]{2,}([^/?#\\]*)|([a-z][a-z0-9+.-]*):(.*)", re.IGNORECASE)
BARE = re.compile(
    r"(?:https?|ftps?|wss?):[/\\]*([^\s/\\?#<>\"'`)\]]+)|\b(www\.[\w.-]+)|([\w-]+(?:\.[\w-]+)*\.(?:com|io|example|sh|zip|engineering|photography|онлайн|xn--80asehdb|рф))(?![\w@])",
    re.IGNORECASE,
)


def corpus(name: str) -> list[Any]:
    return [json.loads(line) for line in (CORPORA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def guarded(guard: Guard, pieces: Sequence[str]) -> str:
    text = guard.open(PASSAGES)
    return "".join([*map(text.feed, pieces), text.end()])


def splits(text: str) -> Iterator[tuple[str, str]]:
    """The text as two network frames would carry it, for every place between two bytes."""
    encoded = text.encode()
    for place in range(1, len(encoded)):
        decoder = codecs.getincrementaldecoder("utf-8")()
        yield decoder.decode(encoded[:place]), decoder.decode(encoded[place:], final=True)


def foreign_urls(text: str) -> list[str]:
    """What in a text would reach another host, as Markdown, HTML or bare text, by other means than the guard's."""
    found = [
        value for source in (text, MarkdownIt().render(text)) for value in _attributes(source) if _is_foreign(value)
    ]
    hosts = (next(filter(None, match.groups())) for match in BARE.finditer(text))
    return found + [host for host in hosts if host.lower().rstrip(".,;:*") not in ALLOWED]


def _attributes(source: str) -> Iterator[str]:
    for node in LexborHTMLParser(source).css("*"):
        for name, value in node.attributes.items():
            for part in (
                re.split(r",| (?=\S*$)|url[(=]", value or "") if name in {"srcset", "style", "content"} else [value]
            ):
                yield part or ""


def _is_foreign(value: str) -> bool:
    """Read an address as the URL standard does: tabs and line breaks go, back slashes are slashes."""
    match = AUTHORITY.match(re.sub(r"[\t\r\n]", "", value).strip("\x00\x01\x02 "))
    if not match:
        return False
    scheme, host, opaque = match[1] or match[3] or "https", match[2], match[4]
    return scheme.lower() not in {"https", "http"} or (host or opaque or "").lower() not in ALLOWED
