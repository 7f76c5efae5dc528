"""Causes in plain Python: dates, JSON, encodings, syntax. Pure."""

import re

from codeagent_nb.explaining.cause import Cause
from kernel_executor import FailedLine

BUILTIN = frozenset({"dict", "input", "len", "list", "max", "min", "print", "range", "set", "str", "sum", "type"})


def _hides_builtin(line: FailedLine) -> bool:
    called = re.findall(r"\b(\w+)\(", line.source)
    return any(value.name in BUILTIN and value.name in called for value in line.values)


def _has_dates(line: FailedLine) -> bool:
    return any(value.name == "datetime" and value.type == "module" for value in line.values)


CAUSES = (
    Cause(
        "AttributeError",
        r"^module 'datetime' has no attribute '(?P<name>now|today|strptime|fromtimestamp|fromisoformat|combine)'",
        "The module and its class have one name: `datetime.datetime.{name}(...)`, or `from datetime import datetime`.",
    ),
    Cause(
        "AttributeError",
        r"^type object 'datetime.datetime' has no attribute '(?P<name>datetime|timedelta|timezone|MINYEAR)'",
        "`datetime` is the class here, not the module: `from datetime import {name}`.",
    ),
    Cause(
        "TypeError",
        r"^'module' object is not callable",
        "`datetime` is the module: `from datetime import datetime`, then `datetime(2020, 1, 31)`.",
        when=_has_dates,
    ),
    Cause(
        "AttributeError",
        r"^'(?:datetime\.timedelta|Timedelta)' object has no attribute '(?:hours|minutes)'",
        "Use `x.total_seconds() / 3600` for hours, `/ 60` for minutes.",
    ),
    Cause(
        "AttributeError",
        r"^'NoneType' object has no attribute 'groups?'",
        "The pattern was not found: `re.search` then returns None; look whether it did.",
    ),
    Cause(
        "AttributeError",
        r"^'str' object has no attribute '(?P<name>year|month|day|strftime|date|hour|total_seconds)'",
        "It is text: make a date of it first, `pd.to_datetime(x).{name}`.",
    ),
    Cause(
        "JSONDecodeError",
        r"^Expecting property name enclosed in double quotes: line 1 column 2 ",
        "It is no JSON but Python's own way to write a dict: `ast.literal_eval(text)`.",
    ),
    Cause(
        "JSONDecodeError",
        r"^(?:Expecting property name|Illegal trailing comma)",
        "There is a comma too many, or a name without double quotes: JSON allows neither.",
    ),
    Cause("JSONDecodeError", r"^Extra data", "Each line is a JSON value: `[json.loads(line) for line in file]`."),
    Cause(
        "JSONDecodeError",
        r"^Expecting value: line 1 column 1 ",
        "The text is empty or no JSON: print its first characters, `print(repr(text[:200]))`.",
    ),
    Cause(
        "TypeError",
        r"^Object of type (?P<kind>\w+) is not JSON serializable",
        "JSON knows no {kind}: `json.dumps(x, default=str)`; `.item()` of a NumPy number, `.tolist()` of an array, "
        "`.to_dict()` of a table.",
    ),
    Cause(
        "TypeError", r"^the JSON object must be str, bytes", "It is no text: it was read already, or use `json.load`."
    ),
    Cause(
        "UnicodeDecodeError",
        r"^'utf-8' codec can't decode byte 0xf[ef] in position 0",
        "The file is UTF-16, or no text: pass `encoding='utf-16'`.",
    ),
    Cause(
        "UnicodeDecodeError",
        r"^'utf-8' codec can't decode",
        "The file is not UTF-8: pass `encoding='cp1252'` (or 'latin-1').",
    ),
    Cause("UnicodeDecodeError|UnicodeEncodeError", r"^'ascii' codec can't", "Pass `encoding='utf-8'`."),
    Cause("RecursionError", "", "The function calls itself without end: return before that call in the simplest case."),
    Cause(
        "ZeroDivisionError",
        "",
        "The divisor is 0: find out why, or test for it.",
    ),
    Cause(
        "TypeError",
        r"^string indices must be integers",
        "It is text, no dict: going through a dict or table gives its names (use `.items()`, `.iterrows()`), and JSON "
        "must be read with `json.loads` first.",
    ),
    Cause(
        "TypeError",
        r"^(?P<kind>list|tuple) indices must be integers or slices, not str",
        "It is a {kind}: take one of its items first, `x[0]['name']`, or go through them.",
    ),
    Cause(
        "TypeError",
        r"^'(?:int|float|str|list|dict|tuple|set)' object is not callable",
        "A variable has the name of the function: `del` it and call it otherwise.",
        when=_hides_builtin,
    ),
    Cause("TypeError", r"^Population must be a sequence", "Make a list of it: `random.sample(sorted(x), k)`."),
    Cause(
        "SyntaxError",
        r"^f-string: (?:unmatched|expecting '}')",
        "Inside an f-string use the other quotes: `f\"{{d['a']}}\"`.",
        source=r"\bf(?:\"[^\"]*{[^}\"]*\"|'[^']*{[^}']*')",
    ),
    Cause("SyntaxError", r"^Missing parentheses in call to 'print'", "Write `print(...)`."),
    Cause(
        "SyntaxError",
        r"^invalid character '[“”‘’]'",  # noqa: RUF001
        "Use plain quotes: \" or '.",
    ),
)
"""The first that fits counts."""
