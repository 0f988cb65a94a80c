"""How far one statement rests on a passage: its words, and without exception its numbers, names and negations.

No model: a statement costs a fraction of a millisecond, so every answer can be judged. Deliberately absent: synonyms,
but for a table of opposites, and negations of other languages than English; numbers and names are checked in any.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

WORD = re.compile(r"\d[\d.,:]*\d|[^\W_]+(?:[-_.][^\W_]+)*|%")
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\u201d\u2019]*\s+|\n+")
CLAUSE_END = re.compile(r"[,;:]\s|\s(?:and|but|or|while|because|unless|although|whereas|though)\s")
THOUSANDS = re.compile(r"[,.](?=\d{3}(?:\D|$))")
CODE = re.compile(r"[\d_]")
STEM_CHARS = 6
KNOWN_WORDS = 16_384
"""Kept in memory: some 5 MB."""
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
    """What is known of a word, wherever it stands."""

    plain: str
    """A number in one way: `2,850`, `2850`; `twelve`, `12`."""
    stem: str
    is_number: bool
    is_unit: bool
    is_negation: bool
    has_meaning: bool
    has_opposite: bool


def _stem(word: str) -> str:
    if word[0].isdigit():
        return word
    return (word[:-1] if len(word) > 3 and word.endswith("s") else word)[:STEM_CHARS]  # noqa: PLR2004


UNIT_STEMS = frozenset(map(_stem, UNITS))


@lru_cache(maxsize=KNOWN_WORDS)
def _word(lower: str) -> _Word:
    """Look at a word once: most words of an answer stood in others before."""
    word = NUMBERS.get(lower) or (THOUSANDS.sub("", lower) if lower[0].isdigit() else lower)
    is_negation, stem = word in NEGATIONS, _stem(word)
    return _Word(
        plain=word,
        stem=stem,
        is_number=word[0].isdigit(),
        is_unit=stem in UNIT_STEMS,
        is_negation=is_negation,
        has_meaning=not is_negation and word not in STOP_WORDS,
        has_opposite=word in OPPOSITE_OF,
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """What a stretch of text says, without its order."""

    all: frozenset[str]
    stems: frozenset[str]
    numbers: frozenset[str]
    quantities: frozenset[tuple[str, str]]
    """Numbers with the unit that follows."""
    with_opposite: tuple[str, ...]
    is_negated: bool


def _words(text: str) -> _Words:
    plain = text.lower().replace("n't", " not").replace("%", " percent")
    words = list(map(_word, WORD.findall(plain)))
    return _Words(
        all=frozenset([word.plain for word in words]),
        stems=frozenset([word.stem for word in words if word.has_meaning]),
        numbers=frozenset([word.plain for word in words if word.is_number]),
        quantities=frozenset([(a.stem, b.stem) for a, b in pairwise(words) if a.is_number and b.is_unit]),
        with_opposite=tuple([word.plain for word in words if word.has_opposite]),
        is_negated=sum([word.is_negation for word in words]) % 2 == 1,
    )


def differ(one: str, other: str) -> bool:
    """Whether two texts of like words differ in a number, a name or a negation, or one has the other's opposite."""
    a, b = _words(one), _words(other)
    return (
        (a.numbers, a.quantities, a.is_negated) != (b.numbers, b.quantities, b.is_negated)
        or names(one) != names(other)
        or _opposed(a, b)
        or _opposed(b, a)
    )


def stems(text: str) -> frozenset[str]:
    """Return the stems of the words and numbers that carry meaning."""
    return _words(text).stems


def names(statement: str) -> frozenset[str]:
    """Return what must be in the passage: stems of capitalised words but the first, all words with digits or joints."""
    first, *others = map(_name, WORD.findall(statement) or [""])
    return frozenset([first.code, *(name.code or name.capital for name in others)]) - {""}


class _Name(NamedTuple):
    """What a word is a name by, if by anything."""

    code: str
    capital: str


@lru_cache(maxsize=KNOWN_WORDS)
def _name(word: str) -> _Name:
    lower = word.lower()
    is_code = word and not word[0].isdigit() and CODE.search(word)
    is_capital = word[:1].isupper() and lower not in STOP_WORDS
    return _Name(code=lower if is_code else "", capital=_stem(lower) if is_capital else "")


@dataclass(frozen=True, slots=True)
class _Passage:
    """A passage as a whole, by sentences and by clauses."""

    whole: _Words
    sentences: tuple[_Words, ...]
    clauses: tuple[_Words, ...]


@lru_cache(maxsize=512)
def _passage(text: str) -> _Passage:
    """Take a passage apart, once for all statements and answers that cite it."""
    sentences = SENTENCE_END.split(text)
    clauses = (_words(clause) for sentence in sentences for clause in CLAUSE_END.split(sentence))
    return _Passage(_words(text), tuple(map(_words, sentences)), tuple(clauses))


def support(statement: str, passages: Sequence[str]) -> float:
    """Return the share of the statement's words that one of the passages has; 0 where it contradicts them all."""
    said, required = _words(statement), names(statement)
    clauses = CLAUSE_END.split(statement)
    parts = [said] if len(clauses) == 1 else list(map(_words, clauses))
    best = 0.0
    for passage in passages:
        best = max(best, _support(said, required, parts, _passage(passage)))
        if best == 1:
            break
    return best


def _support(said: _Words, required: frozenset[str], clauses: Sequence[_Words], passage: _Passage) -> float:
    if not said.stems or not required <= passage.whole.stems | passage.whole.all:
        return 0
    sentences = passage.sentences
    shared = [len(sentence.stems & said.stems) for sentence in sentences]
    best = shared.index(max(shared))
    near = sentences[max(0, best - 1) : best + 2]
    if said.numbers and not said.numbers <= {n for sentence in near for n in sentence.numbers}:
        return 0
    if said.quantities and not said.quantities <= {q for sentence in near for q in sentence.quantities}:
        return 0
    if any(_is_contradicted(clause, passage.clauses) for clause in clauses):
        return 0
    known = frozenset(stem for sentence in near for stem in sentence.stems) | required
    return len(said.stems & known) / len(said.stems)


def _is_contradicted(clause: _Words, stated: Sequence[_Words]) -> bool:
    """Say whether each of the stated clauses that come closest to this one says the opposite."""
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
