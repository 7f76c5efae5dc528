"""A model's Markdown in a cell: nothing of it is obeyed or loaded, and ordinary words stay as they are."""

import random
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from markdown_it import MarkdownIt
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from codeagent_nb.rendering.markdown_cells import TEXT_LIMIT, harmless_markdown, harmless_quotes
from codeagent_nb.text import fenced
from tests.support.hostile_html import HOSTILE

READER = MarkdownIt("commonmark", {"html": True, "maxNesting": 100}).enable(["table", "strikethrough"])
ALIVE = {"image", "html_inline", "html_block"}


def tokens(text: str) -> list[Any]:
    return [token for parent in READER.parse(text) for token in (parent, *(parent.children or ()))]


def alive(text: str) -> list[str]:
    """Name what a reader of Markdown would load or obey."""
    drawn = [token.info for token in tokens(text) if token.type == "fence" and token.info.strip().lower() == "mermaid"]
    return [token.type for token in tokens(text) if token.type in ALIVE] + drawn


def read(text: str) -> str:
    """The text as a person reads it."""
    return "".join(
        "\n" if token.type in {"softbreak", "hardbreak"} else token.content
        for token in tokens(text)
        if token.type != "inline"
    )


IMAGE = "![x](https://e.test/?q)"
PLACES = [
    "{}",
    "# {}",
    "{}\n===",
    "- a\n- {}",
    "1. {}",
    "> {}",
    "> > - {}",
    "| a |\n|---|\n| {} |",
    "| `a | {} ` |\n|---|---|\n| `a | {} ` |",
    "*{}*",
    "[{}](https://e.test)",
    "[{}][1]\n\n[1]: https://e.test",
    "a\\`{}\\`",
    "\\${}\\$",
    "\\\\{}",
    "`a\n\n{}\n\n`",
    "`a\n# {}\n`",
    "``{}`",
    "`$` x `{}`",
    "$`$ x `{}`",
    "$a$ {} $b$",
    "\\{}",
    "https://e.test/\\{}",
    "text\n\n{}\n\ntext",
    "  {}",
    "- a\n\n  {}",
    "a  \n{}",
    "~~~\nx\n~~~\n{}",
    "```\nx\n```\n{}\n```\nx\n```",
    "```\nx\n``` \n{}",
    "````\n```\n````\n{}",
    "``` a`b\n{}\n```",
    "```\n> x\n{}\n",
    "> ```\n{}",
    "- ```\n{}\n  ```",
    "<div>\n```\n\nx\n```\n{}\n```",
    "<!--\n```\n-->\n```\n{}\n```",
    "x\f```\x85\u2028\f\n```\n{}\n```\nx",
    "x\x0b{}\x0by\n```\na\nb\n```\n",
    "x\x1c\x1d\x1e\n{}\n```\na\n```",
    "x\r\n{}\r\ny",
    "x\r```\ra\r```\r{}",
    "[a]: <b\n```\n{}\n```",
    "&#96;{}&#96;",
    "\x00{}\x00",
    "<b title='{}'>",
    "<?{}?>",
]
SNIPPETS = [
    IMAGE,
    "![x][1]\n\n[1]: https://e.test/?q",
    "![1]\n\n[1]: https://e.test/?q",
    f"![{IMAGE}](https://e.test)",
    f"[{IMAGE}](https://e.test)",
    "<img src=https://e.test/?q>",
    "<script>alert(1)</script>",
    "<b>x</b>",
    "<b\nonclick=1>",
    "</b>",
    "<!-- x -->",
    "<?x?>",
    "<!DOCTYPE html>",
    "<![CDATA[x]]>",
    "<svg onload=alert(1)>",
    "<https://e.test>",
    "&lt;b>",
]


@pytest.mark.parametrize("snippet", SNIPPETS)
@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_loaded_or_obeyed_wherever_it_stands(place: str, snippet: str) -> None:
    assert alive(harmless_markdown(place.replace("{}", snippet))) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_is_alive(text: str) -> None:
    for shown in (text, f"- {text}", f"`{text}", f"```\n{text}", f"$a$ {text}"):
        assert alive(harmless_markdown(shown)) == []


