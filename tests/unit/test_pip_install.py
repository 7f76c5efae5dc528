"""Which lines install something, and that nothing else is touched."""

import ast
import time

import pytest
from hypothesis import example, given, settings, strategies as st

from kernel_executor.functions.pip_commands import NO_NETWORK, installs, quiet

HUSHED_IN_PYTHON = [
    "%pip install^ pandas",
    "!pip install^ pandas",
    "! pip install^ pandas",
    "!!pip install^ pandas",
    "!pip3 install^ -U pandas",
    "!pip install^",
    "!python -m pip install^ pandas",
    "!{sys.executable} -m pip install^ pandas",
    '!"{sys.executable}" -m pip install^ pandas',
    "! cd x && pip install^ .",
    "pip install^ pandas",
    "\n  pip install^ pandas\n",
    "if True:\n    !pip install^ x\n    print('pip install x')\n",
    "import os  # it's a comment\n!pip install^ x",
    'x = """\n!pip install no\n"""\n!pip install^ yes',
    "!echo '''\n!pip install^ x",
    "!echo it's\n!pip install^ x",
    "%%time\n!pip install^ x",
    "%%capture out\n%pip install^ x",
    "%%bash\npip install^ x",
    "%%script bash\npip install^ x",
    "!pip install^ 'numpy<2' \\\n  pandas\n!pip install^ x",
    "%pip install^ --no-cache-dir x\r\nprint(1)\r\n",
]

HUSHED_IN_SHELL = [
    "pip install^ x",
    "  pip3.11 install^ x",
    "python -m pip install^ x",
    "python3 -m pip --no-cache-dir install^ x",
    "/opt/venv/bin/python3.12 -m pip install^ x",
    ".venv/bin/pip install^ x",
    "sudo pip install^ x",
    "sudo -H pip install^ x",
    "PIP_NO_INPUT=1 pip install^ x",
    "cd x && pip install^ . ; pip install^ y || pip install^ z",
    "pip install^ -r a.txt -r b.txt\npip install^ -rq.txt",
    "if ! pip install^ x; then pip install^ y; fi",
    "(pip install^ x)",
    "yes | pip install^ x | tail -1",
    "pip install^ 'x; python_version > \"3\"' && ls -q",
    "pip install^ x  # not -q",
    "pip install^ git+https://h/r#egg=x",
    "cat <<EOF\npip install no\nEOF\npip install^ yes",
    "cat <<-'END' > f\npip install no\n\tEND\npip install^ yes",
    "cat <<< EOF\npip install^ yes",
    "echo it\\'s\npip install^ x",
    "# it's\npip install^ x",
    "pip install^ \\\n  x \\\n  y\necho done",
]

LEFT_IN_PYTHON = [
    "",
    "print('!pip install x')",
    "# !pip install x",
    's = """\n!pip install x\n%pip install y\n"""',
    "s = r'''\n\\'''\n!pip install x\n'''",
    's = """never closed\n!pip install x',
    "s = 'a\\\n!pip install x'",
    "x = 1\npip = 2",
    "pip.install(x)",
    "!pip download x",
    "!pip list",
    "!echo pip install x",
    "!echo 'a; pip install x'",
    "!pip uninstall -y x",
    "%pipx install x",
    "!pip installer",
    "%%writefile setup.sh\npip install x\n!pip install x",
    "%%html\n!pip install x",
]

LEFT_IN_SHELL = [
    "echo pip install x",
    "echo 'run:\npip install x'",
    'echo "run:\npip install x"',
    "echo \\\npip install x",
    "# pip install x",
    "cat > f <<EOF\npip install x\nEOF",
    "cat > f <<EOF\npip install x",
    "pip --version",
    "pipx install x",
    "grep pip install.log",
    "conda install pip",
]

QUIET_ALREADY = ["-q", "-qq", "-qqq", "--quiet", "-Uq", "-qU", "x -q", "'x' --quiet y"]


def cases(python: list[str], shell: list[str]) -> list[tuple[str, str]]:
    return [("python", code) for code in python] + [("bash", code) for code in shell]


@pytest.mark.parametrize(("language", "marked"), cases(HUSHED_IN_PYTHON, HUSHED_IN_SHELL))
def test_an_installation_is_made_quiet(language: str, marked: str) -> None:
    """`^` is where the flag goes."""
    code = marked.replace("^", "")
    assert quiet(code, language) == marked.replace("^", " -qqq")
    assert installs(code, language)


