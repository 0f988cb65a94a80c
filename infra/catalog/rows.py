"""The catalogue's tables: CSV files beside this module, each row with its source and the day it was checked."""

import csv
from functools import cache
from importlib.resources import files


@cache
def rows(file_name: str) -> tuple[dict[str, str], ...]:
    text = files("infra.catalog").joinpath(file_name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
