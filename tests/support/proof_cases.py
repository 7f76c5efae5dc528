"""Studies to be proved, and the lies that are planted in them: who runs them decides how many."""

# ruff: noqa: E501 - tables of cases, a line each

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codeagent_nb.proof.verdict import Verdict
from tests.support.executed_notebooks import Node, changed, code_cells, executed

CSV = "name,group,x,y\nAnna,a,1,2.5\nBen,b,2,3.25\nCleo,a,3,4.125\nDora,b,4,8.5\n"
HELPER = "def double(x):\n    return 2 * x\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCase:
    """A notebook and what is to be said of it as it is.

    Args:
        cells: Its code.
        files: What lies beside it.
        reasons: Why it differs by nature; nothing if it is proved.
    """

    cells: Sequence[str]
    files: Mapping[str, str] = field(default_factory=lambda: {"data.csv": CSV})
    reasons: frozenset[str] = frozenset()


READ = "import pandas as pd\ndf = pd.read_csv('data.csv')\ndf"
PLOT = "import matplotlib.pyplot as plt\nplt.bar(df.name, df.x)\nplt.title('x by name')\nplt.show()"
SVG = "%config InlineBackend.figure_formats = ['svg']"

STUDIES: dict[str, StudyCase] = {
    "table": StudyCase(cells=[READ, "df.groupby('group').y.mean()", "print('total', df.y.sum())"]),
    "plot": StudyCase(cells=[READ, PLOT, "print(df.x.max())"]),
    "svg": StudyCase(cells=[READ, SVG, PLOT]),
    "python only": StudyCase(
        cells=["words = 'to be or not to be'.split()", "counts = {w: words.count(w) for w in words}", "print(counts)"]
    ),
    "seeded": StudyCase(
        cells=["import numpy as np\nnp.random.seed(1)", "x = np.random.normal(size=5)\nx", "print(x.mean())"]
    ),
    "generator": StudyCase(
        cells=["import numpy as np\nrng = np.random.default_rng(7)", "sample = rng.integers(0, 100, 8)", "print(sample)"]
    ),
    "made file": StudyCase(
        cells=[READ, "df.describe().to_csv('summary.csv')", "print(open('summary.csv').read())"],
    ),
    "log": StudyCase(
        cells=["with open('log.txt', 'a') as log:\n    print('run', file=log)", "print(open('log.txt').read())"]
    ),
    "floats": StudyCase(cells=["import numpy as np", "print(sum([0.1] * 10), np.linalg.inv([[2.0, 1], [1, 3]]))"]),
    "caught": StudyCase(cells=["try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print('caught', error)"]),
    "left by exit": StudyCase(cells=["x = 5\nprint(x)", "import sys\nsys.exit(0)", "print(x + 1)"]),
    "addresses": StudyCase(cells=["class A: ...", "print(A(), lambda: 1)", "A()"]),
    "temporary": StudyCase(cells=["import tempfile\nfolder = tempfile.mkdtemp()", "print('in', folder)"]),
    "clock": StudyCase(
        cells=["import datetime, time", "print('now', datetime.datetime.now(), time.time())", "print('done', 3)"]
    ),
    "magic time": StudyCase(cells=["%%time\nx = sum(range(1000))", "%time y = x + 1", "print(x, y)"]),
    "shell": StudyCase(cells=["%%bash\nwc -l < data.csv", "!cat data.csv", "names = !ls\nprint(len(names))"]),
    "warning": StudyCase(cells=["import warnings\nwarnings.warn('old')\nprint(1)", "import sys\nprint('e', file=sys.stderr)"]),
    "set": StudyCase(cells=["names = {'c', 'a', 'b'}", "print(sorted(names), len(names))"]),
    "json": StudyCase(cells=["from IPython.display import JSON, display\ndisplay(JSON({'a': [1, 2.5], 'b': None}))"]),
    "markdown": StudyCase(cells=["from IPython.display import Markdown, Latex\nMarkdown('**7** found')", "Latex('$x^2$')"]),
    "html": StudyCase(cells=["from IPython.display import HTML\nHTML('<table><tr><td>42</td></tr></table>')"]),
    "await": StudyCase(cells=["import asyncio\nawait asyncio.sleep(0.01)\nprint('slept')"]),
    "folder": StudyCase(
        cells=[
            "import os\nos.makedirs('plots')",
            READ,
            "import matplotlib.pyplot as plt\nplt.plot(df.x)\nplt.savefig('plots/x.png')\nplt.close()",
            "print(sorted(os.listdir('plots')), os.getcwd())",
        ]
    ),
    "database": StudyCase(
        cells=[
            "import sqlite3\ncon = sqlite3.connect('made.db')\ncon.execute('create table t (a)')",
            "con.executemany('insert into t values (?)', [(1,), (2,)])\ncon.commit()",
            "con.execute('select sum(a) from t').fetchall()",
        ]
    ),
    "missing values": StudyCase(cells=["import math\nprint(math.nan, math.inf, -math.inf)", "[None, float('nan')]"]),
    "unicode": StudyCase(cells=["print('Größe 🐧 Ω ≈ 3,5 · 漢字')", "'e\\u0301'"]),
    "dates": StudyCase(cells=["import pandas as pd\npd.DataFrame({'day': pd.date_range('2024-02-27', periods=4)})"]),
    "in place": StudyCase(cells=["x = [3, 1, 2]", "x.sort()", "x.append(0)", "print(x)"]),
    "module": StudyCase(cells=["import helper", "print(helper.double(21))"], files={"helper.py": HELPER}),
    "processes": StudyCase(cells=["import subprocess, sys", "print(subprocess.check_output([sys.executable, '-c', 'print(6*7)'], text=True))"]),
    "progress": StudyCase(cells=["import sys, time\nfor i in range(3):\n    print(f'\\r{i}/2', end='', file=sys.stderr)\nprint('end')"]),
    "much": StudyCase(cells=["for i in range(120_000):\n    print('line', i)", "print('after')"]),
    "counter": StudyCase(cells=["x = 1", "x = x * 3", "x += 4", "print(x)"]),
    "two names": StudyCase(cells=["rate = 0.2", "price = 100", "print(price * (1 + rate))"]),
    # What other projects' notebooks stumbled over when they were compared
    "values of labels": StudyCase(  # nbval#204
        cells=["import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nax.set_xlabel('x')", "ax.set_title('t')"]
    ),
    "inline image": StudyCase(  # nbval#97
        cells=["from PIL import Image\nfrom IPython.display import display", "display(Image.new('RGB', (8, 8), (1, 2, 3)))"]
    ),
    "timestamped table": StudyCase(  # nbval#6
        cells=["import pandas as pd\nfrom datetime import datetime", "pd.DataFrame({'at': [datetime.now()], 'x': [1]})"]
    ),
    "logger on standard output": StudyCase(  # nbval#60
        cells=[
            "import logging, sys\nlogging.basicConfig(stream=sys.stdout, level='INFO', format='%(asctime)s %(message)s', datefmt='%Y-%m-%d %H:%M:%S', force=True)",
            "logging.info('rows %d', 4)",
        ]
    ),
    "logger on standard error": StudyCase(  # MDAnalysis/UserGuide#357
        cells=["import logging\nlogging.basicConfig(level='INFO', force=True)", "logging.info('rows %d', 4)"]
    ),
    "size of a figure": StudyCase(  # nbval#185
        cells=["%matplotlib inline\nimport matplotlib.pyplot as plt", "plt.figure(figsize=(3, 2))\nplt.plot([1, 3, 2], 'o-', label='graph')\nplt.legend()"]
    ),
    "seed in the first cell only": StudyCase(  # dtreeviz#255
        cells=["import random\nrandom.seed(0)", "a = random.random()", "b = random.random()", "print(a, b)"]
    ),
    "ties in a sort": StudyCase(  # machine-learning-for-trading#1119
        cells=[READ, "df.sort_values('group', kind='stable').name.tolist()", "df.groupby('group').size().sort_values(ascending=False)"]
    ),
    "object arrays": StudyCase(cells=["import numpy as np", "np.array([object(), len], dtype=object)"]),
    "nested functions": StudyCase(cells=["def outer():\n    def inner(): ...\n    return inner", "outer()", "[outer(), lambda x: x]"]),
    "dictionaries of frames": StudyCase(cells=[READ, "{name: part for name, part in df.groupby('group')}"]),
    "frames in pieces": StudyCase(cells=[READ, "from IPython.display import display\nfor _, row in df.iterrows():\n    display(row)"]),
    "cleared output": StudyCase(cells=["from IPython.display import clear_output\nfor i in range(3):\n    clear_output(wait=True)\n    print('step', i)"]),
    "updated display": StudyCase(cells=["from IPython.display import display\nhandle = display('begun', display_id=True)\nhandle.update('ended')"]),
    # What differs by nature
    "sampled rows": StudyCase(  # AllenSDK#2671, edvart#76
        cells=["import pandas as pd\ndf = pd.DataFrame({'x': range(1000)})", "df.sample(5)"], reasons=frozenset({"random"})
    ),
    "colours by lot": StudyCase(  # AllenSDK#2671
        cells=["import matplotlib.pyplot as plt, random", "plt.scatter(range(9), range(9), c=[random.random() for _ in range(9)])\nplt.show()"],
        reasons=frozenset({"random"}),
    ),
    "transfer speed": StudyCase(  # AllenSDK#2671
        cells=["import time\nt = time.time()\nx = sum(range(10**5))", "print(f'{1e6 / (time.time() - t):.3f} bytes/s')"],
        reasons=frozenset({"time"}),
    ),
    "joined set": StudyCase(  # FLAML#673
        cells=["words = set('the quick brown fox jumps over a lazy dog'.split())", "print(' '.join(words))"],
        reasons=frozenset({"random"}),
    ),
    "identity": StudyCase(cells=["x = [object() for _ in range(50)]\nprint(id(x) // 16 % 100_003, hash(str(id(x))))"], reasons=frozenset({"random"})),
    "unseeded": StudyCase(cells=["import numpy as np", "x = np.random.normal(size=3)", "print(x)"], reasons=frozenset({"random"})),
    "choice": StudyCase(cells=["import random", "print(random.random())"], reasons=frozenset({"random"})),
    "unique": StudyCase(cells=["import uuid\nprint(uuid.uuid4())"], reasons=frozenset({"random"})),
    "shuffled plot": StudyCase(
        cells=["import numpy as np, matplotlib.pyplot as plt", "plt.plot(np.random.rand(20))\nplt.show()"],
        reasons=frozenset({"random"}),
    ),
    "elapsed": StudyCase(
        cells=["import time\nbegan = time.perf_counter()", "print('took', time.perf_counter() - began)"],
        reasons=frozenset({"time"}),
    ),
    "spelled clock": StudyCase(
        cells=["import time\nprint(time.strftime('%d %b %Y at %Hh%Mm%Ss'), time.time_ns() % 1000)"], reasons=frozenset({"time"})
    ),
    "age": StudyCase(
        cells=["from datetime import datetime", "age = datetime.now() - datetime(2020, 1, 1)", "print(age.total_seconds())"],
        reasons=frozenset({"time"}),
    ),
    "order of a set": StudyCase(
        cells=["names = {'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta'}", "print(list(names))"],
        reasons=frozenset({"random"}),
    ),
}  # fmt: skip


