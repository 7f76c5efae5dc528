"""Writes `kernel_executor/reserved_list.py`: the top-level names of modules that are ours to import.

What we need, with all extras, and what that needs in turn, is read from installed metadata; what all of it imports if
it is there, from its sources. Run it in an environment with the extras (`make .venv/stamps/test`):

    .venv/bin/python tools/make_reserved_names.py
"""

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

TARGET = Path(__file__).parent.parent / "kernel_executor" / "reserved_list.py"
OURS = ("codeagent_nb", "kernel_executor")
EXTRAS = ("local", "data", "docker", "autogen")

TESTS = re.compile(r"(^|/)(_?tests?|testing|conftest\.py|test_[^/]*|[^/]*_test\.py|benchmarks?|examples?|docs?)(/|$)")
"""Not imported by anybody but a developer of that package."""

DYNAMIC = re.compile(r"import|find_spec|optional", re.IGNORECASE)
"""Functions that are given a module's name: `import_module`, `find_spec`, pandas' `import_optional_dependency` ..."""

HEADER = '''"""Top-level module names that are ours to import. Written by `tools/make_reserved_names.py`; pure data."""
# ruff: noqa: SIM905 - words are easier to compare than literals

CLOSURE = frozenset(
    """
{closure}
""".split()
)
"""Of what we need, with all extras, and of what that needs in turn."""

OPTIONAL = frozenset(
    """
{optional}
""".split()
)
"""What these import if it is there."""
'''


def distributions_needed() -> dict[str, Distribution]:
    """Return what is installed of our needs and theirs, by normalized name."""
    found: dict[str, Distribution] = {}
    queue = [("codeagent-nb", frozenset(EXTRAS))]
    seen = set()
    while queue:
        name, extras = queue.pop()
        name = re.sub(r"[-_.]+", "-", name).lower()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = dist = distribution(name)
        except PackageNotFoundError:
            continue  # of another platform, or another Python
        for text in dist.requires or ():
            requirement = Requirement(text)
            wanted = [{"extra": extra} for extra in extras] or [{"extra": ""}]
            if requirement.marker is None or any(requirement.marker.evaluate(environment) for environment in wanted):
                queue.append((requirement.name, frozenset(requirement.extras)))
    return found


def names_of(needed: dict[str, Distribution]) -> set[str]:
    """Return the top-level names that these put on the module path."""
    return {
        name
        for name, owners in packages_distributions().items()
        if name.isidentifier() and any(re.sub(r"[-_.]+", "-", owner).lower() in needed for owner in owners)
    } | set(OURS)


def imported_by(dist: Distribution) -> Iterator[str]:
    """Yield the top-level names that a distribution's sources ask for."""
    for file in dist.files or ():
        if file.suffix == ".py" and ".." not in file.parts and not TESTS.search(str(file)):
            yield from imported_in(Path(str(dist.locate_file(file))))


def imported_in(path: Path) -> Iterator[str]:
    """Yield the top-level names that one file asks for."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # templates, and code for an older Python
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(str(text)), *_]):
                if DYNAMIC.search(name) and re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", text):
                    yield text.partition(".")[0]


def make() -> str:
    """Return the text of the data module."""
    needed = distributions_needed()
    closure = names_of(needed)
    sources = [path for name in OURS for path in sorted((TARGET.parent.parent / name).rglob("*.py"))]
    asked = {name for dist in needed.values() for name in imported_by(dist)}
    asked |= {name for path in sources for name in imported_in(path)}
    optional = asked - closure - sys.stdlib_module_names - {"__main__"}
    return HEADER.format(closure=_filled(closure), optional=_filled(optional))


def _filled(names: set[str]) -> str:
    return textwrap.fill(" ".join(sorted(names)), 118, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    TARGET.write_text(make(), "utf-8")
    print(f"{TARGET.name}: {len(TARGET.read_text().split())} words")
