"""What a rich result says in words: to a model, and to whoever reads a result as text."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.prompt.transcript import observation
from kernel_executor import BlockResult, CodeBlock
from kernel_executor.outputs.html_text import MOST_READ, html_text
from kernel_executor.outputs.results import combine
from kernel_executor.text import as_text

TABLE = "<table><thead><tr><th></th><th>mass</th></tr></thead><tr><th>Adelie</th><td>3,700&nbsp;g</td></tr></table>"


def displayed(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def read_by_the_model(data: dict[str, Any]) -> str:
    result = combine([BlockResult(block=CodeBlock(""), status="ok", exit_code=0, outputs=(displayed(data),))])
    return observation(result).removeprefix("The code ran without an error. Its output:\n")


def shown(mime: str) -> str:
    return f"[{mime} was shown to the user]"


OWN: dict[str, tuple[dict[str, Any], str]] = {
    "markdown": (
        {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "**Total: 1234**"},
        "**Total: 1234**",
    ),
    "latex": ({"text/plain": "<IPython.core.display.Math object>", "text/latex": "$x^2$"}, "$x^2$"),
    "json": ({"text/plain": "<IPython.core.display.JSON object>", "application/json": {"a": [1, 2]}}, '{"a": [1, 2]}'),
    "html": ({"text/plain": "<IPython.core.display.HTML object>", "text/html": "<b>x</b> &lt; 1"}, "x < 1"),
    "html of a list of lines": ({"text/html": ["<p>one", "</p>two"]}, "one\ntwo"),
    "picture": ({"text/plain": "<Figure size 640x480 with 1 Axes>", "image/png": "iVBO"}, shown("image/png")),
    "text and a picture": ({"text/plain": "sqrt(x)/2", "image/png": "iVBO"}, f"sqrt(x)/2\n{shown('image/png')}"),
    "what is said is kept": ({"text/plain": "   a\n0  1", "text/html": TABLE}, "   a\n0  1"),
    "nothing but a name": ({"text/plain": "<Response [200]>"}, "<Response [200]>"),
}


@pytest.mark.parametrize(("data", "said"), OWN.values(), ids=OWN)
def test_the_model_reads_what_a_rich_result_says(data: dict[str, Any], said: str) -> None:
    assert read_by_the_model(data) == said


# As these libraries send them, shortened; each from a report to another project that a name was all there was to read.
FURTHER: dict[str, tuple[dict[str, Any], str]] = {
    # nbconvert#2071
    "pandas Styler": (
        {
            "text/plain": "<pandas.io.formats.style.Styler at 0x19bd11f7be0>",
            "text/html": f"<style>#T_1 {{}}</style>{TABLE}",
        },
        "\tmass\nAdelie\t3,700 g",
    ),
    # google-colab-cli#58
    "progress as HTML": (
        {
            "text/plain": "<IPython.core.display.HTML object>",
            "text/html": "<div><progress value='3'></progress> [3/9, Epoch 1/3]</div>",
        },
        "[3/9, Epoch 1/3]",
    ),
    # sympy#19942
    "markdown of a class": (
        {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "$(\\Re, d)$ MetricSpace"},
        "$(\\Re, d)$ MetricSpace",
    ),
    # obsidian-jupyter#22: text and a formula
    "sympy": ({"text/plain": "sqrt(3)", "text/latex": "$\\displaystyle \\sqrt{3}$"}, "sqrt(3)"),
    # Textualize/rich#3317
    "lsmagic": (
        {
            "text/plain": "<IPython.core.magics.basic.MagicsDisplay object at 0x10d0a39e0>",
            "application/json": {"line": {"alias": "x"}},
        },
        '{"line": {"alias": "x"}}',
    ),
    # vega/altair#3435
    "altair": (
        {
            "text/plain": "alt.Chart(...)",
            "text/html": "<style>x{}</style><div id='v'></div><script>(function(spec){})({})</script>",
        },
        shown("text/html"),
    ),
    # vega/altair#809
    "vega-lite": (
        {"text/plain": "alt.Chart(...)", "application/vnd.vegalite.v5+json": {"mark": "bar"}},
        shown("application/vnd.vegalite.v5+json"),
    ),
    # bokeh#10002: it stays so for ever
    "bokeh loads": (
        {"text/html": "<style></style><div><span id='b'>Loading BokehJS ...</span></div>"},
        shown("text/html"),
    ),
    # bokeh#7005
    "bokeh": (
        {"application/javascript": "(function(){})()", "application/vnd.bokehjs_exec.v0+json": ""},
        shown("application/javascript"),
    ),
    # folium#2203
    "folium": (
        {
            "text/plain": "<folium.folium.Map at 0x7f23bce62d90>",
            "text/html": "<div><span>Make this Notebook Trusted to load map: File -> Trust Notebook</span>"
            "<iframe srcdoc='&lt;p&gt;'></iframe></div>",
        },
        shown("text/html"),
    ),
    # indexable-inc/index#704
    "itables": (
        {"text/html": "<table><tr><td>Loading ITables v2.4 from ...\n (need <a href=x>help</a>?)</td></tr></table>"},
        shown("text/html"),
    ),
    # nteract#1255
    "plotly": (
        {"application/vnd.plotly.v1+json": {"data": []}, "text/html": "<div>x</div>"},
        shown("application/vnd.plotly.v1+json"),
    ),
    # vscode-jupyter#11069
    "geojson": (
        {"text/plain": "<IPython.display.GeoJSON object>", "application/geo+json": {"type": "Point"}},
        shown("application/geo+json"),
    ),
    # ThinkDSP#41
    "audio": (
        {
            "text/plain": "<IPython.lib.display.Audio object>",
            "text/html": "<audio controls>Your browser does not support it.</audio>",
        },
        shown("text/html"),
    ),
    # ipython#5992
    "video": (
        {
            "text/plain": "<IPython.core.display.Video object>",
            "text/html": "<video controls>Your browser does not support the video tag.</video>",
        },
        shown("text/html"),
    ),
    # jupyter/notebook#1537
    "iframe": (
        {
            "text/plain": "<IPython.lib.display.IFrame at 0x7f23c61eb150>",
            "text/html": "<iframe src='https://example.org'></iframe>",
        },
        shown("text/html"),
    ),
    # ipython#11074: a title beside a sound
    "a title and a sound": (
        {"text/html": "<table><tr><td>first take</td><th><audio><source src='data:x'></audio></th></tr></table>"},
        "first take",
    ),
    # positron#2079: a `repr` of what it is made of
    "great_tables": (
        {
            "text/plain": "GT(_tbl_data=   mass, _body=<great_tables._gt_data.Body object at 0x7f23bd36fe50>, ...)",
            "text/html": TABLE,
        },
        "\tmass\nAdelie\t3,700 g",
    ),
    # agate#413
    "agate": ({"text/plain": "<agate.table.Table object at 0x7f1>", "text/html": TABLE}, "\tmass\nAdelie\t3,700 g"),
}


@pytest.mark.parametrize(("data", "said"), FURTHER.values(), ids=FURTHER)
def test_the_model_reads_what_the_results_of_libraries_say(data: dict[str, Any], said: str) -> None:
    assert read_by_the_model(data) == said


PAGES: dict[str, str] = {
    "<h1>Title</h1><p>One<br>two": "Title\nOne\ntwo",
    "<ul><li>a</li><li>b</li></ul>": "a\nb",
    "<script>let x = '<p>no</p>'</script>yes": "yes",
    "<!-- <p>no</p> -->yes": "yes",
    '<p title="a > b">yes</p>': "yes",
    "<pre>a\n  b</pre>": "a\n  b",
    "a\n   b": "a b",
    "<img alt='a cat' src=x>": "[picture: a cat]",
    "<p>unclosed <b": "unclosed",
    "1 < 2 &amp;&amp; 3 > 2": "1 < 2 && 3 > 2",
    "<table><tr><td>1</td><td></td><td>3</td></tr></table>": "1\t\t3",
}


@pytest.mark.parametrize(("page", "said"), PAGES.items())
def test_the_text_of_a_page_is_what_is_read_on_it(page: str, said: str) -> None:
    assert html_text(page) == said


NUMBERS = {
    "beyond what Python reads": ("&#" + "1" * 5_000 + ";", "\ufffd"),
    "without an end": ("<p>&#" + "9" * 5_000, "\ufffd"),
    "in base 16": ("&#x" + "f" * 5_000 + ";", "\ufffd"),
    "of zeros": ("a&#" + "0" * 5_000 + ";", "a\ufffd"),
    "after zeros": ("&#" + "0" * 5_000 + "65;", "A"),
    "in base 16 after zeros": ("&#x" + "0" * 5_000 + "41;", "A"),
    "of a picture's name": ("<img alt='&#" + "1" * 5_000 + ";'>", "[picture: \ufffd]"),
    "of the last character": ("&#x10FFFD;", "\U0010fffd"),
    "one beyond": ("&#1114112;", "\ufffd"),
    "of a face": ("&#128512;&#x1F600;", "😀😀"),
}


@pytest.mark.parametrize(("page", "said"), NUMBERS.values(), ids=NUMBERS)
def test_a_character_by_its_number_is_read_however_long_that_is(page: str, said: str) -> None:
    assert html_text(page) == said


def test_of_a_long_page_the_beginning_is_read() -> None:
    text = html_text("<p>x</p>" + "y" * 2 * MOST_READ)
    assert text.startswith("x\ny")
    assert text.endswith("characters of HTML left out ...]")
    assert len(text) < MOST_READ + 100


@given(
    st.dictionaries(
        st.sampled_from(["text/html", "text/plain", "text/markdown", "application/json", "image/png", "x"]),
        st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())),
    )
)
def test_whatever_is_displayed_can_be_read(data: dict[str, Any]) -> None:
    read_by_the_model(data)
    json.dumps(as_text([displayed(data)]))
