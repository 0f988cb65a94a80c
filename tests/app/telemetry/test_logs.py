"""Logs hold what an operator needs and nothing that a person wrote."""

import json
import logging
import sys

import pytest

from app.rag.trace import Trace, current
from app.telemetry.logs import JsonFormatter, LineFormatter


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("ragspan.api", logging.ERROR, __file__, 1, message, (), None)
    vars(made).update(extra)
    return made


def failed(made: logging.LogRecord) -> logging.LogRecord:
    try:
        int("SECRET")
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_an_entry_is_one_json_object_with_its_extras_and_trace_id() -> None:
    token = current.set(Trace("f00d"))
    entry = json.loads(JsonFormatter().format(record("POST 200", status=200, ms=1.5)))
    current.reset(token)
    assert (entry["message"], entry["level"], entry["status"], entry["trace_id"]) == ("POST 200", "error", 200, "f00d")


@pytest.mark.parametrize("formatter", [JsonFormatter(), LineFormatter()])
def test_an_exception_is_logged_by_type_and_place_never_by_its_words(formatter: logging.Formatter) -> None:
    text = formatter.format(failed(record("unforeseen ValueError")))
    assert "SECRET" not in text
    assert "ValueError" in text
    assert "test_logs.py" in text


def test_a_line_for_a_person_is_short() -> None:
    assert LineFormatter().format(record("vector_store is away")) == "error   vector_store is away"
