"""A planted key, in 50 disguises, is in no prompt, notebook, journal, panel, cell, terminal or log.

Each disguise has a key of its own, which the code reads from a file where it stands reversed: the sandbox holds no key.
And each is shown of something that is no key, too: that must be there, or nothing was shown at all.
"""

import asyncio
import html
import io
import json
import logging
import re
import traceback
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from rich.console import Console

from codeagent_nb.approval import refuse_unattended
from codeagent_nb.errors import AgentError
from codeagent_nb.events import AgentEvent
from codeagent_nb.log.event_log import EVENT_LOGGER_NAME
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.choose import choose_model
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.session.session import Session, SessionSettings, open_session
from codeagent_nb.session.variables import bring_variable
from codeagent_nb.views.console import ConsoleView
from tests.integration.scripted_server import ScriptedServer

pytestmark = pytest.mark.integration

SHOWN = {
    "a print": "print(value)",
    "two pieces in time": "write(value[:9]); pause(); write(value[9:] + '\\n')",
    "letter by letter": "for char in value: write(char); pause(0.002)",
    "a line and a line": "print(value[:9]); pause(); print(value[9:])",
    "two streams": "write(value[:9]); pause(); write(value[9:], sys.stderr)",
    "two streams by turns": "for at, c in enumerate(value): write(c, [sys.stdout, sys.stderr][at % 2]); pause(0.002)",
    "threads": "in_thread(write, value[:9]).join(); pause(); in_thread(write, value[9:]).join()",
    "after the block": "in_thread(later, value[:9], value[9:])",
    "before and after the block": "write(value[:9]); in_thread(later, '', value[9:])",
    "colours": "print(f'{value[:9]}\\x1b[31m{value[9:]}\\x1b[0m')",
    "a colour in two pieces": "write(value[:9] + '\\x1b[3'); pause(); write('1m' + value[9:])",
    "backspaces": "print(''.join(f'x\\b{char}' for char in value))",
    "backspaces in pieces": "for char in value: write('x'); pause(0.002); write('\\b' + char)",
    "a carriage return": "print('x' * 9 + value[9:] + '\\r' + value[:9])",
    "a carriage return in pieces": "write('x' * 9 + value[9:]); pause(); write('\\r' + value[:9])",
    "NUL": "print('\\0'.join(value))",
    "soft hyphens": "print('\\xad'.join(value))",
    "a window title": "print(f'\\x1b]0;{value}\\x07')",
    "wrapped lines": "print('\\n'.join(textwrap.wrap(value, 7)))",
    "HTML": "display(HTML(f'<p>{value}</p>'))",
    "HTML with tags inside": "display(HTML(f'<b>{value[:9]}</b><i>{value[9:]}</i>'))",
    "HTML entities": "display(HTML(''.join(f'&#{ord(char)};' for char in value)))",
    "SVG text": "display(SVG(f'<svg xmlns=\"http://www.w3.org/2000/svg\"><text>{value[:9]}<tspan>{value[9:]}</tspan></text></svg>'))",
    "Markdown": "display(Markdown(f'**{value}**'))",
    "a JSON display": "show({'application/json': {'a': [{'b': value}]}})",
    "a JSON name": "show({'application/json': {value: 1}})",
    "a nested display": "show({'application/vnd.x+json': {'data': {'text/html': [value[:9], value[9:]]}}})",
    "a MIME type": "show({'text/plain': 'x', f'application/{value}': 'x'})",
    "metadata": "show({'text/plain': value}, metadata={'note': {'k': value}})",
    "two displays": "show({'text/plain': value[:9]}); show({'text/plain': value[9:]})",
    "a stream and a display": "write(value[:9]); pause(); show({'text/plain': value[9:]})",
    "an update": "handle = display('x', display_id=True); pause(); handle.update(value)",
    "a cleared output": "write(value); pause(); clear_output(); print('gone')",
    "a result": "[value, {'k': value.encode()}]",
    "JSON escapes": "print(''.join(f'\\\\u{ord(char):04x}' for char in value))",
    "the repr of bytes": "print(value.encode())",
    "a warning": "warnings.warn(value)",
    "a logger": "logging.error(value)",
    "a quoted address": "print(f'https://me:{value}@host/?a={value}')",
    "a file's name": "open(f'{value}.txt', 'w').write('x')",
}
"""Code that shows `value`."""

