"""What the text of code shows: names, changes in place, files, chance; and the slice that follows from it."""

import ast
import time
from typing import Any

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.proof.cell_code import CellCode, read_cell
from codeagent_nb.proof.slicing import Care, made_files, needed
from codeagent_nb.proof.sources import imported_names, sources_of
from codeagent_nb.proof.tidying import as_script, gathered, imports_of


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("y = x + 1", {"reads": {"x"}, "makes": {"y"}, "replaces": {"y"}}),
        ("x += 1", {"reads": {"x"}, "changes": {"x"}}),
        ("x = 1\ny = x", {"reads": set()}),
        ("df['a'] = 1", {"reads": {"df"}, "changes": {"df"}, "keyed": {"df": {"a"}}}),
        ("df.loc[0, 'a'] = 1", {"changes": {"df"}, "firm": {"df"}}),
        ("df.drop(columns='a', inplace=True)", {"firm": {"df"}}),
        ("del d['k']", {"firm": {"d"}}),
        ("a.b.c = 1", {"firm": {"a"}}),
        ("for i in xs:\n    total += i", {"reads": {"xs", "total"}, "changes": {"total"}}),
        ("with open('f') as g:\n    t = g.read()", {"reads": set(), "makes": {"g", "t"}}),
        ("[i * k for i in xs]", {"reads": {"xs", "k"}, "makes": set()}),
        ("def f(a):\n    return a + k", {"reads": {"k"}, "makes": {"f"}}),
        ("def f():\n    global n\n    n = 1", {"firm": {"n"}}),
        ("lambda a: a + k", {"reads": {"k"}}),
        ("if c:\n    x = 1", {"makes": {"x"}, "replaces": set()}),
        ("try:\n    pass\nexcept E as e:\n    print(e)", {"makes": {"e"}}),
        ("import a.b as c, d.e", {"makes": {"c", "d"}, "imports": {"a.b", "d.e"}}),
        ("import numpy as np\nnp.random.seed(0)\n1", {"sets_up": {"np"}}),
        ("%matplotlib inline\nx = 1", {"sets_up": {"*"}, "makes": {"x"}}),
        ("!rm a.txt", {"runs_programs": True}),
        ("names = !ls", {"makes": {"names"}, "runs_programs": True}),
        ("%%bash\nls", {"runs_programs": True, "reads": set()}),
        ("%%time\ny = x", {"reads": {"x"}, "makes": {"y"}}),
        ("x = (1", {"is_opaque": True}),
        ("(y := x)", {"makes": {"y"}, "reads": {"x"}}),
        ("match v:\n    case [a, *b]:\n        pass", {"makes": {"a", "b"}, "reads": {"v"}}),
        ("df.to_csv('o.csv')", {"writes": {"o.csv"}}),
        ("open('o.txt', 'w').write('text')", {"writes": {"o.txt"}}),
        ("open('o.txt').read()", {"writes": set()}),
        ("df.to_dict()", {"writes": set()}),
        ("from pathlib import Path\nPath('o.txt').write_text('hello')", {"writes": {"o.txt"}}),
    ],
)
def test_what_a_cell_does_is_read_from_its_text(code: str, expected: dict[str, Any]) -> None:
    found = read_cell(code)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_call_whose_value_is_dropped_is_there_for_what_it_does() -> None:
    assert "xs" in read_cell("xs.append(1)\n1").changes
    assert "xs" in read_cell("random.shuffle(xs)", shows_value=False).changes
    assert "xs" not in read_cell("print(xs)", shows_value=False).changes
    assert "df" not in read_cell("df.head()").changes


def cells(*codes: str) -> list[CellCode]:
    return [read_cell(code, shows_value=not code.endswith(")")) for code in codes]


@pytest.mark.parametrize(
    ("codes", "root", "expected"),
    [
        (("a = 1", "b = 2", "a"), 2, {0, 2}),
        (("a = 1", "a = 2", "a"), 2, {1, 2}),
        (("a = 1", "a += 1", "a"), 2, {0, 1, 2}),
        (("a = []", "a.append(1)", "a"), 2, {0, 1, 2}),
        (("a = [2, 1]", "b = sorted(a)", "a"), 2, {0, 2}),
        (("k = 1", "def f():\n    return k", "f"), 2, {0, 1, 2}),
        (("open('f.txt', 'w').write('x')", "a = 1", "t = open('f.txt').read()"), 2, {0, 2}),
        (("x = 1", "y = (", "z = 2\nz"), 2, {0, 1, 2}),
        (("import numpy as np", "np.random.seed(1)", "np.random.rand"), 2, {0, 1, 2}),
        (("%config X.y = 1", "a = 1", "a"), 2, {0, 1, 2}),
    ],
)
def test_a_slice_holds_what_a_cell_needs(codes: tuple[str, ...], root: int, expected: set[int]) -> None:
    assert needed(cells(*codes), [root], "close") == expected


