"""Secrets and personal data by category: how to find candidates, and how to tell whether a match really is one.

Every pattern has a bounded length, so that the amount a stream must hold back is bounded too. Deliberately absent:
names, postal addresses and birthdays, which no pattern can find.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

SecretCategory: TypeAlias = Literal[
    "private_key", "cloud_key", "service_token", "ragspan_key", "jwt", "bearer_token", "password"
]
PersonalCategory: TypeAlias = Literal["email", "phone", "iban", "card", "ssn"]
Category: TypeAlias = Literal[SecretCategory, PersonalCategory]
SECRETS: tuple[SecretCategory, ...] = get_args(SecretCategory)
PERSONAL: tuple[PersonalCategory, ...] = get_args(PersonalCategory)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the data of one category looks like.

    Groups named `keep` stay in the text; `measure` returns how many characters of the remaining match are such data, 0
    for none. Every match begins where `opening` matches (also at the very end of the text) or with the first characters
    of one of `words`; both are cheap to search for.
    """

    pattern: str
    opening: str
    replacement: str
    measure: Callable[[str], int] = len
    words: tuple[str, ...] = ()


def opening(*words: str) -> str:
    """Return a pattern for the first three characters of each word, or for what the end of the text leaves of them."""
    alternatives = sorted({re.escape(word[:3]) for word in words})
    alternatives += sorted(
        {rf"{re.escape(word[:length])}\Z" for word in words for length in (1, 2) if length < len(word)}
    )
    return rf"(?<![A-Za-z0-9_])(?:{'|'.join(alternatives)})"


def _with_digit_and_letter(text: str) -> int:
    """Accept a value but not a mere word: `password: required` reveals nothing."""
    return len(text) if re.search(r"\d", text) and re.search(r"[A-Za-z]", text) else 0


def _longest(is_it: Callable[[str], bool]) -> Callable[[str], int]:
    """Measure the longest passing prefix that ends at the end of a group of letters or digits."""

    def measure(text: str) -> int:
        ends = [end for end in range(len(text), 0, -1) if end == len(text) or not text[end].isalnum()]
        return next((end for end in ends if text[end - 1].isalnum() and is_it(text[:end])), 0)

    return measure