FAILING = {
    "an error": "raise ValueError(value)",
    "an error's name": "raise type(value, (Exception,), {})('x')",
    "a coloured error": "raise ValueError(value[:9] + '\\x1b[1m' + value[9:])",
    "a chain of errors": "try:\n    {}[value]\nexcept KeyError as error:\n    raise RuntimeError('again') from error",
    "a group of errors": "raise ExceptionGroup('both', [ValueError(value), KeyError('x')])",
    "an exit": "sys.exit(value)",
    "a variable's name": "globals()[value] = 1; raise ValueError('kept', value)",
}
"""Code that ends with it."""

TOOLS = """
import logging, sys, textwrap, threading, time, warnings
from IPython.display import HTML, SVG, Markdown, clear_output, display
keys, decoys = ([line[::-1] for line in open(name).read().split()] for name in ("keys.txt", "decoys.txt"))
def write(text, stream=None):
    stream = stream or sys.stdout
    stream.write(text); stream.flush()
def pause(seconds=0.05):
    time.sleep(seconds)
def in_thread(work, *values):
    thread = threading.Thread(target=work, args=values); thread.start(); return thread
def later(first, second):
    time.sleep(0.25); write(first); time.sleep(0.1); write(second + "\\n")
def show(data, metadata=None):
    display(data, metadata=metadata or {}, raw=True)
"""


def looks(text: str) -> list[str]:
    """What a text looks like: as it is, without colours, as a page, as a literal; without what is not seen."""
    bare = re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07?)", "", text)
    page = html.unescape(re.sub("<[^<>]*>", "", bare))
    literal = re.sub(r"\\(?:u00|x)([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), bare)
    backwards = bare
    while "\b" in backwards.lstrip("\b"):
        backwards = re.sub(r"[^\b]\b", "", backwards.lstrip("\b"))
    return [
        re.sub(r"[\s\0-\x1f\x7f\xad\u200b]", "", way)
        for way in (text, bare, page, page.replace("*", ""), literal, backwards)
    ]


def texts(value: Any) -> Iterator[str]:
    """Every text in JSON, and texts that follow each other as one."""
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield str(name)
                yield from texts(item)
        case list() | tuple():
            yield "".join(item for item in value if isinstance(item, str))
            for item in value:
                yield from texts(item)


class Screens:
    """Every view there is, looked at after every event."""

    def __init__(self) -> None:
        self.terminal = io.StringIO()
        self._console = ConsoleView(Console(file=self.terminal, width=400))
        self._cell, self._cells, self._panel = CellStory(), CellsStory(), PanelStory()
        self.cell, self.cells, self.panel, self.deltas = list[str](), list[str](), list[str](), dict[str, str]()

    def on_event(self, event: AgentEvent) -> None:
        self._console.on_event(event)
        self._cell.take(event)
        self.cell += texts([bundle for _, bundle in self._cell.changed()])
        self._cells.take(event)
        cells = [*self._cells.cells, *self._cells.drafts]
        for cell in cells:
            outputs = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
            self.cells += [cell.source, "".join(map(str, outputs)), *texts(list(cell.outputs))]
        if piece := self._panel.take(event):
            self.deltas[piece[0]] = self.deltas.get(piece[0], "") + piece[1]
        self.panel += texts(list(self._panel.entries))

    def all(self) -> dict[str, list[str]]:
        deltas = [*self.deltas.values()]
        return {
            "terminal": [self.terminal.getvalue()],
            "cell": self.cell,
            "cells": self.cells,
            "panel": self.panel + deltas,
        }


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said += texts(json.loads(record.getMessage()))


@dataclass
class Stage:
    """A session on a fake server, and every text in every sink."""

    session: Session
    server: ScriptedServer
    environment: dict[str, str]
    sinks: dict[str, list[str]]

    async def play(self, replies: list[Any], task: str = "Do it.", wait: float = 0.0) -> None:
        """Solve a task, with all views there are."""
        self.server.remaining[:] = replies
        screens = Screens()
        detach = self.session.log.attach(screens)
        model = choose_model(None, self.environment)
        settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended)
        try:
            result = await self.session.run(task, settings)
            self.sinks["result"] += [text for event in result.messages for text in texts(event.model_dump(mode="json"))]
        except AgentError as error:
            self.sinks["error"] += traceback.format_exception(error)
        await asyncio.sleep(wait)
        detach()
        await model.close()
        self.sinks["prompt"] += texts([request["messages"] for request in self.server.requests])
        self.server.requests.clear()
        for sink, said in screens.all().items():
            self.sinks[sink] += said

    def read_files(self) -> None:
        events = [json.loads(line) for line in self.session.journal.read_text().splitlines()]
        self.sinks["journal"] += [*texts(events), *pieces_of(events)]
        self.sinks["notebook"] += texts(nbformat.read(self.session.notebook, as_version=4))


