"""Markdown and code as HTML that holds nothing alive: every text is escaped, every link checked. Pure.

A notebook trusts the outputs of a cell it has run, and then runs the scripts in their HTML and in the HTML within
their Markdown. A model's words must not get there: they are rendered here, by one parser, to HTML that is safe by
construction. Colours are Jupyter's own, so that they follow the theme.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

from codeagent_nb.rendering.cleaning.addresses import LINK
from codeagent_nb.rendering.cleaning.mathematics import MATHEMATICS, without_refused

MONOSPACE = "font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace)"
CODE_BOX = (
    "margin:.5em 0;padding:.6em .8em;overflow-x:auto;line-height:1.45;border-radius:4px;"
    "font-size:var(--jp-code-font-size,13px);border:1px solid var(--jp-border-color2,#8884);"
    f"background:var(--jp-layout-color2,#8881);{MONOSPACE}"
)
CODE = "background:transparent;padding:0"  # or Jupyter stripes the lines

# Only these: of the 603 lexers of Pygments one took 299 s for a line of 3,000 letters, and 18 lose a last line without
# its end (measured, Pygments 2.21). The names are the model's, and whoever renders is the user's kernel.
LEXERS = {
    **dict.fromkeys(("", "python", "py", "python3", "ipython", "ipython3"), "python"),
    **dict.fromkeys(("bash", "sh", "shell", "zsh"), "bash"),
    **{name: name for name in ("json", "sql", "r", "toml")},
}
HIGHLIGHT_LIMIT = 8_000  # characters; more is shown plain: 20,000 of blank lines took 5 s

MONEY = re.compile(r"\$(?=\d)")
"""Front ends typeset what stands between dollars: "$5 to $10" would be the formula "5 to"."""

# Where colours are stripped, on a code-hosting page say, keywords are still bold and comments slanted.
STYLES: Sequence[tuple[_TokenType, str, str]] = (
    (Comment, "i", "comment-color,#6a737d"),
    (Keyword, "b", "keyword-color,#008000"),
    (Operator.Word, "b", "keyword-color,#008000"),
    (String, "span", "string-color,#ba2121"),
    (Number, "span", "number-color,#666600"),
    (Name.Builtin, "span", "builtin-color,#008000"),
    (Name.Function, "span", "def-color,#0000ff"),
    (Name.Class, "span", "def-color,#0000ff"),
    (Name.Decorator, "span", "meta-color,#aa22ff"),
    (Operator, "span", "operator-color,#aa22ff"),
)


def code_html(code: str, language: str) -> str:
    """Return code as a highlighted block.

    Args:
        code: The source.
        language: One of `LEXERS`; another one leaves the code plain.
    """
    name = LEXERS.get(language.lower())
    if name and len(code) <= HIGHLIGHT_LIMIT:
        lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
        inner = "".join(_span(kind, text) for kind, text in lexer.get_tokens(code))
    else:
        inner = html.escape(code)
    return f'<pre style="{CODE_BOX}"><code style="{CODE}">{inner.rstrip()}</code></pre>'


def _span(kind: _TokenType, text: str) -> str:
    escaped = html.escape(text)
    for style, tag, colour in STYLES:
        if kind in style and text.strip():
            return f'<{tag} style="color:var(--jp-mirror-editor-{colour})">{escaped}</{tag}>'
    return escaped


def text_html(text: str) -> str:
    """Return plain text as a block, as it is."""
    return (
        f'<pre style="margin:.4em 0;white-space:pre-wrap;overflow-wrap:anywhere;{MONOSPACE}">{html.escape(text)}</pre>'
    )


def markdown_html(text: str) -> str:
    """Return Markdown as HTML: CommonMark with tables; HTML in it is shown, not obeyed; pictures are named."""
    return _rendered(text, _fence)


def growing_html(text: str) -> str:
    """Return Markdown that is still being written as HTML: as `markdown_html`, but with its code plain.

    It is rendered again many times a second, and colours were nine tenths of the time and five sixths of what was sent.
    """
    return _rendered(text, _plain_fence)


def _rendered(text: str, fence: Callable[..., str]) -> str:
    return str(_parser(fence).render(text, {"is_mathematics": bool(MATHEMATICS.search(text))}))


@cache
def _parser(fence: Callable[..., str]) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.validateLink = _leads_on  # type: ignore[method-assign]
    rules: Mapping[str, Callable[..., str]] = {
        "text": _text,
        "fence": fence,
        "code_block": fence,
        "image": _image,
        "link_open": _link,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


def _leads_on(url: str) -> bool:
    return bool(LINK.match(url))


def _text(_: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, env: Mapping[str, Any]) -> str:
    text = tokens[index].content
    text = without_refused(text) if env["is_mathematics"] else text
    return MONEY.sub('<span class="mathjax_ignore">$</span>', html.escape(text))


def _fence(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
    words = tokens[index].info.split()
    return code_html(tokens[index].content, words[0].strip("{}.") if words else "text")


def _plain_fence(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return code_html(tokens[index].content, "text")


def _image(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
    """Return the name of a picture instead of loading it: its address could tell somebody that it was looked at."""
    token = tokens[index]
    return f"<em>[{html.escape(token.content or str(token.attrGet('src')))}]</em>"


def _link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer")
    return renderer.renderToken(tokens, index, options, env)
