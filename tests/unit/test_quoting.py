"""Quoted code is nothing but text, whatever stands in it: on code-hosting pages, in JupyterLab, in nbconvert's HTML."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from markdown_it import MarkdownIt
from nbconvert import HTMLExporter
from nbformat import v4

from codeagent_nb.projections.notebook_cell import Ran, attempt_cell
from codeagent_nb.projections.quoting import SUMMARY_LIMIT, folded, inert, quoted, quoted_output
from kernel_executor import CodeBlock

HOSTILE = (
    "</details>",
    "</summary><img src=x onerror=alert(1)>",
    "\n```\n</details>\n<h1>out</h1>\n",
    "\n~~~~\n",
    "````\n\n<script>1</script>",
    "\\begin{x} $</details>$ \\\\( \\end{x}",
    "<!-- ",
    "\r</details>\r\r<h1>",
    "\u2028</details>\x0b\x85",
    "\x1b[31m\x00\u202e",
    "![x](https://elsewhere.test/?1)",
    "]]> <![CDATA[ <? <!DOCTYPE",
)
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=12), max_size=5).map("".join)


def stream(text: str) -> Any:
    return {"output_type": "stream", "name": "stdout", "text": text}


@settings(deadline=None)
@given(texts, texts, texts, st.sampled_from(["python", "bash", "mermaid", "x`</details>", ""]))
def test_a_quoted_attempt_is_a_fold_with_fences_in_it_and_nothing_else(
    code: str, output: str, cause: str, language: str
) -> None:
    ran = [Ran(CodeBlock(code, language), [stream(output)], note=cause), Ran(CodeBlock(code), [])]
    cell = attempt_cell(ran, [CodeBlock(output)], 1, "error", cause)
    tokens = MarkdownIt("commonmark").parse(cell.source)
    kinds = [token.type for token in tokens if token.level == 0 and not token.type.startswith("paragraph")]
    assert (kinds[0], kinds[-1]) == ("html_block", "html_block")
    assert set(kinds[1:-1]) <= {"fence", "inline"}
    assert tokens[-1].content.strip() == "</details>"
    assert re.fullmatch(r"<details><summary>[^<>]*</summary>\n?", tokens[0].content)
    words = [child.type for token in tokens for child in token.children or ()]
    assert not {"html_inline", "image", "link_open"} & set(words)
    assert not any(token.info.lower().startswith("mermaid") for token in tokens)


class Tags(HTMLParser):
    """Collects the tags of a page, and the depth of folds at each."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int]] = []
        self.depth = 0

    def handle_starttag(self, tag: str, _: Any) -> None:
        self.depth += tag == "details"
        self.seen.append((tag, self.depth))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "details"


@pytest.mark.parametrize("text", HOSTILE)
def test_in_nbconverts_html_it_stays_folded(text: str) -> None:
    cell = attempt_cell([Ran(CodeBlock(text), [stream(text)])], [], 1, "error", text)
    end = v4.new_markdown_cell("after *it*")
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(
        v4.new_notebook(cells=[v4.new_markdown_cell(cell.source), end])
    )
    page = Tags()
    page.feed(html)
    assert page.depth == 0
    assert [tag for tag, _ in page.seen].count("details") == 1
    assert not {"img", "script", "h1"} & {tag for tag, _ in page.seen}
    assert {depth for tag, depth in page.seen if tag == "pre"} == {1}
    assert [depth for tag, depth in page.seen if tag == "em"] == [0], "what follows stands outside"


def test_it_reads_well_as_it_stands() -> None:
    assert folded("Attempt 1 failed: KeyError: 'a_b'", [quoted("x = 1\n", "python"), *quoted_output("")]) == (
        "<details><summary>Attempt 1 failed: KeyError: 'a_b'</summary>\n\n```python\nx = 1\n```\n\n</details>"
    )


def test_long_texts_are_cut_and_code_is_not() -> None:
    assert len(folded("x" * 10_000, [])) < 2 * SUMMARY_LIMIT
    assert len(quoted_output("x" * 100_000)[0]) < 3_000
    assert len(quoted("x" * 100_000, "python")) > 100_000


def test_what_means_something_to_a_page_is_spelled_out() -> None:
    assert inert("a <b>\n`c` $d$ [e](f)") == "a &#60;b&#62; &#96;c&#96; &#36;d&#36; &#91;e&#93;(f)"