def pieces_of(events: list[Any]) -> list[str]:
    """What each block has printed, piece by piece, as one text."""
    printed: dict[str, str] = defaultdict(str)
    for event in events:
        if (output := event.get("change", {}).get("output", {})).get("output_type") == "stream":
            printed[event["block_id"]] += output["text"]
    return [*printed.values()]


SAID: dict[str, tuple[str, list[Any]]] = {
    "the task": ("Use {value} for it.", ["Done."]),
    "the task, coloured": ("Use {head}\x1b[1m{tail} for it.", ["Done."]),
    "an answer in pieces": ("Say it.", [["It is ", "{head}", "{tail}", "."]]),
    "an answer letter by letter": ("Say it.", [["It is ", "{letters}", "."]]),
    "an answer in bold halves": ("Say it.", ["It is **{head}**{tail}."]),
    "a thought": ("Think.", ["<think>the key is {value}</think>\n\nDone."]),
    "code": ("Code it.", [["It is:\n```python\nprint('", "{head}", "{tail}", "')\n```"], "Not run."]),
    "a call in JSON escapes": ("Call it.", ["<tool_call>{json}</tool_call>", "Not run."]),
    "a reflection in pieces": ("Go.", ["```python\nprint(1)\n```", ["It printed ", "{head}", "{tail}", "."]]),
    "a server's complaint": ("Go.", []),
}
"""What people, models and servers say; `{value}` is the secret."""

CASES = [*SHOWN, *FAILING, *SAID, "a variable"]
KEYS = {case: f"sk_planted_{index:02}_89abcdef" for index, case in enumerate(CASES)}
DECOYS = {case: f"sk_another_{index:02}_89abcdef" for index, case in enumerate(CASES)}


def block_that_shows(case: str, whose: str) -> str:
    code = SHOWN.get(case) or FAILING[case]
    return "```python\n" + f"value = {whose}[{CASES.index(case)}]\n{code}" + "\n```"


def said_with(text: Any, value: str) -> Any:
    if isinstance(text, list):
        letters = [[*value] if piece == "{letters}" else [said_with(piece, value)] for piece in text]
        return [piece for pieces in letters for piece in pieces]
    escaped = "".join(f"\\u{ord(char):04x}" for char in value)
    call = f'{{"name": "python", "arguments": {{"code": "print(\'{escaped}\')"}}}}'
    for name, part in {"{value}": value, "{head}": value[:13], "{tail}": value[13:], "{json}": call}.items():
        text = text.replace(name, part)
    return text


