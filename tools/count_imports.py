"""Count the rooms of our packages and the imports between them; name the circles.

A room is a folder of a package, with the folders in it, or a file that lies in the package's root. An arrow leads from
a room to one that it imports from, however often. Imports for type checkers only are left out, those inside functions
are not.

    python tools/count_imports.py [FOLDER] [--arrows]
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("codeagent_nb", "kernel_executor")


def modules(root: Path) -> dict[str, Path]:
    """Return the modules of our packages by their names."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root).with_suffix("").as_posix().replace("/", ".")
            found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules of ours that a file imports."""
    for node in runtime_nodes(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else node.module


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from runtime_nodes(child)


def room(module: str) -> str:
    """Return the room a module lies in."""
    return ".".join(module.split(".")[:2])


def arrows(root: Path) -> tuple[set[str], set[tuple[str, str]]]:
    """Return all rooms, and the pairs of which the first imports from the second."""
    known = modules(root)
    rooms = {room(module) for module in known}
    pairs = {(room(module), room(used)) for module, path in known.items() for used in imports(path, known)}
    return rooms, {(a, b) for a, b in pairs if a != b}


def circles(rooms: set[str], pairs: set[tuple[str, str]]) -> list[list[str]]:
    """Return the sets of rooms of which each is reached from each other."""
    reach = {a: {b for x, b in pairs if x == a} for a in rooms}
    for middle in rooms:
        for start in rooms:
            if middle in reach[start]:
                reach[start] |= reach[middle]
    found = {frozenset(b for b in rooms if b in reach[a] and a in reach[b]) for a in rooms}
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def main() -> None:
    """Print what was counted."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    rooms, pairs = arrows(Path(arguments[0]) if arguments else Path(__file__).parents[1])
    for package in PACKAGES:
        own = [name for name in rooms if name.split(".")[0] == package]
        inside = [pair for pair in pairs if all(name.split(".")[0] == package for name in pair)]
        print(f"{package}: {len(own)} rooms, {len(inside)} arrows inside")
    print(f"all: {len(rooms)} rooms, {len(pairs)} arrows")
    for circle in circles(rooms, pairs):
        print("circle:", " ".join(circle))
    if "--arrows" in sys.argv:
        for a, b in sorted(pairs):
            print(a, "->", b)


if __name__ == "__main__":
    main()
