"""Whatever is printed, and wherever it comes from, a terminal only shows it: nothing moves, names, copies or hides."""

import io
import logging
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from rich.markdown import Markdown
from rich.panel import Panel
from rich.progress import Progress
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from codeagent_nb.cli.doctor import check_notebooks
from codeagent_nb.errors import ModelRefused
from codeagent_nb.events import (
    AgentEvent,
    ApprovalEvent,
    BlockFinishedEvent,
    BlockOutputEvent,
    CodeRefusedEvent,
    FilesEvent,
    KernelStateEvent,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    RetryDecisionEvent,
    RunFinishedEvent,
    RunStartedEvent,
    TaskTurnedEvent,
    TextMessage,
    ThoughtEvent,
    ViewDetachedEvent,
)
from codeagent_nb.models.table import model_table
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.notebook.errors import AgentFailed
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from codeagent_nb.views.standard_streams import CleanStream
from kernel_executor import Append, BlockResult, CodeBlock, DeliveredFile, KernelStartError, Update
from kernel_executor.outputs.clean_text import STEERING, cleaned

ATTACKS = {
    "clear the screen": "\x1b[2J\x1b[H",
    "name the window": "\x1b]0;owned\x07",
    "fill the clipboard": "\x1b]52;c;ZXZpbA==\x1b\\",
    "link elsewhere": "\x1b]8;;http://evil.example\x1b\\bank.example\x1b]8;;\x1b\\",
    "a device string": "\x1bP+q544e\x1b\\",
    "eight-bit controls": "\x9b2J\x9d0;owned\x9c\x90q\x9c",
    "hide what follows": "\x1b[8m",
    "write over the line": "harmless\rrm -rf ~",
    "take letters back": "rm -rf ~\b\b\b\b\b\b\b\bls",
    "go up a line": "\x1b[1A\x1b[2K",
    "an escape alone": "\x1b",
    "turn the text": "\u202etxt.exe\u2066",
    "letters that nobody sees": "\U000e0065\U000e0076",
    "not to be encoded": "\udcff\ud800",
    "in two pieces": "\x1b\x1b[[2J",
}
TEXTS = st.lists(
    st.sampled_from([*ATTACKS.values(), "a", "[bold]", "[/]", "\n", "[link=http://e.example]x[/link]"])
).map("".join)


def assert_clean(text: str) -> None:
    assert not STEERING.search(text)
    assert not [char for char in text if "\ud800" <= char <= "\udfff"]


def printed(*what: Any, **how: Any) -> str:
    console = CleanConsole(file=io.StringIO(), width=60, **{"color_system": None, **how})
    for one in what:
        console.print(one)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(st.text() | TEXTS)
@settings(deadline=None)
def test_cleaning_leaves_nothing_that_steers_and_takes_nothing_else_away(text: str) -> None:
    assert_clean(cleaned(text))
    assert cleaned(cleaned(text)) == cleaned(text)
    plain = "".join(char for char in text if char.isascii() and (char.isprintable() or char in "\n\t"))
    assert cleaned(plain) == plain