async def made(name: str, folder: Path) -> Path:
    """Run a study in a folder; return its notebook."""
    folder.mkdir(exist_ok=True)
    for beside, text in STUDIES[name].files.items():
        (folder / beside).write_text(text)
    return await executed(folder / "study.ipynb", STUDIES[name].cells)


Plant = Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """What is done to a notebook after it was proved.

    Args:
        study: Its name.
        plant: Does it, given the notebook's path.
        reason: What is to be found.
        cell: The cell it is to be found in, counted from 1 as it stands then; 0 is any.
    """

    study: str
    plant: Plant
    reason: str
    cell: int = 0


def told_right(lie: Lie, verdict: Verdict) -> bool:
    """Return whether a lie was found where it is, and no other reason was named."""
    kinds = {found.number: found.reason.kind for found in verdict.differences}
    return kinds.get(lie.cell) == lie.reason and verdict.reasons <= {lie.reason, *STUDIES[lie.study].reasons}


def in_text(number: int, old: str, new: str) -> Plant:
    """Change what a cell is said to have shown, in all its texts."""

    def change(node: Node) -> None:
        cell = code_cells(node)[number - 1]
        text = json.dumps(cell["outputs"], ensure_ascii=False)
        assert old in text, text
        cell["outputs"] = json.loads(text.replace(old, new, 1))

    return lambda path: changed(path, change)