PARTS = [
    *(
        "```",
        "```\n",
        "~~~\n",
        "`",
        "``",
        "\n",
        "\n\n",
        "    ",
        "> ",
        "- ",
        "# ",
        "|",
        "$",
        "\\",
        "\\begin{a}",
        "\\end{a}",
    ),
    *("[a]:", "[", "]", "(", ")", '"', "x", "\f", "\u2028", "\r", "\r\n", "\x00", "&", "*", "<", "!", "=", "mermaid\n"),
    *SNIPPETS,
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=25).map("".join))
def test_nothing_is_alive_however_it_is_cut_and_mixed(text: str) -> None:
    assert alive(harmless_markdown(text)) == []


def test_thousands_of_mixtures_are_harmless() -> None:
    rng = random.Random(7)
    for _ in range(1_500):
        text = "".join(rng.choice(PARTS) for _ in range(rng.randint(2, 25)))
        assert alive(harmless_markdown(text)) == [], text


PROGRAMS = [
    "[x](javascript:alert(1))",
    "[x](java&#9;script:alert(1))",
    "[x](\n javascript:alert(1))",
    "[x](&#1;javascript:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](JAVASCRIPT&colon;alert(1))",
    "[x](javascript\\:alert(1))",
    f"[x]({' ' * 999}javascript:alert(1))",
    f"[x](&#{'0' * 999}106;avascript:alert(1))",
    "[x](data:text/html,x)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "[x][1]\n\n> [1]:\n> javascript:alert(1)",
    "[a](b) [x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
]
OBEYED = {"script", "style", "iframe", "object", "embed", "link", "meta", "base", "form", "img", "svg", "math", "video"}
ATTRIBUTES = {"class", "id", "href", "title", "style", "start"}
CHECKBOX = {"class", "type", "disabled", "checked"}


class Alive(HTMLParser):
    """What of a page is obeyed or loaded."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        allowed = CHECKBOX if tag == "input" and given.get("type") == "checkbox" else ATTRIBUTES
        self.found += [tag] if tag in OBEYED or given.keys() - allowed else []
        self.found += [] if given.get("style") in (None, *TEXT_ALIGN) else [given]
        scheme = re.match(r"[a-z][a-z0-9+.-]*:", re.sub(r"[\x00-\x20]", "", given.get("href") or "").lower())
        self.found += [given] if scheme and scheme[0] not in {"http:", "https:", "mailto:"} else []

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


TEXT_ALIGN = [f"text-align:{side}" for side in ("left", "right", "center")]


def alive_in_nbconvert(text: str) -> list[Any]:
    """Name what of Markdown is obeyed or loaded in the page that nbconvert makes of it."""
    page = Alive()
    page.feed(markdown2html_mistune(text))
    page.close()
    return page.found


@pytest.mark.parametrize("snippet", [*SNIPPETS, *PROGRAMS])
def test_nbconvert_makes_nothing_alive_of_it(snippet: str) -> None:
    for place in PLACES:
        assert alive_in_nbconvert(harmless_markdown(place.replace("{}", snippet))) == [], place


@settings(deadline=None)
@given(st.lists(st.sampled_from([*PARTS, *PROGRAMS]) | st.text(max_size=3), max_size=25).map("".join))
def test_nbconvert_makes_nothing_alive_however_it_is_cut_and_mixed(text: str) -> None:
    assert alive_in_nbconvert(harmless_markdown(text)) == []


@pytest.mark.attacks
@pytest.mark.timeout(600)
def test_nbconvert_makes_nothing_alive_of_many_thousand_mixtures() -> None:
    rng = random.Random(19)
    parts = [*PARTS, *PROGRAMS]
    for _ in range(10_000):
        text = "".join(rng.choice(parts) for _ in range(rng.randint(2, 25)))
        assert alive_in_nbconvert(harmless_markdown(text)) == [], text


def test_raw_it_would_be_alive() -> None:
    assert all(alive_in_nbconvert(snippet) for snippet in (IMAGE, "<b onclick=1>x</b>", PROGRAMS[0]))


PICTURE_AND_TAG = re.compile(r"!\[|<[A-Za-z][^<>]*=")


@pytest.mark.parametrize(
    "text",
    [
        "[a]:\n```\n{}\n```\n",
        '[a]: /u "\n\n```\ncode\n"\n{}\n```\n',
        "  ```\n a $ x\n  ```\n some $ \n  ```\n{}\n  ```",
        "```\n\\begin{a}\n```\n\\end{a}\n```\n{}\n```",
        "```\na\n``` \n```\nb $\n```\n x $\n```\n{}\n```",
        "> ```\n> {}\n> ```",
        "- a\n\n      {}",
        "`{}`",
        "www.e.test/`{}`",
    ],
)
def test_code_that_another_parser_may_not_take_for_code_loads_nothing_either(text: str) -> None:
    """Seen: `marked`, and JupyterLab's search for mathematics before it, find other ends of code than CommonMark."""
    for snippet in (IMAGE, "<img src=https://e.test/?q>", "<img\tsrc='x'>"):
        assert not PICTURE_AND_TAG.search(harmless_markdown(text.replace("{}", snippet)))


