"""Value types that several sections share; each error says what to write instead."""

import re
from os import SEEK_END
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from app.security.hosts import is_host_name

ENDS_BYTES = 1024
"""Room for white space around a JSON object."""


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
    """Raise ValueError if the address holds more than a location; `instead` says where the rest belongs."""
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"it must carry no user, password, query or fragment; {instead}")
    try:
        _ = parts.port
    except ValueError:  # its message quotes what stands in place of the port
        raise ValueError("the port must be a number up to 65535") from None


def _existing_file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("there is no such file; give the path of one")
    return value


def _tokenizer_file(value: Path) -> Path:
    """Check both ends of a possibly large file: that detects an error page, a Git LFS pointer and half a file."""
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
    """Accept what an HTTP header can carry, without the line end that comes with a file's content."""
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


def require_host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what no host that is compared with it can be: as if it were not set, and nobody would say so."""
    for name in names:
        if not is_host_name(name):
            raise ValueError(
                f"{name[:80]!r} is not the name or address of a host alone, e.g. rag.example.com; "
                "leave out scheme, port, path and wildcard, and write other letters than English ones as xn--…"
            )
    return names


def split_at_commas(value: object) -> object:
    """Read a comma-separated list, exactly as written."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def comma_separated(value: object) -> object:
    """Read a comma-separated list in lower case; `none` stands for the empty list, as empty variables are ignored."""
    if not isinstance(value, str):
        return value
    words = tuple(word.strip().lower() for word in value.split(",") if word.strip())
    return () if words == ("none",) else words
