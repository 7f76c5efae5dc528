r"""Owns how `pip install` is found in code and hushed. Pure text; knows no kernel, no pip and no IPython.

One regular expression for Python and one for shell walk through the code once, left to right. They swallow strings,
comments and here-documents whole, so that what only mentions pip is passed over; where a quote never closes, all that
follows counts as quoted and is left alone. Loops in them are possessive: time grows with the length of the code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kernel_executor.languages import normalize

QUIET_FLAG = "-qqq"
"""What AutoGen's `silence_pip` adds. pip still prints why it failed (measured with pip 26.3)."""

INDEX = "pypi.org, files.pythonhosted.org"

NO_NETWORK = (
    "The sandbox has no network, so pip cannot download anything: use the packages that are installed. A person can "
    f"allow the index (`%config CodeAgent.network = '{INDEX}'`, --network, or network= in Python; with bubblewrap), "
    "install the package beforehand, outside the sandbox, in the environment the kernel runs in, or run without a "
    'sandbox: KernelCodeExecutor(sandbox="none"), on the command line --sandbox none.'
)
"""For a person and a model, when code tried to install something where nothing can be reached."""

PIP_FAILED = re.compile(r"ERROR:|No module named pip|\bpip: (?:command )?not found")
"""What pip prints then. A block need not fail with it: `%pip` raises nothing."""

_SHELL = re.compile(
    r"""
    (?:(?<!\\\n)^|[;&|(`])[ \t]*+                                     # where a command begins, and words before it:
    (?:(?:sudo|env|exec|time|nohup|command|if|then|do|else|!|\{)(?:[ \t]++-\w++)*+[ \t]++|\w++=[^\s;&|]*+[ \t]++)*+
    (?:(?:(?:[\w.~+-]*+/)*+python[\d.]*+|"?\{sys\.executable\}"?)[ \t]++-m[ \t]++pip|(?:[\w.~+-]*+/)*+pip[\d.]*+)
    (?P<options>(?:[ \t]++-[\w-]++(?:=[^\s;&|]*+)?)*+)
    [ \t]++(?P<install>install)(?=[\s;&|)]|\Z)
    (?P<arguments>(?:\\.|'[^']*+'|"(?:[^"\\]++|\\.)*+"|[^;&|)\n\\'"\#]|(?<=\S)\#)*+)
  | \\. | '[^']*+(?:'|\Z) | "(?:[^"\\]++|\\.)*+(?:"|\\?\Z)            # quoted
  | (?<!\S)\#[^\n]*+                                                  # comment
  | (?<!<)<<(?!<)-?[ \t]*+['"\\]?(?P<end>\w++)                        # here-document
    [^\n]*+(?:\n(?:(?![ \t]*+(?P=end)[ \t]*+$)[^\n]*+(?:\n|\Z))*+)?
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)

_PYTHON = re.compile(
    r"""
    \"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:\"{3}|\\?\Z) | '{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3}|\\?\Z)
  | "(?:[^"\\\n]++|\\.)*+"? | '(?:[^'\\\n]++|\\.)*+'?
  | \#[^\n]*+
  | (?:^[ \t]*+(?:!!?|%(?=pip\b))|\A\s*+(?=pip\b))                    # `pip` alone: IPython's automagic
    (?P<command>(?:[^\\\n]++|\\.)*+)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)

_CELL_MAGIC = re.compile(r"\s*+%%(\w++)[ \t]*+(\w*+)")
_PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun"})
_QUIET = re.compile(r"(?<!\S)(?:-[vUIV]*+q[qvUIV]*+|--quiet)(?!\S)")


@dataclass(frozen=True, slots=True)
class _Install:
    """A `pip install`: where its word `install` ends, and whether it is quiet already."""

    end: int
    quiet: bool


def quiet(code: str, language: str) -> str:
    """Add `-qqq` to the pip installations in a block; all else stays as it is, line numbers included.

    Args:
        code: The source: shell, or Python with IPython's `!pip` and `%pip`.
        language: A language name or one of its aliases, in any case; code in other languages is returned unchanged.
    """
    ends = [install.end for install in _find(code, language) if not install.quiet]
    pieces = [code[start:end] for start, end in zip([0, *ends], [*ends, len(code)], strict=True)]
    return f" {QUIET_FLAG}".join(pieces)


def installs(code: str, language: str) -> bool:
    """Return whether a block has a pip installation among its commands, quiet or not.

    Args:
        code: The source.
        language: A language name or one of its aliases, in any case.
    """
    return any(True for _ in _find(code, language))


def failed_to_install(said: str) -> bool:
    """Return whether a pip installation that printed this did not succeed."""
    return bool(PIP_FAILED.search(said))


def _find(code: str, language: str) -> Iterator[_Install]:
    match _true_language(code, normalize(language)):
        case "python":
            return _in_python(code)
        case "bash":
            return _in_shell(code)
        case _:
            return iter(())


def _true_language(code: str, language: str) -> str:
    """Look through a cell magic: below `%%bash` a Python block is shell, below `%%writefile` it is a file."""
    magic = _CELL_MAGIC.match(code) if language == "python" else None
    if magic is None or magic[1] in _PYTHON_MAGICS:
        return language
    return normalize(magic[2] if magic[1] == "script" else magic[1])


def _in_python(code: str) -> Iterator[_Install]:
    for match in _PYTHON.finditer(code):
        if command := match["command"]:
            yield from _in_shell(command, match.start("command"))


def _in_shell(code: str, offset: int = 0) -> Iterator[_Install]:
    for match in _SHELL.finditer(code):
        if match["install"]:
            is_quiet = bool(_QUIET.search(match["options"]) or _QUIET.search(match["arguments"]))
            yield _Install(offset + match.end("install"), is_quiet)
