"""Kinds of values that several sections share, each refused with what to write instead."""

import re
from os import SEEK_END
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr

ENDS_BYTES = 1024
"""Room for the white space around a JSON object."""


def service_url(value: str) -> str:
    """Accept a base address such as `http://127.0.0.1:11434/v1`; credentials in it would end up in logs."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must be an http:// or https:// address with a host, e.g. http://127.0.0.1:11434/v1")
    _require_plain(parts, "an API key has its own variable")
    return value.rstrip("/")


def _redis_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ValueError("it must be a redis:// or rediss:// address with a host, e.g. redis://127.0.0.1:6379/0")
    _require_plain(parts, "user and password have own variables")
    if not re.fullmatch("/?|/[0-9]{1,5}", parts.path):
        raise ValueError("after the host there may be the number of a database alone, e.g. redis://127.0.0.1:6379/0")
    return value


def _postgres_url(value: str) -> str:
    """Accept the address of one database; user and password have variables of their own."""
    parts = urlsplit(value)
    if parts.scheme != "postgresql" or not parts.hostname or not parts.path.strip("/"):
        raise ValueError("it must be a postgresql:// address with a host and a database, e.g. postgresql://db:5432/rag")
    _require_plain(parts, "user and password have own variables")
    return value


def _require_plain(parts: SplitResult, instead: str) -> None:
    """Raise ValueError for an address that holds more than where something is; `instead` says where that goes."""
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"it must carry no user, password, query or fragment; {instead}")
    try:
        _ = parts.port
    except ValueError:  # whose text quotes what stands in the port's place
        raise ValueError("the port must be a number up to 65535") from None


def _existing_file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("there is no such file; give the path of one")
    return value


def _tokenizer_file(value: Path) -> Path:
    """Look at the two ends alone, which tell a page of errors, a pointer of Git LFS or half a file: it may be large."""
    try:
        with _existing_file(value).open("rb") as file:
            begin = file.read(ENDS_BYTES).lstrip()
            file.seek(max(0, file.seek(0, SEEK_END) - ENDS_BYTES))
            end = file.read().rstrip()
    except OSError as error:
        raise ValueError(f"the file cannot be read ({error.strerror}); let this user read it") from None
    if not begin.startswith(b"{") or not end.endswith(b"}"):
        raise ValueError("the file is no JSON object, or not the whole of it; give the model's tokenizer.json")
    return value


def _header_secret(value: SecretStr) -> SecretStr:
    """Accept what a header's field can carry; the end of line that a file's content brings along is not part of it."""
    key = value.get_secret_value().strip()
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ValueError("it has a character that no HTTP header can carry, such as a blank or a letter with an accent")
    return SecretStr(key)


Url: TypeAlias = Annotated[str, AfterValidator(service_url)]
RedisUrl: TypeAlias = Annotated[str, AfterValidator(_redis_url)]
PostgresUrl: TypeAlias = Annotated[str, AfterValidator(_postgres_url)]
ExistingFile: TypeAlias = Annotated[Path, AfterValidator(_existing_file)]
TokenizerFile: TypeAlias = Annotated[Path, AfterValidator(_tokenizer_file)]
HeaderSecret: TypeAlias = Annotated[SecretStr, AfterValidator(_header_secret)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=600)]


def split_at_commas(value: object) -> object:
    """Read a list from a variable, to the letter."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def comma_separated(value: object) -> object:
    """Read a list from a variable, in lower case; `none` is the empty list, which an empty variable cannot say."""
    if not isinstance(value, str):
        return value
    words = tuple(word.strip().lower() for word in value.split(",") if word.strip())
    return () if words == ("none",) else words