def in_html(number: int, old: str, new: str) -> Plant:
    """Change the table only, and not the text that stands for it."""

    def change(node: Node) -> None:
        data = code_cells(node)[number - 1]["outputs"][0]["data"]
        html = data["text/html"] if isinstance(data["text/html"], str) else "".join(data["text/html"])
        assert old in html
        data["text/html"] = html.replace(old, new, 1)

    return lambda path: changed(path, change)


def in_code(number: int, old: str, new: str) -> Plant:
    """Change the code under an output."""

    def change(node: Node) -> None:
        cell = code_cells(node)[number - 1]
        source = "".join(cell["source"])
        assert old in source
        cell["source"] = source.replace(old, new, 1)

    return lambda path: changed(path, change)


def swapped(one: int, other: int) -> Plant:
    """Let two cells change their places."""

    def change(node: Node) -> None:
        cells = code_cells(node)
        places = [node["cells"].index(cells[number - 1]) for number in (one, other)]
        node["cells"][places[0]], node["cells"][places[1]] = cells[other - 1], cells[one - 1]

    return lambda path: changed(path, change)


def removed(number: int) -> Plant:
    """Take a cell out."""
    return lambda path: changed(path, lambda node: node["cells"].remove(code_cells(node)[number - 1]))


def without_output(number: int) -> Plant:
    """Take the outputs of a cell out."""
    return lambda path: changed(path, lambda node: code_cells(node)[number - 1].update(outputs=[]))


