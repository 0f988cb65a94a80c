"""How well a passage supports one statement: most of its words, and without exception its numbers, names and negations.

This uses no model: a statement costs a fraction of a millisecond, so every answer can be judged. Deliberately absent:
synonyms, apart from a table of opposites, and negations in languages other than English. Numbers and names are checked
in any language.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

WORD = re.compile(r"\d[\d.,:]*\d|[^\W_]+(?:[-_.][^\W_]+)*|%")
SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]{2,}")
"""Chinese and Japanese put no spaces between words, so every two adjacent characters count as one word."""
SENTENCE_END = re.compile(r"(?=[.!?…\n\u3002\uff01\uff1f])(?:[.!?…][\"')\u201d\u2019]*\s+|\n+|[\u3002\uff01\uff1f])")
WRAP = re.compile(r"(?<=[^\n]{32})\n(?![\s*•|#>+-]|\d+[.)]\s)|(?<=[^\s])\n(?=[a-z])")
"""The end of a line, in a text cut into lines, at which its sentence goes on: not before a list's item, a heading or a
table's row, nor after a short line unless the next begins in lower case."""
CLAUSE_END = re.compile(r"[,;:]\s|\s(?=(?:and|but|or|while|because|unless|although|whereas|though)\s)")
THOUSANDS = re.compile(r"[,.](?=\d{3}(?:\D|$))")
CODE = re.compile(r"[\d_]")
STEM_CHARS = 6
KNOWN_WORDS = 16_384
"""Words kept in memory, some 5 MB."""
WORDS = re.compile(r"\w+")
ONES = WORDS.findall(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = WORDS.findall("twenty thirty forty fifty sixty seventy eighty ninety hundred")
NUMBERS = {word: str(n) for n, word in enumerate(ONES)} | {word: str(10 * n) for n, word in enumerate(TENS, start=2)}
UNITS = frozenset(
    WORDS.findall("second minute hour day week month year percent km metre meter kg gram litre liter euro dollar byte")
)
NEGATIONS = frozenset(WORDS.findall("not no never none nobody nothing neither nor without cannot"))
OPPOSITES = (
    (
        "rise rises rose risen increase increases increased grew up",
        "fall falls fell fallen decrease decreases decreased",
    ),
    ("before", "after"),
    ("above over", "below under"),
    ("more most larger bigger higher", "less least smaller lower"),
    ("faster", "slower"),
    ("first oldest", "last newest latest"),
    ("start begin", "end"),
    ("open opens opened", "closed closes shut"),
    ("enable enabled enables", "disable disabled disables"),
    ("allow allows allowed", "deny denies denied forbid forbidden"),
    ("required mandatory", "optional"),
    ("paid", "unpaid"),
    ("valid", "invalid"),
    ("everything all always", "nothing none never"),
    ("minimum", "maximum"),
    ("win won", "lose lost"),
    ("import", "export"),
    ("accept accepts", "refuse refuses reject rejects"),
)
STOP_WORDS = frozenset(
    WORDS.findall(
        "a an and any are as at be been being but by can could did do does each for from had has have he her his how "
        "if in into is it its might must of on or she should so than that the their them then there these they this "
        "those to was we were what when where which while who will with would you your"
    )
)


def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for left, right in OPPOSITES:
        one, other = frozenset(WORDS.findall(left)), frozenset(WORDS.findall(right))
        table |= dict.fromkeys(one, other) | dict.fromkeys(other, one)
    return table


OPPOSITE_OF = _opposites()


class _Word(NamedTuple):
    """Facts about a word that do not depend on its context."""

    plain: str
    """The word in lower case; numbers in one spelling: `2,850` as `2850`, `twelve` as `12`."""
    stem: str
    is_number: bool
    is_unit: bool
    is_negation: bool
    has_meaning: bool
    has_opposite: bool
    code: str
    """The word if its digits or joints make it a name anywhere; empty otherwise."""
    capital: str
    """The stem if the word is capitalised, which makes it a name unless it begins the text; empty otherwise."""


def _stem(word: str) -> str:
    if word[0].isdigit():
        return word
    return (word[:-1] if len(word) > 3 and word.endswith("s") else word)[:STEM_CHARS]  # noqa: PLR2004


UNIT_STEMS = frozenset(map(_stem, UNITS))


@lru_cache(maxsize=KNOWN_WORDS)
def _word(word: str) -> _Word:
    """Analyse a word once: most words of an answer have been seen before."""
    lower = word.lower() if word.isascii() else "".join(str(unicodedata.decimal(c, c)) for c in word.lower())
    plain = NUMBERS.get(lower) or (THOUSANDS.sub("", lower) if lower[0].isdigit() else lower)
    is_negation, stem = plain in NEGATIONS, _stem(plain)
    return _Word(
        plain=plain,
        stem=stem,
        is_number=plain[0].isdigit(),
        is_unit=stem in UNIT_STEMS,
        is_negation=is_negation,
        has_meaning=not is_negation and plain not in STOP_WORDS,
        has_opposite=plain in OPPOSITE_OF,
        code=lower if CODE.search(word) and not word[0].isdigit() else "",
        capital=_stem(lower) if word[0].isupper() and lower not in STOP_WORDS else "",
    )


class _Words(NamedTuple):
    """What a piece of text says, ignoring word order."""

    all: frozenset[str]
    stems: frozenset[str]
    numbers: frozenset[str]
    quantities: frozenset[tuple[str, str]]
    """Numbers with the unit that follows."""
    with_opposite: tuple[str, ...]
    is_negated: bool


def _read(text: str) -> list[_Word]:
    plain = text.replace("n't", " not").replace("N'T", " not").replace("%", " percent")
    return list(map(_word, WORD.findall(plain if plain.isascii() else SPACELESS.sub(_in_pairs, plain))))


def _in_pairs(run: re.Match[str]) -> str:
    return f" {' '.join(map(''.join, pairwise(run[0])))} "


def _gathered(words: Sequence[_Word]) -> _Words:
    numbers = frozenset([word.plain for word in words if word.is_number])
    return _Words(
        all=frozenset([word.plain for word in words]),
        stems=frozenset([word.stem for word in words if word.has_meaning]),
        numbers=numbers,
        quantities=frozenset([(a.stem, b.stem) for a, b in pairwise(words) if a.is_number and b.is_unit])
        if numbers
        else frozenset(),
        with_opposite=tuple([word.plain for word in words if word.has_opposite]),
        is_negated=sum([word.is_negation for word in words]) % 2 == 1,
    )


def _words(text: str) -> _Words:
    return _gathered(_read(text))


def differ(one: str, other: str) -> bool:
    """Whether two similar texts differ in a number, name or negation, or one has the opposite of the other's word."""
    a, b = _words(one), _words(other)
    return (
        (a.numbers, a.quantities, a.is_negated) != (b.numbers, b.quantities, b.is_negated)
        or names(one) != names(other)
        or _opposed(a, b)
        or _opposed(b, a)
    )


def stems(text: str) -> frozenset[str]:
    """Return the stems of the words and numbers that carry meaning."""
    return frozenset([word.stem for word in _read(text) if word.has_meaning])


def names(text: str) -> frozenset[str]:
    """Return the stems of capitalised words except the first word, and all words with digits or joints."""
    return _names(_read(text))


def _names(words: Sequence[_Word]) -> frozenset[str]:
    """Return the names, all of which a supporting passage must contain."""
    first, others = words[:1], words[1:]
    return frozenset([word.code for word in first] + [word.code or word.capital for word in others]) - {""}


class _Passage(NamedTuple):
    """A passage as a whole, by sentence and by clause."""

    all: frozenset[str]
    """Its words and their stems."""
    sentences: tuple[_Words, ...]
    clauses: tuple[_Words, ...]


@lru_cache(maxsize=512)
def _passage(text: str) -> _Passage:
    """Analyse a passage once for all statements and answers that cite it."""
    read = [list(map(_read, CLAUSE_END.split(sentence))) for sentence in SENTENCE_END.split(WRAP.sub(" ", text))]
    sentences = tuple([_gathered(list(chain.from_iterable(clauses))) for clauses in read])
    return _Passage(
        all=frozenset[str]().union(*[sentence.all | sentence.stems for sentence in sentences]),
        sentences=sentences,
        clauses=tuple(map(_gathered, chain.from_iterable(read))),
    )


def known_words(texts: Sequence[str]) -> frozenset[str]:
    """Return all words of the texts, and their stems."""
    return frozenset[str]().union(*[_passage(text).all for text in texts])


def support(statement: str, passages: Sequence[str], at_least: float = 0) -> float:
    """Return the share of the statement's words that one of the passages contains; 0 if all passages contradict it.

    A share below `at_least` is 0 as well: most passages are then seen to be out of question at a glance.
    """
    clauses = list(map(_read, CLAUSE_END.split(statement)))
    words = list(chain.from_iterable(clauses))
    said, required = _gathered(words), _names(words)
    parts = [said] if len(clauses) == 1 else list(map(_gathered, clauses))
    best = 0.0
    for passage in passages:
        best = max(best, _support(said, required, parts, _passage(passage), max(best, at_least)))
        if best == 1:
            break
    return best


def _support(
    said: _Words, required: frozenset[str], clauses: Sequence[_Words], passage: _Passage, at_least: float
) -> float:
    if not said.stems or not required <= passage.all or len(said.stems & passage.all) / len(said.stems) < at_least:
        return 0
    sentences = passage.sentences
    shared = [len(sentence.stems & said.stems) for sentence in sentences]
    best = shared.index(max(shared))
    near = sentences[max(0, best - 1) : best + 2]
    if said.numbers and not said.numbers <= {n for sentence in near for n in sentence.numbers}:
        return 0
    if said.quantities and not said.quantities <= {q for sentence in near for q in sentence.quantities}:
        return 0
    known = frozenset(stem for sentence in near for stem in sentence.stems) | required
    share = len(said.stems & known) / len(said.stems)
    if share < at_least or any(_is_contradicted(clause, passage.clauses) for clause in clauses):
        return 0
    return share


def _is_contradicted(clause: _Words, stated: Sequence[_Words]) -> bool:
    """Say whether every one of the stated clauses that come closest to this clause says the opposite."""
    shared = [len(clause.stems & other.stems) for other in stated]
    most = max(shared, default=0)
    return most > 0 and all(
        other.is_negated != clause.is_negated or _opposed(clause, other)
        for other, count in zip(stated, shared, strict=True)
        if count == most
    )


def _opposed(clause: _Words, other: _Words) -> bool:
    return any(
        word not in other.all and OPPOSITE_OF[word] & other.all and not OPPOSITE_OF[word] & clause.all
        for word in clause.with_opposite
    )
