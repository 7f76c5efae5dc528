"""Tables whose every value is a canary, and a search for canaries in a text, however simply they are encoded."""

import json
import random
import sqlite3
import string
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

LETTERS = string.ascii_letters + string.digits
PART = 6
PART_OF_DIGITS = 8
"""Characters of a canary that count as it."""

ENCODED_PART = 8

KINDS = ("csv", "parquet", "json", "jsonl", "tsv", *(["xlsx"] if find_spec("openpyxl") else []))


class Canaries:
    """Makes tables and remembers every value in them.

    Args:
        seed: Of the values.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.texts: set[str] = set()
        """Values of columns of texts."""
        self.others: set[str] = set()

    def table(self, rows: int = 6) -> pd.DataFrame:
        """Return a table of texts, categories, numbers with many digits, dates, and digits as text."""
        columns: dict[str, list[Any]] = {
            "name": [self._text() for _ in range(rows)],
            "group": [self._text() for _ in range(2)] * (rows // 2),
            "amount": [self._random.randint(10**13, 10**14) for _ in range(rows)],
            "share": [self._random.uniform(1e8, 1e9) for _ in range(rows)],
            "day": [str(date(1600, 1, 1) + timedelta(days=self._random.randrange(70_000))) for _ in range(rows)],
            "code": [str(self._random.randint(10**10, 10**11)) for _ in range(rows)],
        }
        self.texts.update(*(columns[name] for name in ("name", "group", "day", "code")))
        self.others.update(*(map(str, columns[name]) for name in ("amount", "share")))
        return pd.DataFrame(columns)

    def file(self, folder: Path, number: int) -> Path:
        """Write a table as a file of one of several kinds."""
        table, kind = self.table(), KINDS[number % len(KINDS)]
        path = folder / f"table{number}.{kind}"
        match kind:
            case "csv":
                table.to_csv(path, index=False)
            case "tsv":
                table.to_csv(path, index=False, sep="\t")
            case "parquet":
                table.to_parquet(path)
            case "xlsx":
                table.to_excel(path, index=False)
            case _:
                table.to_json(path, orient="records", lines=kind == "jsonl")
        return path

    def database(self, folder: Path, name: str, number: int) -> Path:
        """Write so many tables as one database."""
        path = folder / f"{name}.db"
        with closing(sqlite3.connect(path)) as database:
            for at in range(number):
                self.table().to_sql(f"table{at}", database, index=False)
        return path

    def _text(self) -> str:
        return "".join(self._random.choices(LETTERS, k=14))


def found_in(requests: Iterable[object], canaries: Iterable[str]) -> set[str]:
    """Return the parts of canaries that requests hold: as they are, reversed, in base64 or hex, in any case."""
    plain, encoded = _parts(canaries)
    found: set[str] = set()
    for request in requests:
        text = json.dumps(request, ensure_ascii=False)
        bare = "".join(sign for sign in text if sign.isalnum() or sign in "+/=")  # split by blanks, commas, quotes
        for form in (text, text.casefold(), bare, bare.casefold()):
            found |= plain & _windows(form)
            found |= encoded & {form[at : at + ENCODED_PART] for at in range(len(form) - ENCODED_PART + 1)}
    return found


def _parts(canaries: Iterable[str]) -> tuple[set[str], set[str]]:
    plain: set[str] = set()
    encoded: set[str] = set()
    for canary in canaries:
        for form in {canary, canary[::-1], canary.casefold(), canary[::-1].casefold(), canary.replace("-", "")}:
            plain |= _windows(form)
        for form in _encoded(canary):
            encoded.update(form[at : at + ENCODED_PART] for at in range(len(form) - ENCODED_PART + 1))
    return plain, encoded


def _windows(form: str) -> set[str]:
    """Return the parts of a text; of digits longer ones, for six of them are a time of day as well."""
    parts = {form[at : at + PART] for at in range(len(form) - PART + 1)}
    longer = (form[at : at + PART_OF_DIGITS] for at in range(len(form) - PART_OF_DIGITS + 1))
    return {part for part in parts if not part.isdigit()} | {part for part in longer if part.isdigit()}


def _encoded(canary: str) -> Iterator[str]:
    data = canary.encode()
    yield data.hex()
    yield data[::-1].hex()
    for shift in range(3):  # where it stands in a longer text
        whole = b64encode(b"x" * shift + data).decode()
        yield whole[4 if shift else 0 : len(whole) - 4]