@pytest.mark.parametrize(("language", "code"), cases(LEFT_IN_PYTHON, LEFT_IN_SHELL))
def test_what_only_mentions_an_installation_is_left(language: str, code: str) -> None:
    assert quiet(code, language) == code
    assert not installs(code, language)


@pytest.mark.parametrize("flag", QUIET_ALREADY)
def test_what_is_quiet_already_is_left(flag: str) -> None:
    for language, code in [("python", f"!pip install {flag} z"), ("bash", f"pip install {flag}\n")]:
        assert quiet(code, language) == code
        assert installs(code, language)
    assert quiet("pip -q install x", "sh") == "pip -q install x"


LANGUAGES = {
    "Python": "!pip install x",
    " PY ": "!pip install x",
    "python3.11": "!pip install x",
    "Bash": "pip install x",
    "sh": "pip install x",
    "SHELL": "pip install x",
}


@pytest.mark.parametrize(("language", "code"), LANGUAGES.items())
def test_a_language_goes_by_any_of_its_names(language: str, code: str) -> None:
    assert quiet(code, language) == code.replace("install", "install -qqq")


@pytest.mark.parametrize("language", ["", "text", "r", "console", "powershell"])
def test_other_languages_are_left(language: str) -> None:
    code = "pip install x\n!pip install x"
    assert quiet(code, language) == code
    assert not installs(code, language)


def test_without_a_network_one_is_told_what_to_do() -> None:
    assert 'KernelCodeExecutor(sandbox="none")' in NO_NETWORK
    assert "--sandbox none" in NO_NETWORK


SCRAPS = st.sampled_from(
    [
        *(
            "pip",
            "install",
            "pip install",
            "!pip install x",
            "%pip install",
            "python -m ",
            "sudo ",
            "-q",
            " -qqq",
            "a=b ",
        ),
        *(
            "\n",
            "\r\n",
            "\\\n",
            "\\",
            "'",
            '"',
            "'''",
            '"""',
            "#",
            " # ",
            "<<EOF",
            "EOF",
            "%%bash\n",
            "!",
            "%",
            ";",
            "&&",
        ),
    ]
)
CODE = st.lists(SCRAPS | st.text(max_size=6), max_size=20).map("".join)
LANGUAGE = st.sampled_from(["python", "bash", "text"])


@given(CODE, LANGUAGE)
@settings(deadline=None)
def test_only_flags_are_added_and_once(code: str, language: str) -> None:
    hushed = quiet(code, language)
    assert hushed.replace(" -qqq", "") == code.replace(" -qqq", "")
    assert hushed.count("\n") == code.count("\n")
    assert len(hushed.splitlines()) == len(code.splitlines())
    assert quiet(hushed, language) == hushed
    assert installs(hushed, language) == installs(code, language)


@given(CODE, LANGUAGE)
@settings(deadline=None)
def test_lines_without_the_words_never_change(code: str, language: str) -> None:
    for before, after in zip(code.split("\n"), quiet(code, language).split("\n"), strict=True):
        assert before == after or ("pip" in before and "install" in before)
    assert installs(code, language) <= ("install" in code)


@given(st.lists(st.text(max_size=20) | SCRAPS, max_size=8).map("\n".join), st.sampled_from(["", "r", "f", "b"]))
@example("!pip install x", "")
@settings(deadline=None)
def test_valid_python_never_changes(text: str, prefix: str) -> None:
    """A magic or shell escape is no Python, so that a block which parses has none."""
    code = f"x = {prefix}'''{text}'''\ny = {text!r}  # {text!r}\n{text}"
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        code = f"x = {text!r}\ny = [\n{text!r}\n]  # {text!r}\n'''\n{text.replace(chr(92), '').replace(chr(39), '')}'''"
    assert quiet(code, "python") == code


HOSTILE = ["pip -a", "x<<a", '"""', '\\"""', "sudo ", "a=b ", "pip install '", "!pip install \\\n", "a/", "\n ", "`"]


@pytest.mark.timing
@pytest.mark.parametrize("scrap", HOSTILE)
def test_time_grows_with_the_length_only(scrap: str) -> None:
    """A tenth of a second (measured); a here-document that was sought to the end and in vain each time took 11."""
    started = time.perf_counter()
    for language in ("python", "bash"):
        quiet(scrap * (400_000 // len(scrap)), language)
    assert time.perf_counter() - started < 4