@given(TEXTS)
@settings(deadline=None)
def test_everything_that_rich_can_show_is_cleaned(text: str) -> None:
    table = Table(title=Text(text))
    table.add_column(Text(text))
    table.add_row(Text(text))
    shown = (
        Text(text),
        Panel(Text(text), title=Text(text)),
        Markdown(text),
        Syntax(text, "python"),
        Rule(Text(text)),
        table,
    )
    assert_clean(printed(*shown))
    console = CleanConsole(file=io.StringIO(), width=60, color_system=None)
    console.print(text, markup=False)
    console.out(text)
    console.log(text, markup=False)
    console.print_json(data={"text": text})
    assert_clean(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_with_colours_only_our_own_colours_are_sent(attack: str) -> None:
    text = printed(Text(f"a{attack}b", style="bold red"), force_terminal=True, color_system="truecolor")
    assert "\x1b[" in text
    assert_clean(re.sub(r"\x1b\[[\d;]*m", "", text))
    assert "\x1b[8m" not in text


def test_a_link_says_where_it_leads() -> None:
    console = CleanConsole(file=io.StringIO(), width=80, force_terminal=True)
    view = ConsoleView(console)
    view.on_event(TextMessage(source="", content="see [your bank](http://evil.example/login)"))
    console.print("[link=http://evil.example]bank[/link]", Text("bank", style="link http://evil.example"))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "http://evil.example/login" in text
    assert "\x1b]8" not in text


def events(text: str) -> list[AgentEvent]:
    """Every kind of event with a text in every place that somebody else fills."""
    error = {"output_type": "error", "ename": text, "evalue": text, "traceback": [text, text]}
    picture = {"output_type": "display_data", "data": {f"image/{text}": "x", text: "y"}, "metadata": {}}
    plain = {"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}, "execution_count": 1}
    streams = [{"output_type": "stream", "name": name, "text": text} for name in ("stdout", "stderr", text)]
    block = CodeBlock(text, text)
    died = BlockResult(block=block, status="died", exit_code=137, outputs=(), note=text)
    failed = BlockResult(block=block, status="error", exit_code=1, outputs=(error,), note=text)
    usage = RequestUsage()
    return [
        RunStartedEvent(source="coder", model=text, isolation=text, max_retries_on_error=0),
        TextMessage(source="user", content=text),
        ThoughtEvent(source="coder", content=text),
        ModelClientStreamingChunkEvent(source="coder", content=text),
        *(
            BlockOutputEvent(source="executor", block_id="1", change=Append(output))
            for output in (error, picture, plain)
        ),
        *(BlockOutputEvent(source="executor", block_id="1", change=Append(output)) for output in streams),
        BlockOutputEvent(source="executor", block_id="1", change=Update("1", picture["data"], {})),
        LateOutputEvent(source="executor", block_id="1", change=Append(streams[0])),
        BlockFinishedEvent(source="executor", retry_attempt=0, block_id="1", result=died),
        BlockFinishedEvent(source="executor", retry_attempt=0, block_id="1", result=failed),
        CodeRefusedEvent(source="coder", retry_attempt=0, refused=(), reason=text, nothing_ran=True),
        ApprovalEvent(source="user", retry_attempt=0, approved=False, reason=text, code_blocks=()),
        RetryDecisionEvent(source="coder", retry_attempt=0, reason=text, retry=True),
        KernelStateEvent(source="executor", state="lost", reason=text, names=(text,)),
        FilesEvent(source="executor", delivered=(DeliveredFile(text, 1),), removed=(text,)),
        TaskTurnedEvent(source="user", state="undone", task=text, began=datetime.now(UTC), files=(text,)),
        ViewDetachedEvent(source="log", view=text, error=text),
        RunFinishedEvent(source="coder", status="error", reason=text, tries=1, duration=1, usage=usage),
    ]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_event_of_a_run_steers_the_terminal(attack: str) -> None:
    console = CleanConsole(file=io.StringIO(), width=80, color_system=None)
    view = ConsoleView(console)
    for event in events(f"a{attack}b".encode(errors="ignore").decode()):  # events hold no lone surrogates
        view.on_event(event)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert_clean(text)
    assert text.count("\n") > 15


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_neither_do_names_on_this_machine(attack: str, tmp_path: Path) -> None:
    folder = tmp_path / f"a{attack}b".replace("/", "_").replace("\ud800", "")
    folder.mkdir()
    finding = check_notebooks(folder)
    table = model_table({"CODEAGENT_MODEL": attack, "OPENAI_BASE_URL": attack})
    assert_clean(printed(table, Text(finding.detail), Text(str(folder))))


def test_a_progress_bar_says_what_it_does_and_no_more() -> None:
    console = CleanConsole(file=io.StringIO(), width=80, color_system=None)
    with Progress(console=console) as progress:
        progress.add_task("".join(ATTACKS.values()).replace("[", "("), total=1)
    assert_clean(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_our_errors_can_be_shown_by_anybody(attack: str) -> None:
    for error in (ModelRefused(attack), KernelStartError(attack), AgentFailed(attack)):
        assert_clean(str(error))
    assert_clean("".join(AgentFailed(attack)._render_traceback_()))


def test_standard_error_is_cleaned_whoever_writes_to_it() -> None:
    heard = io.StringIO()
    stream = CleanStream(heard)
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("codeagent_nb.test")
    logger.addHandler(handler)
    for attack in ATTACKS.values():
        logger.warning("told: %s", attack)
        stream.writelines([attack, "\n"])
        print(attack, file=stream)
    logger.removeHandler(handler)
    assert_clean(heard.getvalue())
    assert heard.getvalue().count("told:") == len(ATTACKS)
    assert not stream.isatty()


PROGRAM = r"""
import logging, sys, warnings
from codeagent_nb.views.standard_streams import clean_standard_error
clean_standard_error()
attack = "\x1b]52;c;ZXZpbA==\x07\x9b2J\rB\b\u202e"
warnings.warn(f"warned {attack}", UserWarning)
logging.getLogger("codeagent_nb").warning("logged %s", attack)
raise RuntimeError(f"raised {attack}")
"""


def test_warnings_log_records_and_tracebacks_of_the_command_line_are_cleaned() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False, timeout=110)
    text = done.stderr.decode()
    assert_clean(text)
    assert [word in text for word in ("warned ", "logged ", "RuntimeError: raised ")] == [True] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "x", "--sandbox", "a\x1b]0;owned\x07\x9b2Jb"],
        ["clean", "no\x1b[2J\rsuch\x9b1A.ipynb"],
        pytest.param(["--no-such\x1b]52;c;ZQ==\x07\x9b2J"], marks=pytest.mark.attacks),
    ],
    ids=["a wrong value", "a missing file", "a wrong option"],
)
def test_the_command_line_repeats_its_arguments_cleaned(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "codeagent_nb", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, timeout=110, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr
    assert_clean(done.stdout.decode() + done.stderr.decode())
