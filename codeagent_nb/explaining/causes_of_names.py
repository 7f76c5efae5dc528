"""Causes of names that are not there: columns, files, modules, variables. Pure."""

import re

from codeagent_nb.explaining.cause import Cause, of_names
from kernel_executor import FailedLine


def _differs_by_blanks(line: FailedLine) -> bool:
    return any(each.near and each.near[0] != each.name and each.near[0].strip() == each.name for each in line.missing)


def _differs_by_spelling(line: FailedLine) -> bool:
    return any(each.near and _bare(each.near[0]) == _bare(each.name) for each in line.missing)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _is_in_index(line: FailedLine) -> bool:
    return any(each.of.endswith("it is in the index") for each in line.missing)


def _has_header_below(line: FailedLine) -> bool:
    """Return whether most columns of a table that the line names have no name of their own."""
    tables = [[column.label for column in value.columns] for value in line.values if len(value.columns) > 1]
    return any(sum("'Unnamed: " in label for label in labels) >= len(labels) / 2 for labels in tables)


def _has_near_files(line: FailedLine) -> bool:
    return any(each.near for each in line.missing)


LABELS = "KeyError|ValueError|UndefinedVariableError|AttributeError"

INSTALLED_AS = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Packages that are installed under other names than they are imported by."""

MEANT = {
    "pd": "import pandas as pd",
    "np": "import numpy as np",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
    "stats": "from scipy import stats",
    "datetime": "from datetime import datetime",
    "timedelta": "from datetime import timedelta",
    "Counter": "from collections import Counter",
    "defaultdict": "from collections import defaultdict",
    "StringIO": "from io import StringIO",
    "Path": "from pathlib import Path",
    **{name: f"import {name}" for name in ("csv", "glob", "io", "json", "math", "os", "random", "re", "statistics")},
    **{name: f"import {name}" for name in ("sqlite3", "sys", "time")},
}
"""Names that code takes for imported, and how they are."""

CAUSES = (
    Cause(
        LABELS,
        "",
        "The name has blanks in it: write {near}, or run `{of}.columns = {of}.columns.str.strip()` first.",
        when=_differs_by_blanks,
    ),
    Cause(
        "KeyError",
        "",
        "The header is not in the file's first line: read the file with `skiprows=1`, or `header=` its line from 0.",
        when=_has_header_below,
    ),
    Cause(
        "KeyError",
        "",
        "`groupby` and `set_index` make an index of a column: call `.reset_index()` before you name it.",
        when=_is_in_index,
    ),
    Cause(
        "FileNotFoundError",
        r"directory: '\s*[\[{]",
        "A text is read as if it were a file name: wrap it, `pd.read_json(io.StringIO(text))`.",
    ),
    Cause("FileNotFoundError", "", "Use a file that is there: {files}.", when=_has_near_files),
    *of_names(
        "ModuleNotFoundError",
        r"^No module named 'NAME'",
        {
            name: f"`{name}` is part of the package `{package}`, which is not installed: do it with an installed one."
            for name, package in INSTALLED_AS.items()
        },
    ),
    Cause(
        "ImportError",
        r"`Import (?P<package>\w+)` failed|Missing optional dependency '(?P<other>\w+)'",
        "pandas needs a package for this that is not installed ({package}{other}): use another method or file format.",
    ),
    *of_names(
        "NameError",
        r"^name 'NAME' is not defined",
        {name: f"Begin the code with `{statement}`." for name, statement in MEANT.items()},
    ),
    *of_names(
        "NameError",
        r"^name 'NAME' is not defined",
        {
            "true": "In Python it is `True`.",
            "false": "In Python it is `False`.",
            "null": "In Python it is `None`.",
            "nan": "It is `float('nan')`, or `np.nan` with NumPy.",
            "display": "Use `print(...)`.",
        },
    ),
)
"""The first that fits counts."""

SPELLING = (Cause(LABELS, "", "Write the name exactly as it is there: {near}.", when=_differs_by_spelling),)
"""Only where nothing else is known: a name that was removed may be like one that was not."""
