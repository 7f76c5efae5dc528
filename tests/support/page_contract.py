"""What the page and its stand-in must both do with the same messages: one table, of conversations.

A conversation is a list of turns. In its notebook there are three cells of the user's, `anchor`, `user-1` and `user-2`;
a task has begun below `anchor`. A turn is what is asked, or what the user does, and what is seen afterwards. Knows
neither page: `tests/unit/test_page_contract.py` and `tests/browser/test_page_contract.py` play them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tests.support.page_changes import (
    Change,
    append,
    code,
    display,
    insert,
    markdown,
    metadata,
    outputs,
    removal,
    reuse,
    source,
    stream,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Changes that a task asks for, in one message.

    Args:
        changes: What is asked.
        gone: Ids of cells that are not there, as the page says.
        detached: Ids of cells that are the user's now, as the page says.
        adopted: Ids of cells of an earlier run that are this one's now, as the page says.
        refused: True if nothing is done.
    """

    changes: tuple[Change, ...]
    gone: tuple[str, ...] = ()
    detached: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    refused: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """What the user does with a cell: replaces its text, runs it, deletes it."""

    does: Literal["edit", "run", "delete"]
    cell: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """The kernel greets the page again: for the same task over another comm, or for the next task of the same cell.

    Args:
        cells: Ids of the cells that the task may change or replace.
        theirs: Ids of those that the user has taken.
        another: True for the next task; the last one has ended.
    """

    cells: tuple[str, ...]
    theirs: tuple[str, ...] = ()
    another: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The notebook as it is then: of each cell its id, its text, and its outputs' text if it has outputs."""

    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The kernel says that the task, which ends with that, was taken back.

    Args:
        marked: Ids of the cells that say so then.
        again: True if the task is taken again.
    """

    marked: tuple[str, ...]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """Ids of the cells that say then that their task was taken back."""

    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """The kernel asks what stands in cells whose code the user is asked about.

    Args:
        cells: Their ids.
        sources: What stands in those that the task may ask for.
    """

    cells: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]


Turn = Ask | User | Again | Seen | Read | TakenBack | Marked


class Player(Protocol):
    """A page, or its stand-in, with the notebook of one conversation."""

    def ask(self, changes: Sequence[Change]) -> dict[str, Any]:
        """Ask for changes; return the page's answer."""
        ...

    def read(self, ids: Sequence[str]) -> dict[str, Any]:
        """Ask for what stands in cells; return the page's answer."""
        ...

    def user(self, turn: User) -> None:
        """Do what the user does."""
        ...

    def again(self, *, another: bool) -> dict[str, Any]:
        """Greet the page again; return its answer."""
        ...

    def turn(self, *, taken_back: bool) -> dict[str, Any]:
        """End the task, if it has not ended, and say that it was taken back, or again; return the page's answer."""
        ...

    def cells(self) -> list[dict[str, Any]]:
        """Return the cells of the conversation's notebook."""
        ...


def play(turns: Sequence[Turn], player: Player) -> None:
    """Play a conversation, and compare what is answered and seen."""
    for number, turn in enumerate(turns, 1):
        where = f"turn {number}: {turn}"
        match turn:
            case Ask(changes):
                answer = player.ask(changes)
                if turn.refused:
                    assert answer["ok"] is False, where
                else:
                    said = (answer["ok"], answer.get("gone"), answer.get("detached"), answer.get("adopted"))
                    wanted = (True, [*turn.gone], [*turn.detached], [*turn.adopted])
                    assert said == wanted, f"{where}: {answer}"
            case Read():
                assert player.read(turn.cells)["sources"] == dict(turn.sources), where
            case User():
                player.user(turn)
            case Again():
                answer = player.again(another=turn.another)
                assert {cell["id"] for cell in answer["cells"]} == {*turn.cells}, f"{where}: {answer}"
                assert [cell["id"] for cell in answer["theirs"]] == [*turn.theirs], f"{where}: {answer}"
            case TakenBack(marked):
                assert player.turn(taken_back=not turn.again)["ok"], where
                assert marks(player) == marked, where
            case Marked(marked):
                assert marks(player) == marked, where
            case Seen(cells):
                now = [told(cell) for cell in player.cells()]
                assert now == [*cells], f"{where}: {now}"


def marks(player: Player) -> tuple[str, ...]:
    """Return the ids of the cells that say that their task was taken back; as one of code, none looks as if it ran."""
    marked = [cell for cell in player.cells() if cell["metadata"].get("codeagent", {}).get("taken_back")]
    assert all(cell.get("execution_count") is None for cell in marked)
    return tuple(cell["id"] for cell in marked)


def told(cell: dict[str, Any]) -> tuple[str, ...]:
    """Return a cell as `Seen` has it."""
    texts = ["".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in
             cell.get("outputs", ())]  # fmt: skip
    return cell["id"], "".join(cell["source"]), *texts


def asked(*changes: Change, gone: str = "", detached: str = "", adopted: str = "") -> Ask:
    return Ask(changes, *(tuple(names.split()) for names in (gone, detached, adopted)))


def refused(*changes: Change) -> Ask:
    return Ask(changes, refused=True)


