"""Owns what the info string of a fence says, and the names of languages. Knows nothing of fences or the run policy."""

import keyword
import re
from dataclasses import dataclass

from codeagent_nb.reply.syntax import parses
from kernel_executor.languages import normalize

ACCEPTED = frozenset({"python", "bash"})
"""The languages whose blocks may run."""

TRANSCRIPTS = frozenset({"console", "shell-session", "shellsession", "sh-session", "bash-session", "terminal"})
"""Names of a terminal session."""

SESSIONS = frozenset({"pycon", "python-repl", "python-console", "doctest", "ipython-console"})
"""Names of an interpreter session."""

DATA = frozenset({
    "ascii", "bibtex", "cfg", "conf", "css", "csv", "diff", "dockerfile", "dot", "env", "error", "gitignore",
    "graphviz", "html", "http", "ini", "json", "json5", "jsonl", "latex", "log", "logs", "makefile", "markdown",
    "math", "md", "mdx", "mermaid", "ndjson", "none", "out", "output", "patch", "plain", "plaintext", "plantuml",
    "properties", "regex", "result", "results", "rst", "stderr", "stdout", "svg", "tex", "text", "toml",
    "traceback", "tree", "tsv", "txt", "xml", "yaml", "yml",
})  # fmt: skip
"""Names of what is part of an answer and no code that could be meant to run."""

_OTHERS = frozenset({
    "c", "c#", "c++", "cpp", "csharp", "go", "haskell", "java", "javascript", "js", "jsx", "julia", "kotlin", "lua",
    "matlab", "octave", "perl", "php", "powershell", "r", "ruby", "rust", "scala", "sql", "swift", "ts", "tsx",
    "typescript",
})  # fmt: skip
"""Names of the languages that models tag otherwise."""

_KNOWN = ACCEPTED | TRANSCRIPTS | SESSIONS | DATA | _OTHERS
_NAME = re.compile(r"(?:lang(?:uage)?[-=])?([A-Za-z][\w+#.-]*)(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"\{code(?:-cell|-block)?\}\s*(.*)", re.DOTALL)
_BRACED = re.compile(r"\{[\s.#]*([\w+#.-]*)[^}]*\}?(.*)", re.DOTALL)
_OPTIONS = frozenset({"title", "file", "filename", "name", "caption", "label", "id", "class", "linenums", "hl_lines"})
_WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*'|["'])+""")
_ATTRIBUTE = re.compile(r"""[\w.:/-]+=(?:"[^"]*"|'[^']*'|[^\s"']+),?|\{[^}]*\}|[\w./:-]+,?""")


@dataclass(frozen=True, slots=True)
class Info:
    """What an info string says: a normalised language, and what follows it."""

    language: str
    rest: str = ""


def read_info(info: str) -> Info:
    """Read the language out of `py`, `{python, echo=FALSE}`, `python:src/a.py`, `{code-cell} ipython3`.

    Args:
        info: The info string of a fence.

    Returns:
        The language (empty if there is none) and the rest. A line of code has no language and is all rest.
    """
    info = info.strip()
    if match := _DIRECTIVE.fullmatch(info):
        return read_info(match[1])
    if match := _BRACED.fullmatch(info):
        return Info(normalize(match[1]), match[2].strip())
    match = _NAME.match(info.lstrip("."))
    if not match or keyword.iskeyword(match[1]) or match[2].startswith("("):
        return Info("", info)
    return Info(normalize(match[1].rstrip(".-")), match[2].strip())


def code_on_info_line(info: Info, code: str) -> str:
    """Find the first line of code where it does not belong, after the language: losing it would go unseen.

    Args:
        info: The fence's info string.
        code: The lines below it.

    Returns:
        That line, or nothing if the rest of the info string is a title, options, or no code.
    """
    if not info.rest or info.language not in {"", "python", "bash"}:
        return ""
    if info.language == "bash":
        return info.rest if not code.strip() and "=" not in info.rest else ""
    words = _WORD.findall(info.rest[:1000])
    is_option = all(_ATTRIBUTE.fullmatch(word) for word in words) and not keyword.iskeyword(words[0])
    names = {word.partition("=")[0] for word in words if "=" in word} - _OPTIONS
    if is_option and not any(re.search(rf"\b{re.escape(name)}\b", code) for name in names):
        return ""
    is_remark = re.fullmatch(r"[(\[][\w ,.-]*[)\]]", info.rest)
    return info.rest if not is_remark and parses(f"{info.rest}\n{code}") else ""


def is_known(info: str) -> bool:
    """Return whether an info string names a language; any other word after a fence may be a remark."""
    return bool(info.strip()) and read_info(info).language in _KNOWN