async def show_everything(folder: Path, server: ScriptedServer) -> dict[str, list[str]]:
    """Show all of it; return every text of every sink.

    In two sessions: a notebook is written whole after each step, and one of 200 cells takes its time.
    """
    for name, values in {"keys": KEYS, "decoys": DECOYS}.items():
        (folder / f"{name}.txt").write_text("\n".join(value[::-1] for value in values.values()))
    sinks: dict[str, list[str]] = defaultdict(list)
    for name, show in {"shown": show_by_code, "said": show_by_words}.items():
        work = folder / name
        settings = SessionSettings(notebook=work / "session.ipynb", files=(folder / "keys.txt", folder / "decoys.txt"))
        async with open_session(settings) as session:
            stage = Stage(session, server, server.environment(work), sinks)
            await stage.play([f"```python\n{TOOLS}\n```", "Ready."])
            await show(stage)
            stage.read_files()
    return sinks


async def show_by_code(stage: Stage) -> None:
    for begin in range(0, len(SHOWN), 8):
        cases = [*SHOWN][begin : begin + 8]
        blocks = [block_that_shows(case, whose) for case in cases for whose in ("decoys", "keys")]
        await stage.play(["\n\n".join(blocks), "Done."], wait=0.7 if begin == 0 else 0)


async def show_by_words(stage: Stage) -> None:
    for case in FAILING:
        for whose in ("decoys", "keys"):
            await stage.play([block_that_shows(case, whose), "Done."])
    for case, (task, replies) in SAID.items():
        for value in (DECOYS[case], KEYS[case]):
            stage.server.complaint = value
            await stage.play(said_with(replies, value), said_with(task, value))
    for name, values in {"plain": DECOYS, "planted": KEYS}.items():
        stage.sinks["refusal"].append(await brought(stage.session, name, values["a variable"]))
    await stage.play(["Done."])


async def brought(session: Session, name: str, value: str) -> str:
    try:
        await bring_variable(session, f"list_of_{name}", [value])
    except AgentError as error:
        return "".join(traceback.format_exception(error))
    return ""


@pytest.fixture(scope="module")
def sinks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What every sink looks like."""
    server, records, logger = ScriptedServer([]), Records(), logging.getLogger(EVENT_LOGGER_NAME)
    with pytest.MonkeyPatch.context() as patch:
        for index, key in enumerate(KEYS.values()):
            patch.setenv(f"PLANTED_TOKEN_{index}", key)
        patch.setattr(logger, "propagate", False)
        before = logger.level
        logger.setLevel(logging.DEBUG)  # not the attribute alone: who asked before is answered from a cache
        logger.addHandler(records)
        found = asyncio.run(show_everything(tmp_path_factory.mktemp("secrets"), server))
        logger.removeHandler(records)
        logger.setLevel(before)
    server.close()
    found["log"] = records.said
    return {
        sink: "|".join(look for text in dict.fromkeys(said) for look in looks(text)) for sink, said in found.items()
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES)
def test_a_planted_key_is_in_no_sink_and_what_is_no_key_is(case: str, sinks: dict[str, str]) -> None:
    assert [sink for sink, seen in sinks.items() if KEYS[case] in seen] == []
    assert [sink for sink, seen in sinks.items() if DECOYS[case] in seen], "nothing was shown"


def test_every_sink_is_looked_at(sinks: dict[str, str]) -> None:
    looked = {
        "prompt",
        "notebook",
        "journal",
        "panel",
        "cell",
        "cells",
        "terminal",
        "log",
        "error",
        "result",
        "refusal",
    }
    assert set(sinks) == looked
    assert {sink for sink, seen in sinks.items() if any(decoy in seen for decoy in DECOYS.values())} == looked - {
        "refusal"
    }
    assert "PLANTED_TOKEN" in sinks["refusal"]


def test_code_with_a_key_is_refused_and_its_variable_named(sinks: dict[str, str]) -> None:
    for case in ("code", "a call in JSON escapes"):
        variable = f"PLANTED_TOKEN_{CASES.index(case)}"
        reason = f"the code holds the value of the environment variable {variable}".replace(" ", "")
        assert [sink for sink in ("journal", "terminal", "panel", "cell") if reason not in sinks[sink]] == []