def with_output(number: int, text: str) -> Plant:
    """Let a cell have printed more."""
    output = {"output_type": "stream", "name": "stdout", "text": text}
    return lambda path: changed(path, lambda node: code_cells(node)[number - 1]["outputs"].append(output))


def with_picture(number: int, repaint: Callable[[object], object]) -> Plant:
    """Change the picture of a cell."""

    def change(node: Node) -> None:
        from PIL import Image

        output = next(one for one in code_cells(node)[number - 1]["outputs"] if "image/png" in one.get("data", {}))
        content = base64.b64decode("".join(output["data"]["image/png"]))
        picture = Image.open(io.BytesIO(content)).convert("RGBA")
        repaint(picture)
        into = io.BytesIO()
        picture.save(into, "PNG")
        output["data"]["image/png"] = base64.b64encode(into.getvalue()).decode()

    return lambda path: changed(path, change)


def painted(box: tuple[int, int, int, int]) -> Callable[[object], object]:
    """Return what paints a box of a picture white, as who lets a bar be smaller."""
    return lambda picture: picture.paste((255, 255, 255, 255), box)  # type: ignore[attr-defined]


def file(name: str, old: str, new: str) -> Plant:
    """Change a file that the notebook reads."""

    def change(path: Path) -> None:
        read = path.with_name(name)
        assert old in read.read_text()
        read.write_text(read.read_text().replace(old, new, 1))

    return change


