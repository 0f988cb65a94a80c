"""Removes from an answer, while it streams, what must not leave: foreign links, secrets and personal data.

The result does not depend on how the text is split into pieces: a decision is made only when no further text could
change it. Harmless text passes at once; text that may become something forbidden is held back until that is decided, at
most a few thousand characters.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import regex

from app.ports import Hit
from app.rag.links import MAX_LINK_CHARS, Links
from app.rag.sensitive import SHAPES, Category, opening

LINK_REMOVED = "[link removed]"
CONTEXT_CHARS = 256
"""How much preceding text is remembered for judging a place."""
UP_TO_MAX = rf"{{1,{MAX_LINK_CHARS}}}+"
ATTRIBUTE = (
    r"(?i:src|href|srcset|action|formaction|poster|background|cite|data|ping|style|content|srcdoc|imagesrcset|to|from"
    r"|values|codebase|manifest|longdesc|lowsrc|dynsrc|archive|usemap)\s{0,64}"
)
VALUE = (
    rf"(?P<keep>=(?<=\b{ATTRIBUTE}=)\s{{0,64}})"
    rf"(?:(?P<keep>\")[^\"]{UP_TO_MAX}|(?P<keep>')[^']{UP_TO_MAX}|[^\s\"'>]{UP_TO_MAX})"
    rf"|(?P<keep><(?<=(?:\]\(|\]:)\s{{0,64}}<))[^<>]{UP_TO_MAX}"
)
"""Quoted values and destinations, inside which white space does not end an address: URL parsers remove it."""
NEEDED = r":./\\&%" + "\u3002\uff0e\uff61\uff1a\uff0f\uff06\uff05"
"""Every address contains at least one of these characters, literally or in a form that browsers map to them."""
SCHEMES = ("http", "Http", "HTTP", "ftp", "Ftp", "FTP", "www", "Www", "WWW")
"""Their first letters are held back so that a cut includes the scheme; other schemes leave their name behind."""
RUN = rf"(?:(?<![A-Za-z0-9_])(?:{'|'.join(SCHEMES)})[sS]?)?[{NEEDED}][^\s<>]{{0,{MAX_LINK_CHARS}}}+"
"""From the first character that every address needs up to the next space."""
VALUE_PATTERN, RUN_PATTERN = regex.compile(VALUE), regex.compile(RUN)
DESTINATION = regex.compile(r"(?:\]\(|\]:|url\()\s*<?\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an answer may contain: links to `link_hosts` (`*` for any), and nothing of the categories in `redact`."""

    link_hosts: frozenset[str] = frozenset()
    redact: Collection[Category] = ()