@pytest.mark.parametrize(("care", "expected"), [("bare", {0, 2}), ("close", {0, 1, 2}), ("wide", {0, 1, 2})])
def test_a_column_that_nobody_names_counts_only_with_more_care(care: Care, expected: set[int]) -> None:
    assert needed(cells("df = f", "df['z'] = 1", "df['y']"), [2], care) == expected


def test_a_file_is_made_if_it_is_written_before_anything_names_it() -> None:
    made = made_files(cells("open('a.csv').read()", "open('a.csv', 'w').write('x')", "open('b.csv', 'w').write('x')"))
    assert made == {"b.csv"}


@pytest.mark.parametrize(
    "code",
    [
        "Path('data').mkdir(exist_ok=True)",
        "os.makedirs('data', exist_ok=True)",
        "os.path.isdir('data') or os.mkdir('data')",
    ],
)
def test_a_folder_that_holds_what_is_read_is_not_made_by_the_code(code: str) -> None:
    assert made_files(cells(code, "pd.read_csv('data/penguins.csv')")) == set()


def test_a_folder_that_may_be_there_already_is_not_made_by_the_code() -> None:
    assert made_files(cells("os.makedirs('data', exist_ok=True)", "pd.read_csv(folder / 'penguins.csv')")) == set()


def test_a_folder_that_must_not_be_there_is_made_by_the_code() -> None:
    made = made_files(cells("os.mkdir('out')\nopen('out/a.csv', 'w').write('x')", "open('out/a.csv').read()"))
    assert made == {"out", "out/a.csv"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import numpy as np\nnp.random.rand(3)", "random"),
        ("import random\nrandom.choice([1, 2])", "random"),
        ("from random import shuffle\nshuffle(x)", "random"),
        ("df.sample(3)", "random"),
        ("import uuid\nuuid.uuid4()", "random"),
        ("id(x)", "random"),
        ("from datetime import datetime\ndatetime.now()", "time"),
        ("import time\ntime.time()", "time"),
        ("import pandas as pd\npd.Timestamp.today()", "time"),
        ("import time\ntime.perf_counter()", "time"),
        ("import requests\nrequests.get(u)", "network"),
        ("import pandas as pd\npd.read_csv('https://data.example.org/a.csv')", "network"),
        ("list({1, 2})", "unordered"),
        ("import os\nos.listdir()", "unordered"),
    ],
)
def test_where_results_can_come_from_is_read_from_calls(code: str, kind: str) -> None:
    assert kind in sources_of(code, imported_names([code]))


@pytest.mark.parametrize(
    "code",
    [
        "df.sample(3, random_state=1)",
        "np.random.seed(1)",
        "a + b",
        "df.groupby('random').sum()",
        "x = (",
        "%%bash\ndate",
    ],
)
def test_what_comes_out_the_same_has_no_other_source(code: str) -> None:
    assert sources_of(code, {"np": "numpy"}) == {}


def test_imports_are_gathered_each_once_and_only_those_that_are_used() -> None:
    first, *rest = gathered(
        ["import os, json\nx = 1", "import json\nimport pandas as pd\npd.DataFrame(json.loads('1'))"]
    )
    assert first == "import json\n\nimport pandas as pd"
    assert rest == ["x = 1", "pd.DataFrame(json.loads('1'))"]


@pytest.mark.parametrize(
    "source",
    ["x = 1; import os; os.getcwd()", "import os  # why\nos.getcwd()", "%%bash\nimport x", "if c:\n    import os\nos"],
)
def test_an_import_that_does_not_stand_alone_stays_where_it_is(source: str) -> None:
    assert gathered([source])[1] == source