def gone(name: str) -> Plant:
    """Remove a file that the notebook reads."""
    return lambda path: path.with_name(name).unlink()


def both(*plants: Plant) -> Plant:
    """Do several."""

    def plant(path: Path) -> None:
        for one in plants:
            one(path)

    return plant


LIES: dict[str, Lie] = {
    "a number in a text": Lie(study="table", plant=in_text(3, "18.375", "18.875"), reason="edited", cell=3),
    "a number in a series": Lie(study="table", plant=in_text(2, "5.8750", "5.9750"), reason="edited", cell=2),
    "a number in a table": Lie(study="table", plant=in_html(1, "4.125", "4.152"), reason="edited", cell=1),
    "a name in a table": Lie(study="table", plant=in_html(1, "Cleo", "Clea"), reason="edited", cell=1),
    "a picture": Lie(study="plot", plant=with_picture(2, painted((400, 40, 500, 200))), reason="edited", cell=2),
    "a dot of a picture": Lie(study="plot", plant=with_picture(2, painted((300, 200, 303, 203))), reason="edited", cell=2),
    "another picture": Lie(study="plot", plant=with_picture(2, lambda picture: picture.paste((0, 0, 0, 255), (0, 0, 200, 200))), reason="edited", cell=2),  # type: ignore[attr-defined]
    "a data file": Lie(study="table", plant=file("data.csv", "8.5", "9.5"), reason="file", cell=1),
    "a data file behind a plot": Lie(study="plot", plant=file("data.csv", "b,2", "b,9"), reason="file", cell=2),
    "a module beside it": Lie(study="module", plant=file("helper.py", "2 * x", "3 * x"), reason="file", cell=2),
    "a data file that is gone": Lie(study="table", plant=gone("data.csv"), reason="file", cell=1),
    "swapped assignments": Lie(study="counter", plant=swapped(2, 3), reason="order", cell=4),
    "swapped with its use": Lie(study="two names", plant=swapped(2, 3), reason="order", cell=2),
    "swapped in place": Lie(study="in place", plant=swapped(2, 3), reason="order", cell=4),
    "a removed assignment": Lie(study="two names", plant=removed(1), reason="missing", cell=2),
    "a removed change": Lie(study="counter", plant=removed(2), reason="missing", cell=3),
    "a removed import": Lie(study="seeded", plant=removed(1), reason="missing", cell=1),
    "a removed sort": Lie(study="in place", plant=removed(2), reason="missing", cell=3),
    "a removed filter": Lie(study="table", plant=removed(1), reason="missing", cell=1),
    "a removed output": Lie(study="table", plant=without_output(3), reason="edited", cell=3),
    "an added output": Lie(study="table", plant=with_output(3, "p = 0.01\n"), reason="edited", cell=3),
    "an added output where there is none": Lie(study="counter", plant=with_output(2, "3\n"), reason="edited", cell=2),
    "a word": Lie(study="caught", plant=in_text(1, "division", "divisions"), reason="edited", cell=1),
    "a key": Lie(study="python only", plant=in_text(3, "'be': 2", "'be': 3"), reason="edited", cell=3),
    "a digit of a random sample": Lie(study="generator", plant=in_text(3, "[94", "[95"), reason="edited", cell=3),
    "a digit of a seeded mean": Lie(study="seeded", plant=in_text(3, "0.", "1."), reason="edited", cell=3),
    "a sign": Lie(study="floats", plant=in_text(2, "-0.2", "0.2"), reason="edited", cell=2),
    "a value of json": Lie(study="json", plant=in_text(1, "2.5", "2.75"), reason="edited", cell=1),
    "a number in markdown": Lie(study="markdown", plant=in_text(1, "**7**", "**8**"), reason="edited", cell=1),
    "a formula": Lie(study="markdown", plant=in_text(2, "x^2", "x^3"), reason="edited", cell=2),
    "a number in html": Lie(study="html", plant=in_text(1, "<td>42", "<td>43"), reason="edited", cell=1),
    "a date": Lie(study="dates", plant=in_html(1, "2024-02-29", "2024-02-28"), reason="edited", cell=1),
    "a count of lines": Lie(study="shell", plant=in_text(1, "5", "6"), reason="edited", cell=1),
    "a line of a file that was shown": Lie(study="shell", plant=in_text(2, "Ben,b,2", "Ben,b,3"), reason="edited", cell=2),
    "a file that a shell reads": Lie(study="shell", plant=file("data.csv", "Anna", "Anne"), reason="file", cell=2),
    "a made file as it was shown": Lie(study="made file", plant=in_text(3, "count", "cound"), reason="edited", cell=3),
    "the data under a made file": Lie(study="made file", plant=file("data.csv", "Anna,a,1", "Anna,a,7"), reason="file", cell=3),
    "a removed write": Lie(study="made file", plant=both(removed(2), gone("summary.csv")), reason="missing", cell=2),
    "a sum from a database": Lie(study="database", plant=in_text(3, "(3,)", "(4,)"), reason="edited", cell=3),
    "a removed insert": Lie(study="database", plant=removed(2), reason="missing", cell=2),
    "changed code": Lie(study="counter", plant=in_code(2, "* 3", "* 4"), reason="code", cell=4),
    "changed code of a table": Lie(study="table", plant=in_code(2, "mean", "max"), reason="code", cell=2),
    "changed code of a plot": Lie(study="plot", plant=in_code(2, "df.x", "df.y"), reason="code", cell=2),
    "a seed": Lie(study="seeded", plant=in_code(1, "seed(1)", "seed(2)"), reason="code", cell=2),
    "a constant": Lie(study="two names", plant=in_code(1, "0.2", "0.3"), reason="code", cell=3),
    "not a number": Lie(study="missing values", plant=in_text(1, "nan", "0.0"), reason="edited", cell=1),
    "a letter": Lie(study="unicode", plant=in_text(1, "3,5", "3,6"), reason="edited", cell=1),
    "a number beside the clock": Lie(study="clock", plant=in_text(3, "3", "4"), reason="edited", cell=3),
    "a number beside a timing": Lie(study="magic time", plant=in_text(3, "499500", "499501"), reason="edited", cell=3),
    "a number beside a warning": Lie(study="warning", plant=in_text(1, "1\\n", "2\\n"), reason="edited", cell=1),
    "a word on standard error": Lie(study="warning", plant=in_text(2, "e\\n", "f\\n"), reason="edited", cell=2),
    "the far end of much": Lie(study="much", plant=in_text(1, "line 119999", "line 119990"), reason="edited", cell=1),
    "a name of a file": Lie(study="folder", plant=in_text(4, "x.png", "y.png"), reason="edited", cell=4),
    "swapped with its data": Lie(study="folder", plant=swapped(2, 3), reason="order", cell=2),
    "the answer of a process": Lie(study="processes", plant=in_text(2, "42", "43"), reason="edited", cell=2),
    "the result after an exit": Lie(study="left by exit", plant=in_text(3, "6", "7"), reason="edited", cell=3),
    "the value of an exit": Lie(study="left by exit", plant=without_output(2), reason="edited", cell=2),
    "a class": Lie(study="addresses", plant=in_text(3, "A at", "B at"), reason="edited", cell=3),
    "a length": Lie(study="set", plant=in_text(2, "3", "4"), reason="edited", cell=2),
    "a bar of an SVG": Lie(study="svg", plant=in_text(3, "x by name", "y by name"), reason="edited", cell=3),
    "swapped draws": Lie(study="generator", plant=swapped(1, 2), reason="order", cell=3),
    "a drawn number": Lie(study="unseeded", plant=in_code(2, "size=3", "size=4"), reason="random", cell=3),
}  # fmt: skip
