"""Which cells a cell needs: the static slice, by names, files and settings of modules. Pure (design D22).

What a text does not show is not seen here; whoever trusts a slice proves it by a replay.
"""

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Literal

from codeagent_nb.proof.cell_code import EVERYTHING, CellCode
from codeagent_nb.proof.file_names import is_file_name

Care = Literal["bare", "close", "wide"]
"""How carefully changes in place are looked for.

`wide` takes a value to be changed where it could be, `close` where it surely or likely is; `bare` takes calls in a cell
that has shown something to be there for that, and a column to be of no account where nobody names it.
"""


def needed(cells: Sequence[CellCode], roots: Collection[int], care: Care) -> set[int]:
    """Return the places of all cells that some need, with these.

    Args:
        cells: In the order in which they run.
        roots: Places of the cells whose results are wanted.
        care: How carefully it is looked for changes in place.
    """
    found = set(roots)
    waiting = sorted(found, reverse=True)
    while waiting:
        for place in direct_needs(cells, waiting.pop(), care) - found:
            found.add(place)
            waiting.append(place)
    return found


def direct_needs(cells: Sequence[CellCode], place: int, care: Care) -> set[int]:
    """Return the earlier cells that one needs by itself: those that made or changed what it reads."""
    cell = cells[place]
    found: set[int] = set()
    open_names = cell.reads | _changed(cell, cell, care)
    for earlier in reversed(range(place)):
        before = cells[earlier]
        if before.is_opaque or cell.is_opaque:
            found.add(earlier)
            continue
        touched = before.makes | _changed(before, cell, care)
        if open_names & touched or _is_read_as_file(before, cell) or _has_set_up(before, cell):
            found.add(earlier)
        if before.runs_programs and care == "wide":
            found.add(earlier)
        open_names = open_names - before.replaces
    return found


def _changed(before: CellCode, cell: CellCode, care: Care) -> set[str]:
    """Return the names whose values a cell has changed in place, as far as another one is concerned."""
    match care:
        case "wide":
            return before.changes | before.may_change
        case "close":
            return before.changes
    keyed = {root for root, keys in before.keyed.items() if keys & cell.mentions}
    doubtful = set() if before.for_show else before.changes - before.keyed.keys()
    return before.firm | keyed | doubtful


def _is_read_as_file(before: CellCode, cell: CellCode) -> bool:
    written = before.writes | (before.strings if before.runs_programs else set())
    return any(places_of(name) & cell.strings for name in written if "." in name)


def places_of(name: str) -> set[str]:
    """Return a file's name and those of the folders it is in, by which code may come to it."""
    path = PurePosixPath(name)
    return {name, str(path), *map(str, path.parents)} - {".", "/"}


def _has_set_up(before: CellCode, cell: CellCode) -> bool:
    """Return whether an earlier cell has made a module work in another way that this one uses."""
    return bool(before.sets_up & {EVERYTHING, *cell.reads, *cell.makes, *cell.imports}) or any(
        module in before.sets_up for name in cell.imports for module in (name, name.partition(".")[0])
    )


def made_files(cells: Sequence[CellCode]) -> set[str]:
    """Return the files that cells make themselves: written before anything else names them, in this order of cells.

    A folder is not among them if something in it is read that no cell writes.
    """
    given = {text for cell in cells for text in cell.strings if is_file_name(text)}
    given -= {text for cell in cells for text in cell.writes}
    holding = {folder for text in given for folder in places_of(text) - {text}}
    made: set[str] = set()
    named: set[str] = set()
    for cell in cells:
        made |= {text for text in cell.writes if text not in named | holding and is_file_name(text)}
        named |= cell.strings
    return made
