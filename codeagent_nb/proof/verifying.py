"""Proves a notebook: replays it, compares, names reasons (design D22). Ties the parts together; writes nothing."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from codeagent_nb.log.place import DATA, our_folders, work_folder_of
from codeagent_nb.proof.cell_code import CellCode, read_cell
from codeagent_nb.proof.comparing import Comparison, compare_outputs
from codeagent_nb.proof.evidence import Evidence, Files, ReasonKind
from codeagent_nb.proof.file_names import is_file_name
from codeagent_nb.proof.reading import CodeCell, ReadNotebook
from codeagent_nb.proof.reasons import reasons_of
from codeagent_nb.proof.record import CellRecord, Record, read_record, record_of
from codeagent_nb.proof.replaying import Replay, ReplaySettings, replay
from codeagent_nb.proof.slicing import made_files
from codeagent_nb.proof.sources import Source, imported_names, sources_of
from codeagent_nb.proof.verdict import FileRead, FoundDifference, Verdict

MOST_HASHED = 8 << 30
"""Bytes of one file; a larger one is named without a hash."""

PATIENCE = 300.0
"""Seconds: a replay that took longer is not run a second time to find out what changes from run to run."""

SEEDS = ("1", "2")
"""Of Python's hashes in further replays: the order of a set is another one."""

BY_NATURE: frozenset[ReasonKind] = frozenset({"random", "time", "network", "stopped"})
"""Reasons that come back each time: such a notebook is as proved as it will be, and is recorded."""