class Guard:
    """Guards answers; holds no state between them."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.shapes = [(name, SHAPES[name], regex.compile(SHAPES[name].pattern)) for name in rules.redact]
        patterns = [VALUE, RUN, *(shape.pattern for _, shape, _ in self.shapes)]
        self.starts = regex.compile("|".join(f"(?:{pattern})" for pattern in patterns))
        self.pending = regex.compile(rf"(?:{self.starts.pattern})(?s:.)(?!)")
        """Never matches as a whole; a partial match means that some pattern reaches the end of the text from there."""
        words = [word for _, shape, _ in self.shapes for word in shape.words]
        openings = [rf"[=<{NEEDED}]", *filter(None, dict.fromkeys(shape.opening for _, shape, _ in self.shapes))]
        self.openings = re.compile(rf"(?={'|'.join(openings)}|{opening(*SCHEMES, *words)})")
        """Finds every place where a pattern may begin, and some others; cheap to search for."""

    def open(self, passages: Iterable[Hit]) -> "GuardedText":
        """Return the guard of one answer written from these passages."""
        chunks = [hit.chunk for hit in passages]
        links = Links(self._rules.link_hosts, {c.source_uri for c in chunks}, [c.text for c in chunks])
        return GuardedText(self, links)


class GuardedText:
    """The state of guarding one answer."""

    def __init__(self, guard: Guard, links: Links) -> None:
        self._guard, self._links = guard, links
        self._text = ""
        self._at = 0
        """Where the undecided part of `_text` begins; everything before it is context."""
        self._word_starts = 0
        """Nothing before this can be part of an address, because it has been cut."""
        self._harmless_until = 0
        self.removed: Counter[str] = Counter()
        """How many items of each category were cut; `link` counts links."""

    def feed(self, piece: str) -> str:
        """Take more of the answer and return what may leave now."""
        self._text += piece
        return self._advance(is_end=False)

    def end(self) -> str:
        """Return what was held back."""
        return self._advance(is_end=True)

    def _advance(self, *, is_end: bool) -> str:
        out: list[str] = []
        first = self._guard.openings.search(self._text, self._at)
        if first:
            self._pass(out, first.start())
            self._decide_until_pending(out, is_end=is_end)
        else:
            self._pass(out, len(self._text))
        self._forget()
        return "".join(out)

    def _decide_until_pending(self, out: list[str], *, is_end: bool) -> None:
        limit = -1
        while self._at > limit:
            limit = len(self._text) if is_end else self._pending_at()
            while (start := self._guard.starts.search(self._text, self._at)) and start.start() < limit:
                self._pass(out, start.start())
                self._decide(out)
        self._pass(out, limit)

    def _pending_at(self) -> int:
        """Return the first place from which some pattern reaches the end of the text."""
        for place in self._guard.openings.finditer(self._text, self._at):
            if self._guard.pending.match(self._text, place.start(), partial=True):
                return place.start()
        return len(self._text)

    def _pass(self, out: list[str], until: int) -> None:
        out.append(self._text[self._at : until])
        self._at = until

    def _decide(self, out: list[str]) -> None:
        """Cut what begins here, or let one character pass."""
        for name, shape, pattern in self._guard.shapes:
            match = pattern.match(self._text, self._at)
            if match:
                kept = _kept(match)
                if length := shape.measure(match.string[kept : match.end()]):
                    return self._cut(out, name, shape.replacement, kept, kept + length)
        kept, end = self._foreign_link()
        if end:
            return self._cut(out, "link", LINK_REMOVED, kept, end)
        self._pass(out, self._at + 1)
        return None

    def _cut(self, out: list[str], name: str, replacement: str, start: int, end: int) -> None:
        self._pass(out, start)
        out.append(replacement)
        self.removed[name] += 1
        self._at = self._word_starts = end

    def _foreign_link(self) -> tuple[int, int]:
        """Return the start and end of a foreign address that begins here, or (0, 0)."""
        value = VALUE_PATTERN.match(self._text, self._at)
        if value and self._links.is_foreign_value(self._text[_kept(value) : value.end()]):
            return _kept(value), value.end()
        run = RUN_PATTERN.match(self._text, self._at) if self._at >= self._harmless_until else None
        if not run:
            return 0, 0
        before = self._text[self._word_starts : self._at]
        word = "" if not before or before[-1].isspace() else before.split()[-1]
        is_destination = bool(DESTINATION.search(before[: len(before) - len(word)]))
        start, end = self._links.foreign(word, run.group(), is_destination=is_destination)
        self._harmless_until = self._at + max(start, 0)
        return (self._at, self._at + end) if start <= 0 else (0, 0)

    def _forget(self) -> None:
        """Drop text that is too far back to influence any decision."""
        surplus = max(0, self._at - CONTEXT_CHARS)
        self._text = self._text[surplus:]
        self._at -= surplus
        self._harmless_until -= surplus
        self._word_starts = max(0, self._word_starts - surplus)


def _kept(match: regex.Match[str]) -> int:
    """Return the end of the part of a match that stays in the text."""
    return max(match.ends("keep"), default=match.start()) if "keep" in match.re.groupindex else match.start()
