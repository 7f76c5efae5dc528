"""Code that was damaged on its way: it runs with that undone, and it is said. Other code is never changed."""

import ast
from textwrap import dedent

import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.reply.damage import repaired_python, repaired_shell
from codeagent_nb.reply.run_policy import read_reply
from codeagent_nb.reply.syntax import parses

REPAIRED = [
    ("if 1 &lt; 2: print(&quot;a&quot;)", 'if 1 < 2: print("a")'),
    ("print(&#39;a&#39;)", "print('a')"),
    ('x = "a &lt; b" if 1 &lt; 2 else ""', 'x = "a &lt; b" if 1 < 2 else ""'),
    ("# a &amp; b\nx = 1 &gt; 2", "# a &amp; b\nx = 1 > 2"),
    ("x = 1\u200b", "x = 1"),
    ("\ufeffx = 1", "x = 1"),
    ("x =\u00a01", "x = 1"),
    ("for i in range(3)\uff1a\n\u3000\u3000print\uff08i\uff09", "for i in range(3):\n  print(i)"),
    ("print(\u201cIt\u2019s\u201d)", 'print("It\u2019s")'),
    ("d[\u2018a\u2019] = f\u201c{x}\u201d", "d['a'] = f\"{x}\""),
    ("s = \u201c\u201c\u201cdoc\u201d\u201d\u201d", 's = """doc"""'),
    ("print(\uff08\u201c\u4f60\uff0c\u201d\uff09)", 'print(("\u4f60\uff0c"))'),
    ("x = 1\u2028print(x)", "x = 1\nprint(x)"),
    ("&gt;&gt;&gt; print(1)", "print(1)"),
    (">>>print(1)", "print(1)"),
    ("1: import os\n2: if 1:\n3:     os.name", "import os\nif 1:\n    os.name"),
    ("  1\timport os\n  2\tprint(1)", "import os\nprint(1)"),
    ("+import os\n+print(1)", "import os\nprint(1)"),
    ("def **init**(self): pass", "def __init__(self): pass"),
    ("my\\_df = df\\[0\\]", "my_df = df[0]"),
    ('<span class="k">import</span> os', "import os"),
    ("import os<br>print(1)", "import os\nprint(1)"),
    ("print(1)<|im_end|>", "print(1)"),
    ("\x1b[31mprint\x1b[0m(1)", "print(1)"),
]
# From issues of others: the damage, in code of ours.
FURTHER = [
    ("versions = [\n\u2002\u2002\u2002\u2002'8.5',\n]", "versions = [\n    '8.5',\n]", "xaitax/CVE-2024-6387_Check#13"),
    ("x = 1\n\u00a0", "x = 1\n ", "googlecodelabs/feedback#1184"),
    ("ok = a &amp; b &lt; c", "ok = a & b < c", "sourcegraph/sourcegraph-public-snapshot#51776"),
    ('print(\u201etext")', 'print("text")', "mangiucugna/json_repair#198"),
    ("print(\u2018hello\u2019)", "print('hello')", "alexmojaki/futurecoder#342"),
    ("x = \u201cbanana\u201d + \u2018orange\u2019", "x = \"banana\" + 'orange'", "quick-lint/quick-lint-js#573"),
    ("x = a \u2014 b", "x = a - b", "camel-ai/owl#475"),
    ("with open(p) as f:\\n    for line in f:\n        print(line)",
     "with open(p) as f:\n    for line in f:\n        print(line)", "openclaw/openclaw#101227"),
    ("import pandas as pd\\n\\nd = pd.to_datetime(c)", "import pandas as pd\n\nd = pd.to_datetime(c)",
     "InternLM/lmdeploy#3165"),
    ("f(a, b\uff09", "f(a, b)", "aiwaves-cn/RecurrentGPT#22"),
    ("print\uff08'x')", "print('x')", "opendatalab/MinerU#2589"),
    ("path.value = \u201ccurve\u201d", 'path.value = "curve"', "mekkablue/Glyphs-Scripts#393"),
    ("os.environ[\\'N\\'] = \\'16\\'", "os.environ['N'] = '16'", "NVIDIA/NeMo-Agent-Toolkit#1139"),
    ("A\\_B\\_C = 1", "A_B_C = 1", "matthewwithanm/python-markdownify#102"),
]  # fmt: skip
UNTOUCHED = [
    'print("a\u200bb")',
    's = "&lt;b&gt; \u201cquoted\u201d \uff08x\uff09"',
    "x = 1  # \u201cso\u201d \u2014 &amp;",
    "caf\u00e9 = 1",
    "print(1",
    "if a && b: pass",
    "for i in range(3) print(i)",
    "x = a**b**c",
    "lt = 3\nx = a &lt; y",
    "%timeit x \u201ca\u201d",
]


def block(code: str, tag: str = "python") -> str:
    return f"```{tag}\n{code}\n```"