@pytest.mark.parametrize(
    "text", ["```mermaid\nx\n```", "~~~ Mermaid\nx\n~~~", "> ````mermaid\n> x", "- ```mermaid\n  x", "x\r```mermaid\rx"]
)
def test_a_diagram_is_not_drawn_for_its_nodes_may_be_pictures_that_are_loaded(text: str) -> None:
    shown = harmless_markdown(text)
    assert "mermaid" not in shown.lower()
    assert "x" in read(shown)


# What stays as it is


ORDINARY = [
    "It is **42**, as `sum(range(5)) + 32` says.\n\n- one\n- *two*\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n",
    "Since $a < b$ and $x \\in \\mathbb{R}$:\n\n$$\\sum_{i < n} i$$\n",
    "# Title\n\n[a link](https://e.test) costs $5, or 5 < 6, not 7 <8 or <-x; great! [1] wow!",
    "```python\nif a<b and c!=d:\n    print(f'<b class=\"x\">{a}</b>', '![x](y)')\n```\n",
    "```html\n<img src='x.png'>\n<!-- note -->\n```\n\nThen:\n\n~~~\n<b>\n~~~\n\nDone <3",
    "````markdown\n```python\nx\n```\n![x](y)\n````",
    "Use `List<int>` or `<div>` or ``a ` <b>``, and `vec!(1)`?",
    "Ünïcödé 😀 \u2028 and \f and\ttabs\n",
    "",
    "\n",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_reply_is_not_changed(text: str) -> None:
    assert harmless_markdown(text) == text


@given(st.text(alphabet="ab `*_#-.\n!$|<>0😀\\~()", max_size=40).filter(lambda text: not re.search("<[a-z!/?]", text)))
def test_plain_words_are_not_changed(text: str) -> None:
    assert harmless_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a <b>bold</b> move", "a <b>bold</b> move"),
        ("x<y and y<z", "x<y and y<z"),
        (IMAGE, "!x"),
        ("\\<b\\> and \\![x](y)", "<b> and !x"),
        ("say `\\` or \\`<b>", "say \\ or `<b>"),
        ("\\`a<b>\\` and `List<int>`", "`a<b>` and List<int>"),
        ("$a<b>c$ and `List<int>`", "$a< b>c$ and List<int>"),
        ("<div>\n```\nList<int>\n```", "<div>List<int>\n"),
        ("`a\\` <b>`", "a\\ <b>`"),
        ("one ` alone\n\nand `List<int>`", "one ` aloneand List<int>"),
    ],
)
def test_what_is_disarmed_reads_the_same(text: str, shown: str) -> None:
    assert read(harmless_markdown(text)) == shown