def test_names_of_one_module_share_a_line_and_pythons_own_come_first() -> None:
    first, *_ = gathered(["from numpy import array\nfrom math import pi, e\nimport sys\nprint(array, pi, e, sys)"])
    assert first.splitlines() == ["import sys", "from math import e, pi", "", "from numpy import array"]


def test_a_script_prints_what_the_notebook_showed_and_runs_shells_by_subprocess() -> None:
    cells = [("markdown", "# Title\n\nWhy."), ("code", "x = 1\nx + 1"), ("code", "!ls"), ("code", "%%bash\npwd")]
    text = as_script(cells, 'A "quoted" task', "n.ipynb", {1: True})
    ast.parse(text)
    assert "print(x + 1)" in text
    assert "# Why." in text
    assert text.count("subprocess.run(") == 2
    ast.parse(as_script([("code", "names = !ls\n%time y = len(names)")], "", "n.ipynb", {}))
    assert "\ny = len(names)" in as_script([("code", "%time y = len(names)")], "", "n.ipynb", {})
    assert "import subprocess" in text


@pytest.mark.parametrize(
    "source",
    [
        's = """\n100\n% of total\n!important\n"""\nprint(s)',
        "s = '''\n%matplotlib inline\nnames = !ls\nWhy?\n'''\nprint(s)",
        "a = (7\n%3)\nprint(a)",
        "a = 7 \\\n% 3\nprint(a)",
        "# Which?\n\ntotal = 5\nprint(total)  # right?",
        's = f"""{1}\n%time x = 2\n"""\nprint(s)',
        's = r"""\\"""\nprint(s)',
    ],
)
def test_python_is_the_same_in_a_script_whatever_its_lines_begin_with(source: str) -> None:
    assert source in as_script([("code", source)], "", "n.ipynb", {})


def test_a_magic_in_a_text_is_no_set_up() -> None:
    source = 's = """\n%matplotlib inline\n"""\nplt.plot(s)'
    assert gathered([source]) == ["", source]
    assert imports_of(source) == ""
    assert imports_of("%matplotlib inline\nimport a\nb = 1") == "%matplotlib inline\nimport a"


def test_a_quotation_mark_in_a_command_begins_no_string() -> None:
    text = as_script([("code", "!echo it's\n%matplotlib inline\nx = 1\n!echo 2")], "", "n.ipynb", {})
    assert text.count("subprocess.run(") == 2
    ast.parse(text)


@pytest.mark.parametrize(
    "source", ["!wc -l {path}", "names = !ls $folder", "%cd data", "%run other.py", "t = %timeit -o f()", "%env A=1"]
)
def test_what_only_ipython_can_do_is_no_script(source: str) -> None:
    with pytest.raises(SessionError, match="needs IPython"):
        as_script([("code", source)], "", "n.ipynb", {})


def test_the_last_value_is_printed_whatever_letters_names_have() -> None:
    text = as_script([("code", "größe = 1; größe")], "", "n.ipynb", {0: True})
    assert "größe = 1\nprint(größe)\n" in text


@pytest.mark.parametrize(
    "source",
    [
        "# Which island?\n\ntotal = 5\nimport math\nprint(math.sqrt(total))",
        "len?\n\n\ntotal = 5\nimport math\nprint(math.sqrt(total))",
        "total = 5\x0c\nimport math\nprint(math.sqrt(total))",
    ],
)
def test_only_imports_go_to_the_top(source: str) -> None:
    first, rest = gathered([source])
    assert first == "import math"
    assert rest.splitlines() == source.replace("import math\n", "").splitlines()


def test_a_command_of_several_lines_is_one() -> None:
    text = as_script([("code", "!echo a \\\n  b\nx = 1")], "", "n.ipynb", {})
    assert "subprocess.run('echo a \\\\\\n  b', shell=True)\nx = 1" in text
    assert gathered(["!echo a \\\n  b\nimport os\nos.getcwd()"]) == ["import os", "!echo a \\\n  b\nos.getcwd()"]


@pytest.mark.parametrize(
    "source", [" " * 40_000, "a" + " " * 40_000, "a," * 20_000, "?" * 40_000, "x? " * 15_000, "(" * 40_000]
)
def test_hostile_code_is_read_in_a_moment(source: str) -> None:
    """Four hundred blanks took 0.07 s, and the time was cubic."""
    began = time.monotonic()
    read_cell(source + "!x" if source.isspace() else source)
    assert time.monotonic() - began < 20