def _is_card(text: str) -> bool:
    """Check the length and the Luhn sum, ISO/IEC 7812."""
    digits = [int(c) for c in text if c.isdecimal()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and any(digits) and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0  # noqa: PLR2004


def _is_iban(text: str) -> bool:
    """Check the length and the remainder by 97, ISO 13616."""
    plain = text.replace(" ", "")
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1  # noqa: PLR2004


def _phone(text: str) -> int:
    """Accept 8 to 15 digits: a country code with a number (ITU-T E.164), or a national number grouped like one."""
    digits = sum(c.isdecimal() for c in text)
    return len(text) if 8 <= digits <= 15 else 0  # noqa: PLR2004


def _ssn(text: str) -> int:
    """Reject numbers that the Social Security Administration never issues."""
    area, group, serial = text.split("-")
    return 0 if area in {"000", "666"} or area[0] == "9" or group == "00" or serial == "0000" else len(text)


NOT_IN_WORD = r"(?<![A-Za-z0-9_])"
UNSEEN = r"[^\w\x00-\x7f]"
"""As `re` reads it. `regex` knows a later Unicode and finds letters, digits and word marks among these characters."""
KEY_BLOCK = r"PRIVATE KEY(?: BLOCK)?-----"
NAMED = r"[\"']?\s{0,4}[:=]"
"""What stands between the name of a secret and its value."""
TOKENS = (
    r"gh[pousr]_\w{36,255}", r"github_pat_\w{22,255}", r"glpat-[\w-]{20,255}", r"xox[abeprs]-[\w-]{10,255}",
    r"sk-[\w-]{20,255}", r"[rs]k_live_\w{16,255}", r"nvapi-[\w-]{20,255}", r"hf_[A-Za-z0-9]{30,255}",
    r"npm_[A-Za-z0-9]{36}", r"pypi-[\w-]{40,255}", r"pul-[0-9a-f]{40}", r"dckr_pat_[\w-]{20,255}",
    r"SG\.[\w-]{16,64}\.[\w-]{16,64}", r"ya29\.[\w-]{20,255}",
)  # fmt: skip
TOKEN_OPENINGS = (
    "ghp", "gho", "ghu", "ghs", "ghr", "git", "glp", "xox", "sk-", "sk_", "rk_", "nva", "hf_", "npm", "pyp", "pul",
    "dck", "SG.", "ya2",
)  # fmt: skip
SHAPES: Mapping[Category, Shape] = MappingProxyType({
    "private_key": Shape(
        rf"-----BEGIN [A-Z0-9 ]{{0,40}}{KEY_BLOCK}(?:(?!-----END)[\s\S]){{0,16384}}+"
        rf"(?:-----END [A-Z0-9 ]{{0,40}}{KEY_BLOCK})?",
        r"-(?:--|-?\Z)",
        "[private key removed]",
    ),
    "cloud_key": Shape(
        rf"{NOT_IN_WORD}(?:(?:AKIA|ASIA)[0-9A-Z]{{16}}|AIza[\w-]{{35}})"
        rf"|(?P<keep>[:=](?<=(?i:secret_?access_?key){NAMED})\s{{0,4}}[\"']?)[A-Za-z0-9/+]{{40}}"
        r"|(?P<keep>=(?<=AccountKey=))[A-Za-z0-9+/]{86}==",
        "[:=]",
        "[cloud key removed]",
        words=("AKI", "ASI", "AIz"),
    ),
    "service_token": Shape(
        f"{NOT_IN_WORD}(?:{'|'.join(TOKENS)})", "", "[token removed]", words=TOKEN_OPENINGS
    ),
    "ragspan_key": Shape(NOT_IN_WORD + r"ragspan_[\w-]{43}", "", "[API key removed]", words=("rag",)),
    "jwt": Shape(
        NOT_IN_WORD + r"eyJ[\w-]{8,2048}\.[\w-]{8,2048}\.[\w-]{0,2048}", "", "[token removed]", words=("eyJ",)
    ),
    "bearer_token": Shape(
        r"(?P<keep>\s(?<=(?i:bearer|basic)\s)\s{0,3})[A-Za-z0-9._~+/-]{16,2048}={0,2}",
        r"(?<=[RrCc])\s",
        "[token removed]",
        _with_digit_and_letter,
    ),
    "password": Shape(
        rf"(?P<keep>[:=](?<=(?i:password|passwd|pwd|secret|token|api[_-]?key){NAMED})\s{{0,4}}[\"']?)"
        r"[^\s\"'<>,;]{6,128}|(?P<keep>:(?<=://[^\s:/@]{0,64}:))[^\s:/@]{1,128}(?=@)",
        "[:=]",
        "[password removed]",
        _with_digit_and_letter,
    ),
    "email": Shape(
        r"(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}",
        rf"(?<![\w.+%-])(?:[\w.+%-]|{UNSEEN})", "[e-mail address removed]"
    ),
    "iban": Shape(
        NOT_IN_WORD + r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?",
        rf"{NOT_IN_WORD}[A-Z](?:[A-Z](?:\d|\Z)|\Z)",
        "[IBAN removed]",
        _longest(_is_iban),
    ),
    "card": Shape(
        r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\d)", rf"\d|{UNSEEN}", "[card number removed]", _longest(_is_card)
    ),
    "ssn": Shape(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", rf"\d|{UNSEEN}", "[social security number removed]", _ssn),
    "phone": Shape(
        r"(?<![\w.+-])(?:\+\d{1,3}[ ./-]?(?:\(\d{1,5}\)[ ./-]?)?\d(?:[ ./-]?\d){5,13}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"
        r"|\(?0\d{2,5}\)?[ /-]\d{3,8}(?:[ -]\d{1,5}){0,2})(?!\d)",
        rf"[\d+(]|{UNSEEN}",
        "[phone number removed]",
        _phone,
    ),
})  # fmt: skip