def test_a_picture_becomes_a_link_to_it() -> None:
    assert "link_open" in [token.type for token in tokens(harmless_markdown(IMAGE))]


@pytest.mark.parametrize("text", ["$a<b$", "$$\\sum_{i<n} i$$", "$x<y$ and `z`", "$a<!b$"])
def test_mathematics_says_the_same(text: str) -> None:
    assert harmless_markdown(text).replace("< ", "<") == text


def test_code_keeps_its_lines_whatever_ends_them() -> None:
    text = "<b>\r\n\r\n```python\r\nx = '<b>'\r\n```\r\n"
    (fence,) = [token for token in tokens(harmless_markdown(text)) if token.type == "fence"]
    assert fence.content == "x = '<b>'\n"


def test_a_huge_text_is_cut_and_says_so() -> None:
    shown = harmless_markdown("x" * (TEXT_LIMIT + 1_234))
    assert shown == "x" * TEXT_LIMIT + "\n\n*… 1,234 more characters are left out here.*"
    assert alive(harmless_markdown(f"{'x' * (TEXT_LIMIT - 3)}{IMAGE}")) == []
    assert len(harmless_markdown("<b>" * 5_000_000)) < 10 * TEXT_LIMIT


REPEATED = [
    *(
        "`",
        "` ",
        "`<",
        "[",
        "![",
        "![](x) ",
        "$",
        "$a",
        "<",
        "<a ",
        "<!--",
        "<![CDATA[",
        "<?",
        ">",
        "- ",
        "*a ",
        "**",
        "[a](",
    ),
    *(
        "[a]: b\n",
        "~",
        "```\n",
        "\\",
        "&",
        "|",
        "|-|\n",
        "\n",
        " ",
        "\r",
        "> ```\n> <a",
        "$$",
        "\\begin{a}",
        "<a\n",
        "]:",
        "!",
    ),
]


def lengths_of_ticks(size: int) -> str:
    """Runs of backticks, each of another length: none of them has an end."""
    return "".join(f"{'`' * length}<b" for length in range(1, int((2 * size) ** 0.5)))


def seconds(text: str) -> float:
    began = time.process_time()
    harmless_markdown(text)
    return time.process_time() - began


@pytest.mark.timing
def test_no_text_takes_long() -> None:
    """Rendering holds up the user's kernel; the old pattern took 2 s for 50,000 characters."""
    texts = [(part, f"{part * (50_000 // len(part))}<b>"[-50_000:]) for part in REPEATED]
    texts.append(("ticks", lengths_of_ticks(40_000)))
    slow = {name: spent for name, text in texts if (spent := seconds(text)) > 1.5}
    assert slow == {}


def test_formulas_lead_nowhere_and_paint_over_nothing() -> None:
    text = harmless_markdown(r"$\bbox[red,999px]{x}$ and $$\href{https://evil.example}{y}$$ but $\frac{a}{b}\datax$")
    assert text == r"$\ bbox[red,999px]{x}$ and $$\ href{https://evil.example}{y}$$ but $\frac{a}{b}\datax$"
    assert harmless_markdown(r"C:\data\url and \href") == r"C:\data\url and \href"


# Code that is quoted


def quoted_blocks(*printed: str) -> str:
    return harmless_quotes("\n\n".join(fenced(text, "text") for text in printed))


def test_a_formula_that_hides_the_end_of_a_quotation_makes_nothing_of_it_alive() -> None:
    """JupyterLab takes the formula, and the fences in it, out of the text before it reads the rest."""
    text = quoted_blocks("\\begin{a}\n````", f"\\end{{a}}\n```\n{IMAGE}\n<img src=x>\n[x](javascript:f())")
    assert not PICTURE_AND_TAG.search(text)
    assert "](javascript" not in text


def test_quoted_code_without_a_formula_stays_as_it_is() -> None:
    code = "print('<b class=x>', a[0](x), '![x](y)')"
    assert code in quoted_blocks(code)
