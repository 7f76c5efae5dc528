"""Which variables a cell uses: the data it names, as `-i` takes them."""

import math
import threading
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.notebook.arguments import read_line
from codeagent_nb.notebook.settings import CodeAgent
from codeagent_nb.notebook.used_names import names_used

NAMESPACE: dict[str, Any] = {
    "df": [1],
    "limit": 3,
    "math": math,
    "f": lambda: 1,
    "Kind": int,
    "_hidden": 1,
    "In": [],
    "größe": 2,
    "api_key": "sk",
    "own": type("Own", (), {"__module__": "__main__"})(),
}


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("df.head(limit)", "df,limit"),
        ("limit + len(df) + limit", "limit,df"),
        ("[x for x in df if x < limit]", "df,limit"),
        ("f'{limit}'", "limit"),
        ("df[0] += 1", "df"),
        ("def g(a=limit):\n    return df", "limit,df"),
        ("größe", "größe"),
        ("math.pi * f() + Kind(_hidden)", ""),
        ("'df' # limit\nfoo.df", ""),
        ("unknown", ""),
        ("", ""),
        ("df +", ""),
        ("%matplotlib inline\nfiles = !ls\ndf", "df"),
        ("api_key, own, df", "df"),
        ("df\x00", ""),
        ("(" * 500, ""),
    ],
)
def test_the_data_that_code_names_are_found_each_once_in_order(code: str, names: str) -> None:
    assert names_used(code, NAMESPACE) == names


def test_what_is_found_can_be_given_to_the_magic() -> None:
    names = names_used("df, limit, größe", NAMESPACE)
    assert read_line(f"--cells -i {names}", "Fix it.", CodeAgent()).variables == ("df", "limit", "größe")


def test_code_that_is_nested_too_deeply_is_no_error() -> None:
    for code in ("-" * 20_000 + "df", "df" + ".x" * 20_000):
        assert set(names_used(code, NAMESPACE).split(",")) <= {"df", ""}


def test_what_cannot_be_copied_is_not_asked_for(tmp_path: Path) -> None:
    own = type("Own", (), {"__module__": "__main__"})
    with (tmp_path / "open").open("w") as file:
        namespace = {"file": file, "lock": threading.Lock(), "mine": [own()], "data": list(range(10**6)), "n": 1}
        assert names_used("file, lock, mine, data, n", namespace) == "data,n"