USERS = (("user-1", "1"), ("user-2", "2"))
TWO = asked(insert(["anchor"], code("c", "5"), code("d", "6")))


def seen(*cells: tuple[str, ...]) -> Seen:
    """Return a notebook whose cells of the user's are as they were, with others between the first two."""
    return Seen((("anchor", "0"), *cells, *USERS))


CONVERSATIONS: dict[str, tuple[Turn, ...]] = {
    "cells come below the anchor, in order": (
        asked(insert(["anchor"], markdown("m", "Words."), code("c", "1", stream("a\n"), display(text_plain="1")))),
        asked(insert(["m"], code("between"))),
        seen(("m", "Words."), ("between", ""), ("c", "1", "a\n", "1")),
        Again(cells=("m", "between", "c")),
    ),
    "without one of the cells above nothing is inserted": (
        asked(insert(["nowhere"], code("c"), code("d")), source("c", 0, "x"), gone="c d"),
        seen(),
    ),
    "source and outputs come bit by bit": (
        asked(insert(["anchor"], code("c"))),
        asked(source("c", 0, "x = 1\n"), source("c", 6, "print(x)"), source("c", 4, "2\nprint(x)")),
        asked(outputs("c", 0, stream("a")), append("c", 0, "b")),
        asked(outputs("c", 1, stream("e", "stderr"), display(text_plain="y"))),
        seen(("c", "x = 2\nprint(x)", "ab", "e", "y")),
        asked(outputs("c", 2, stream("f", "stderr"))),
        seen(("c", "x = 2\nprint(x)", "ab", "ef")),
        asked(outputs("c", 0)),
        seen(("c", "x = 2\nprint(x)")),
    ),
    "signs outside of the first plane count as two": (
        asked(insert(["anchor"], code("c", "'🐧'"))),
        asked(source("c", 3, "'  # penguin")),
        seen(("c", "'🐧'  # penguin")),
    ),
    "a change that cannot be made leaves its cell and holds up no other": (
        asked(insert(["anchor"], code("c", "1"), code("d", "2", display(text_plain="y")))),
        asked(source("c", 9, "x"), append("d", 0, "x"), source("c", 1, "x"), insert(["d"], code("e")), detached="c d"),
        seen(("c", "1"), ("d", "2", "y"), ("e", "")),
        Again(cells=("e",), theirs=("c", "d")),
    ),
    "a cell is not inserted twice and is ours only if it is as we would have made it": (
        asked(insert(["anchor"], code("c", "1", stream("a\n"), display(text_plain="1")))),
        asked(insert(["anchor"], code("c", "1", stream("a\n"), display(text_plain="1")))),
        seen(("c", "1", "a\n", "1")),
        asked(insert(["anchor"], code("c", "1", stream("b\n"))), detached="c"),
        asked(insert(["anchor"], code("c", "1", stream("a\n"), display(text_plain="1"))), detached="c"),
        seen(("c", "1", "a\n", "1")),
    ),
    "a cell that the user has edited is the user's": (
        TWO,
        User("edit", "c", "mine"),
        asked(outputs("c", 0, stream("x")), source("c", 0, "y"), source("d", 1, "7"), detached="c"),
        seen(("c", "mine"), ("d", "67")),
        Again(cells=("d",), theirs=("c",)),
        User("edit", "c", "5"),
        asked(source("c", 0, "y"), removal("c", "5"), metadata("c", tags=None), detached="c"),
        seen(("c", "5"), ("d", "67")),
    ),
    "a cell that the user has run is the user's": (
        asked(insert(["anchor"], code("c", "pass"), code("d", "6"))),
        User("run", "c"),
        asked(source("c", 0, "y"), removal("c", "pass"), source("d", 1, "7"), detached="c"),
        seen(("c", "pass"), ("d", "67")),
    ),
    "a cell that the user has deleted is gone": (
        TWO,
        User("delete", "c"),
        asked(source("c", 1, "x"), outputs("d", 0, stream("y")), gone="c"),
        seen(("d", "6", "y")),
    ),
    "cells are replaced, but for those of the user": (
        TWO,
        User("edit", "d", "mine"),
        asked(
            *(removal(name, text) for name, text in (("c", "5"), ("d", "6"), ("never", "x"))),
            insert(["anchor"], code("e")),
            detached="d",
        ),
        seen(("e", ""), ("d", "mine")),
    ),
    "the next run of the cell replaces what the last one made and nothing else": (
        TWO,
        User("edit", "d", "mine"),
        Again(cells=("c",), theirs=("d",), another=True),
        refused(source("c", 1, "x")),
        asked(removal("c", "5"), insert(["anchor"], code("e", "7"))),
        seen(("e", "7"), ("d", "mine")),
        asked(source("e", 1, "8")),
    ),
    "a run that makes the same goes on with the cells that stand there": (
        TWO,
        Again(cells=("c", "d"), another=True),
        asked(reuse("c", "5"), reuse("d", "6"), adopted="c d"),
        asked(outputs("c", 0, stream("x")), insert(["d"], code("e"))),
        seen(("c", "5", "x"), ("d", "6"), ("e", "")),
    ),
    "what the user has run, edited or deleted stays as it is where it is made again": (
        asked(insert(["anchor"], code("c", "pass"), code("d", "6"), code("e", "7"))),
        User("run", "c"),
        Again(cells=("d", "e"), theirs=("c",)),
        Again(cells=("d", "e"), another=True),
        User("edit", "d", "mine"),
        User("delete", "e"),
        asked(reuse("d", "6"), reuse("e", "7"), gone="e", detached="d"),
        asked(source("d", 0, "x"), detached="d"),
        seen(("c", "pass"), ("d", "mine")),
    ),
    "what the user has run since the task ended stays as it is where it is made again": (
        asked(insert(["anchor"], code("c", "pass"), code("d", "6"))),
        Again(cells=("c", "d"), another=True),
        asked(reuse("c", "pass"), reuse("d", "6"), adopted="c d"),
        Again(cells=("c", "d"), another=True),
        User("run", "c"),
        asked(reuse("c", "pass"), reuse("d", "6"), adopted="d"),
        refused(outputs("c", 0, stream("x"))),
        asked(insert(["c"], code("e"))),
        seen(("c", "pass"), ("e", ""), ("d", "6")),
    ),
    "what the user has approved is the task's as it stands": (
        asked(insert(["anchor"], code("c", "5", status="waiting"), code("d", "6"))),
        User("edit", "c", "mine"),
        Read(("c", "d", "anchor", "never"), (("c", "mine"),)),
        asked(reuse("c", "mine"), adopted="c"),
        asked(outputs("c", 0, stream("x"))),
        seen(("c", "mine", "x"), ("d", "6")),
        refused(reuse("user-1", "1")),
    ),
    "what the user has edited unasked is not the task's, whatever it says": (
        asked(insert(["anchor"], code("c", "5"), code("d", "6"))),
        User("edit", "c", "mine"),
        Read(("c", "d"), ()),
        asked(reuse("c", "mine")),
        Again(cells=("d",), theirs=("c",)),
        asked(metadata("c", codeagent={"cell": "run", "step": 1, "status": "waiting"}), detached="c"),
        asked(reuse("c", "mine")),
        asked(source("c", 0, "x"), detached="c"),
        seen(("c", "mine"), ("d", "6")),
    ),
    "what was kept stays as it is, however often it is said that it is made again": (
        TWO,
        Again(cells=("c", "d"), another=True),
        User("edit", "c", "mine"),
        Again(cells=("d",), theirs=("c",)),
        asked(reuse("c", "mine"), reuse("d", "6"), adopted="d"),
        Again(cells=("d",), theirs=("c",)),
        asked(reuse("c", "mine"), reuse("d", "6"), adopted="d"),
        seen(("c", "mine"), ("d", "6")),
    ),
    "no cell of the user's is touched and nothing else of the message is done": (
        *(
            refused(insert(["anchor"], code("mixed")), change)
            for name, text in (("anchor", "0"), ("user-1", "1"))
            for change in (
                source(name, 0, "import os"),
                outputs(name, 0, stream("x")),
                append(name, 0, "x"),
                metadata(name, tags=["raises-exception"]),
                removal(name, text),
                insert(["anchor"], code(name, text)),
            )
        ),
        refused(insert(["user-1"], code("evil", "import os"))),
        seen(),
    ),
    "nothing is hidden or trusted by request": (
        TWO,
        *(
            refused(insert(["d"], {**code("evil"), "metadata": {**code("evil")["metadata"], **more}}))
            for more in ({"jupyter": {"source_hidden": True}}, {"trusted": True}, {"collapsed": True})
        ),
        asked(metadata("c", tags=["raises-exception"])),
        asked(metadata("c", tags=None)),
        seen(("c", "5"), ("d", "6")),
    ),
    "cells of a task that was taken back say so until it is taken again": (
        asked(insert(["anchor"], code("c", "5"), markdown("m", "Words."))),
        TakenBack(("c", "m")),
        TakenBack((), again=True),
        TakenBack(("c", "m")),
        User("delete", "m"),
        Marked(("c",)),
        TakenBack((), again=True),
        seen(("c", "5")),
    ),
    "what the user edits or runs says nothing of a task that was taken back": (
        asked(insert(["anchor"], code("c", "pass"), code("d", "6"), code("e", "7"))),
        User("edit", "d", "mine"),
        TakenBack(("c", "e")),
        User("run", "c"),
        User("edit", "e", "mine, too"),
        Marked(()),
        TakenBack((), again=True),
        TakenBack(()),
        seen(("c", "pass"), ("d", "mine"), ("e", "mine, too")),
    ),
    "a cell that the next run made says nothing of the last one": (
        asked(insert(["anchor"], code("c", "5"), code("d", "6"))),
        Again(cells=("c", "d"), another=True),
        asked(removal("c", "5"), removal("d", "6"), insert(["anchor"], code("c", "8"))),
        TakenBack(("c",)),
        TakenBack((), again=True),
    ),
    "what no change is": (TWO, refused({"do": "dance", "id": "c"}), seen(("c", "5"), ("d", "6"))),
}