Progress = Callable[[CodeCell], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A notebook and what its code shows by itself.

    Args:
        notebook: The notebook.
        codes: What each cell's code does.
        sources: Where each cell's results can come from beside its inputs.
    """

    notebook: ReadNotebook
    codes: tuple[CellCode, ...]
    sources: tuple[Mapping[Source, str], ...]

    @classmethod
    def of(cls, notebook: ReadNotebook) -> "Study":
        """Read the code of a notebook."""
        imported = imported_names(cell.code for cell in notebook.cells)
        return cls(
            notebook=notebook,
            codes=tuple(map(read_code, notebook.cells)),
            sources=tuple(sources_of(cell.code, imported) for cell in notebook.cells),
        )

    @property
    def cells(self) -> tuple[CodeCell, ...]:
        """Its cells of code."""
        return self.notebook.cells

    @property
    def folder(self) -> Path:
        """Where it lies, and its code works."""
        return work_folder_of(self.notebook.path)

    @property
    def hidden(self) -> tuple[Path, ...]:
        """What code does not see of the folder: it tells code nothing."""
        path = self.notebook.path
        return (path, path.with_name(f"{path.stem}.journal.jsonl"), *our_folders(self.folder))

    @property
    def readable(self) -> tuple[Path, ...]:
        """The variables of a session, if it is the notebook of one."""
        data = self.notebook.path.with_name(DATA)
        return (data,) if self.folder != data.parent and data.is_dir() else ()

    @property
    def made(self) -> frozenset[str]:
        """The files that its code makes itself; the variables it was given are none of them."""
        made = made_files(self.codes)
        given = {name for name in made if any(map((self.folder / name).is_relative_to, self.readable))}
        return frozenset(made - given)

    @property
    def modules(self) -> list[str]:
        """The modules it imports, by their first names."""
        return sorted({name.partition(".")[0] for code in self.codes for name in code.imports})

    async def replay(
        self, settings: ReplaySettings, absent: Collection[str], progress: Progress, hash_seed: str = ""
    ) -> Replay:
        """Replay all its cells; errors are those of `replay`."""
        return await self._replayed(self.cells, settings, absent, progress, hash_seed)

    async def replay_some(
        self, cells: Sequence[CodeCell], settings: ReplaySettings, absent: Collection[str], progress: Progress
    ) -> Replay:
        """Replay other cells in its place; errors are those of `replay`."""
        return await self._replayed(cells, settings, absent, progress)

    async def _replayed(
        self,
        cells: Sequence[CodeCell],
        settings: ReplaySettings,
        absent: Collection[str],
        progress: Progress,
        hash_seed: str = "",
    ) -> Replay:
        return await replay(
            cells,
            self.folder,
            settings,
            hidden=self.hidden,
            readable=self.readable,
            absent=[self.folder / name for name in sorted(absent)],
            modules=self.modules,
            hash_seed=hash_seed,
            on_cell=progress,
        )


def read_code(cell: CodeCell) -> CellCode:
    """Return what a cell's code does, by what it has shown, too."""
    has_shown = any(output["output_type"] != "execute_result" for output in cell.outputs)
    return read_cell(cell.code, shows_value=shows_value(cell), for_show=has_shown)


def shows_value(cell: CodeCell) -> bool:
    """Return whether a cell's last expression has shown a value; one that was never run may do."""
    return cell.states_nothing or any(output["output_type"] == "execute_result" for output in cell.outputs)


async def verify(notebook: ReadNotebook, settings: ReplaySettings, progress: Progress = lambda _: None) -> Verdict:
    """Prove a notebook; nothing is delivered, and the notebook is not written.

    Args:
        notebook: The notebook.
        settings: How it is replayed.
        progress: Called before each cell.

    Raises:
        SandboxUnavailable: No sandbox works here.
        KernelStartError: The kernel does not start.
    """
    study = Study.of(notebook)
    first, compared, absent = await first_replay(study, settings, progress)
    differing = frozenset(number for number, done in compared.items() if done.difference)
    unsteady = await _unsteady(first, differing, lambda seed: study.replay(settings, absent, progress, hash_seed=seed))
    files = await asyncio.to_thread(_files_read, study, first, absent)
    evidence = Evidence(
        cells=study.cells,
        codes=study.codes,
        sources=study.sources,
        results=first.results,
        differing=differing,
        unsteady=unsteady,
        record=read_record(notebook.node),
        files=Files(digests={name: file.digest for name, file in files.items()}, newer=_newer(study, files)),
        versions=first.versions,
    )
    without = tuple(sorted(name for name in absent if (study.folder / name).exists()))
    return replace(_verdict(evidence, compared, files, first), without=without)


def is_compared(cell: CodeCell, done: Replay) -> bool:
    """Return whether a cell states something, and was replayed."""
    return not cell.states_nothing and cell.number in done.results


def compared_cell(cell: CodeCell, done: Replay) -> Comparison:
    """Compare what a notebook says a cell has shown with its replay."""
    return compare_outputs(cell.outputs, done.results[cell.number].outputs, done.window)


Compared = Mapping[int, Comparison]
"""What came of comparing each cell, by its number."""


async def first_replay(
    study: Study, settings: ReplaySettings, progress: Progress
) -> tuple[Replay, Compared, frozenset[str]]:
    """Replay a notebook without the files that it makes itself; some are known only when it has run.

    Code that fails may miss what it does not make after all, such as a folder it adds to: then all is there once.
    """
    absent = study.made
    done = await study.replay(settings, absent, progress)
    compared = _compared(study, done)
    for more in (_refused_files(done), _perhaps_made(study, done)):
        if not more <= absent and any(one.difference for one in compared.values()):
            again = await study.replay(settings, absent | more, progress)
            found = _compared(study, again)
            if _trouble(again, found) < _trouble(done, compared):
                done, compared, absent = again, found, absent | more
    if _failed(done) and any((study.folder / name).exists() for name in absent):
        again = await study.replay(settings, frozenset(), progress)
        found = _compared(study, again)
        if _trouble(again, found) < _trouble(done, compared):
            done, compared, absent = again, found, frozenset()
    return done, compared, absent


def _compared(study: Study, done: Replay) -> Compared:
    return {cell.number: compared_cell(cell, done) for cell in study.cells if is_compared(cell, done)}


def _trouble(done: Replay, compared: Compared) -> tuple[int, int]:
    """Return how many cells failed, and how many differ."""
    return _failed(done), sum(one.difference is not None for one in compared.values())


def _failed(done: Replay) -> int:
    return sum(result.status != "ok" for result in done.results.values())


def _refused_files(done: Replay) -> frozenset[str]:
    """Return the files that code wrote before it read them, if it was refused something.

    On the machine of a colleague they are the user's.
    """
    if not any(result.denials for result in done.results.values()):
        return frozenset()
    return frozenset(name for name, how in done.opened.items() if how == "w")


def _perhaps_made(study: Study, done: Replay) -> frozenset[str]:
    """Return the files the code names that Python was not seen to open: a database, say, that the code made itself."""
    texts = {text for code in study.codes for text in code.strings if is_file_name(text)}
    here = {text for text in texts if (study.folder / text).exists()}
    # What is newer than the notebook was made by somebody else.
    return frozenset(here - {name for name, how in done.opened.items() if how == "r"} - _newer(study, here))


async def _unsteady(
    first: Replay,
    differing: Collection[int],
    replay_again: Callable[[str], Awaitable[Replay]],
) -> frozenset[int]:
    """Return which of the cells that differ show something else in each replay.

    Args:
        first: The first replay.
        differing: The numbers of these cells.
        replay_again: Replays it with another seed of hashes.
    """
    found: set[int] = set()
    waiting = {number for number in differing if first.results[number].status == "ok"}
    for seed in SEEDS:
        if not waiting - found or first.seconds > PATIENCE:
            break
        again = await replay_again(seed)
        for number in waiting:
            if number in again.results:
                one, other = first.results[number].outputs, again.results[number].outputs
                if compare_outputs(one, other, again.window).difference:
                    found.add(number)
    return frozenset(found)


def _verdict(
    evidence: Evidence, compared: Mapping[int, Comparison], files: Mapping[str, FileRead], done: Replay
) -> Verdict:
    reasons = reasons_of(evidence)
    found = tuple(
        FoundDifference(number, evidence.cells[number - 1].count, difference, reasons[number])
        for number, comparison in sorted(compared.items())
        if (difference := comparison.difference)
    )
    kinds = {one.reason.kind for one in found}
    digests = {name: file.digest for name, file in files.items() if file.digest}
    fresh = record_of(evidence.cells, digests, done.versions)
    return Verdict(
        compared=len(compared),
        differences=found,
        set_aside={number: tuple(one.set_aside) for number, one in compared.items() if one.set_aside},
        not_replayed=dict(_not_replayed(evidence.cells, compared)),
        files=files,
        versions=done.versions,
        isolation=done.isolation,
        seconds=done.seconds,
        at=done.window.ends,
        record=_kept(evidence, fresh) if kinds <= BY_NATURE or evidence.record is None else evidence.record,
    )


def _kept(evidence: Evidence, fresh: Record) -> Record:
    """Return a record in which the outputs that differ are left open."""
    cells = tuple(
        CellRecord(one.source, "" if number in evidence.differing else one.outputs)
        for number, one in enumerate(fresh.cells, start=1)
    )
    return Record(cells=cells, files=fresh.files, versions=fresh.versions)


def _not_replayed(cells: Sequence[CodeCell], compared: Collection[int]) -> list[tuple[int, str]]:
    reasons = {True: "a model is asked", False: "never run, so that nothing is stated"}
    return [
        (cell.number, reasons[cell.is_task]) for cell in cells if cell.number not in compared and cell.source.strip()
    ]


def _files_read(study: Study, done: Replay, absent: Collection[str]) -> dict[str, FileRead]:
    """Hash the files that were seen to be opened, and those the code names."""
    opened = {name for name, how in done.opened.items() if how == "r"}
    named = {text for code in study.codes for text in code.strings if is_file_name(text)}
    written = {name for name, how in done.opened.items() if how == "w"} | set(absent)
    found: dict[str, FileRead] = {}
    for name in sorted((opened | {os.path.normpath(text) for text in named}) - written):
        path = study.folder / name
        if path in study.hidden or not path.is_relative_to(study.folder) or ".." in Path(name).parts:
            continue
        with suppress(OSError, ValueError):
            if path.is_file() and not path.is_symlink():
                found[str(path.relative_to(study.folder))] = FileRead(
                    _hash(path), "opened" if name in opened else "named"
                )
    return found


def _hash(path: Path) -> str:
    if path.stat().st_size > MOST_HASHED:
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _newer(study: Study, files: Collection[str]) -> frozenset[str]:
    """Return the files that were changed after the notebook was saved."""
    with suppress(OSError):
        saved = study.notebook.path.stat().st_mtime_ns
        return frozenset(name for name in files if (study.folder / name).stat().st_mtime_ns > saved)
    return frozenset()
