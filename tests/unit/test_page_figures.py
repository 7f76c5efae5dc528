"""What the page lets pass in a trusted cell: figures and formulas by the rules of `rendering/`."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import codeagent_nb
from codeagent_nb.rendering.cleaning.figures import harmless_plotly, harmless_vega_lite
from tests.support.charts import CHART, LOADING, ROWS

PAGE = Path(codeagent_nb.__file__).parent / "labextension" / "page"
ASK = """
import { isHarmlessChart } from "./charts.js";
import { isHarmlessFigure, isHarmlessMathematics } from "./figures.js";
import { readFileSync } from "node:fs";
const { figures, formulas, charts } = JSON.parse(readFileSync(0, "utf8"));
const found = [figures.map(isHarmlessFigure), formulas.map(isHarmlessMathematics), charts.map(isHarmlessChart)];
console.log(JSON.stringify(found));
"""


def judged(folder: Path, figures: list[Any], formulas: list[str], charts: Sequence[Any] = ()) -> list[list[bool]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    for name in ("figures.js", "charts.js"):
        shutil.copy(PAGE / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "ask.mjs").write_text(ASK)
    given = json.dumps({"figures": figures, "formulas": formulas, "charts": charts})
    done = subprocess.run([node, folder / "ask.mjs"], input=given, capture_output=True, text=True, check=True)
    answer: list[list[bool]] = json.loads(done.stdout)
    return answer


HARMLESS: list[Any] = [
    {"data": [{"type": "bar", "x": ["a: b", "1/2", None], "y": [1.5, True]}], "layout": {"title": "<b>x</b>"}},
    {"data": [{"type": "heatmap", "z": {"dtype": "f8", "bdata": "/8//AAAA//8="}}], "layout": {}},
    {"data": [{"type": "image", "source": "data:image/png;base64,//8="}], "layout": {}, "frames": []},
    {},
]
DEEP: Any = "x"
for _ in range(200):
    DEEP = [DEEP]
KINDS = ("scattermapbox", "scattermap", "scattergeo", "ScatterGeo", "choropleth", "densitymap")
ADDRESSES = (
    "https://x.test",
    "//x.test",
    "\\\\x.test",
    " ht\ntps:x",
    "/logout",
    "../x",
    "data:text/html,x",
    "<a href='//x'>",
)
HOSTILE: list[Any] = [
    *({"data": [{"type": kind}]} for kind in KINDS),
    *({"layout": {"images": [{"source": address}]}} for address in ADDRESSES),
    *({"layout": {"template": {"layout": {"images": [{"x": {address: 1}}]}}}} for address in ADDRESSES),
    {"layout": {"images": [{"source": "x.png"}]}},
    {"layout": {"a": {"images[0].source": "x.png"}}},
    {"layout": {"title": "$\\href{javascript:1}{x}$"}},
    {"data": [{"z": {"dtype": "f8", "bdata": "//x.test/y"}}]},
    *("{}", None, [], 1),
]


def test_the_page_and_the_kernel_let_the_same_figures_pass(tmp_path: Path) -> None:
    found, *_ = judged(tmp_path, [*HARMLESS, *HOSTILE], [])
    assert found == [True] * len(HARMLESS) + [False] * len(HOSTILE)
    assert [harmless_plotly(figure) is not None for figure in [*HARMLESS, *HOSTILE]] == found


def test_the_page_refuses_a_configuration_and_what_is_nested_too_deeply(tmp_path: Path) -> None:
    assert judged(tmp_path, [{"data": [], "config": {}}, {"data": DEEP}], [])[0] == [False, False]


def test_the_page_refuses_a_formula_that_leads_elsewhere(tmp_path: Path) -> None:
    assert judged(tmp_path, [], [r"$\frac{1}{2}$", r"$\href{x}{y}$", r"\require{x}"])[1] == [True, False, False]


def test_the_page_and_the_kernel_let_the_same_charts_pass(tmp_path: Path) -> None:
    harmless = [CHART, {"hconcat": [CHART, {"layer": [CHART]}]}, *({**CHART, **part} for part in ROWS)]
    hostile = [*({**CHART, **part} for part in LOADING), {"marks": []}, {}, "text", None, []]
    *_, found = judged(tmp_path, [], [], [*harmless, *hostile])
    assert found == [True] * len(harmless) + [False] * len(hostile)
    assert [harmless_vega_lite(chart) is not None for chart in [*harmless, *hostile]] == found