@pytest.mark.parametrize(("code", "meant"), REPAIRED)
def test_damage_outside_of_strings_is_undone_and_said(code: str, meant: str) -> None:
    reply = read_reply(block(code))
    assert [each.code for each in reply.blocks] == [f"{meant}\n"]
    ((repaired, damage),) = reply.repaired
    assert (repaired, bool(damage)) == (reply.blocks[0], True)


@pytest.mark.parametrize(("code", "meant", "source"), FURTHER, ids=[source for *_, source in FURTHER])
def test_damage_that_others_met_is_undone(code: str, meant: str, source: str) -> None:
    reply = read_reply(block(code))
    assert [each.code for each in reply.blocks] == [f"{meant}\n"], source
    assert reply.repaired


@pytest.mark.parametrize("code", UNTOUCHED)
def test_code_that_parses_or_is_wrong_in_itself_is_not_changed(code: str) -> None:
    reply = read_reply(block(code))
    assert ([each.code for each in reply.blocks], reply.repaired) == ([f"{code}\n"], ())


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("ls &amp;&amp; pwd", "ls && pwd"),
        ("cat a &gt; b", "cat a > b"),
        ("ls\u00a0-l", "ls -l"),
        ('echo "&lt;"', 'echo "&lt;"'),
        ("cat > a.html <<EOF\n&lt;b&gt;\nEOF", "cat > a.html <<EOF\n&lt;b&gt;\nEOF"),
        ("echo \u201chi\u201d", "echo \u201chi\u201d"),
    ],
)
def test_in_a_shell_only_what_has_no_meaning_outside_of_quotes_is_undone(code: str, meant: str) -> None:
    reply = read_reply(block(code, "bash"))
    assert [each.code for each in reply.blocks] == [f"{meant}\n"]
    assert bool(reply.repaired) == (code != meant)


@pytest.mark.parametrize("text", ["print(&quot;hi&quot;)", "import os\nprint(\u201chi\u201d)"])
def test_a_damaged_program_without_a_fence_runs_too(text: str) -> None:
    reply = read_reply(text)
    assert len(reply.blocks) == len(reply.repaired) == 1


@pytest.mark.parametrize("text", ["It\u2019s \u201cfine\u201d.", "3 \u2264 4", "a\u00a0b"])
def test_words_are_not_repaired_into_programs(text: str) -> None:
    reply = read_reply(block(text, ""))
    assert not (reply.blocks)
    assert not (reply.repaired)


def test_an_unclosed_block_that_is_whole_once_repaired_runs() -> None:
    assert [each.code for each in read_reply("```python\nprint(\u201ca\u201d)").blocks] == ['print("a")\n']


@given(
    st.text(
        st.sampled_from("ab=1+()\"'#\\ \n&lt;&gt;&quot;\u201c\u201d\u2018\u2019\u200b\u00a0\uff08\uff09*_>"),
        max_size=40,
    )
)
@settings(deadline=None)
def test_what_is_repaired_parses_and_says_what_was_wrong(code: str) -> None:
    repaired = repaired_python(code)
    assert bool(repaired.damage) == (repaired.code != code)
    assert not repaired.damage or parses(dedent(repaired.code))


@given(st.text(max_size=30))
@settings(deadline=None)
def test_a_string_comes_through_any_damage_around_it(text: str) -> None:
    code = f"x\u00a0=\u200b {text!r}\uff1b y = 1 &lt; 2"
    repaired = repaired_python(code)
    assert ast.literal_eval(ast.parse(repaired.code).body[0].value) == text  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "script",
    [
        "cat \u0646\u0645\u0648\u0646\u0647\u200c\u0647\u0627.csv",
        "echo \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "touch \u2764\ufe0f.txt",
        "touch \u2764\ufe0f\u200d\U0001f525.txt",
        "ls 1\ufe0f\u20e3",
        "ls \U0001f3f4\U000e0067\U000e0062\U000e007f",
        "cat \u0915\u094d\u200d\u0937.txt",
        "cat \u845b\ufe00.txt",
        "ls \U0001f575\ufe0f\u200d\u2642\ufe0f",
        "mv \u0645\u06cc\u200c\u0631\u0648\u0645 a",
    ],
)
def test_joiners_in_the_words_of_a_script_are_left(script: str) -> None:
    assert repaired_shell(f"{script}\n").code == f"{script}\n"


@pytest.mark.parametrize(
    "script", ["ls\u200b -l", "ls\u200d -l", "\ufeffls -l", "ls \u200c-l", "ls\ufe0f -l", "ls \u2060-l"]
)
def test_other_invisible_characters_in_a_script_are_damage(script: str) -> None:
    assert repaired_shell(script).code == "ls -l"


def test_escaped_quotes_outside_of_strings_open_none() -> None:
    assert repaired_shell('echo \\"a &amp;&amp; ls').code == 'echo \\"a && ls'
