"""The terminal: tells a run as it happens, readable live and in a log. Knows rich; nothing of notebooks or kernels."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.markdown import Markdown
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.rendering.visible_code import ShownBlock, rows
from codeagent_nb.statuses import BLOCK_ENDS, RUN_ENDS
from codeagent_nb.text import (
    block_cause,
    brought_note,
    check_note,
    delivered_text,
    denial_note,
    held_text,
    own_frames,
    refusal_note,
    repair_note,
    retry_note,
    run_facts,
    state_note,
    turned_note,
    variables_text,
)
from codeagent_nb.views.clean_console import CleanConsole
from kernel_executor import Append, BlockResult, Output, Update
from kernel_executor.outputs.output_changes import OutputChange
from kernel_executor.text import as_text, cleaned, shorten

STREAM_SHOWN = 6_000  # characters of one block's output on the screen; the notebook has all

LAST_LINES = 6
"""Of a traceback in which no frame is known to be the code's own."""

COLOURED = 60_000  # characters of code; larger blocks are shown without colours


class ConsoleView:
    """Prints a run.

    Args:
        console: Where to; rich leaves colours out where they do not belong.
    """

    def __init__(self, console: CleanConsole) -> None:
        self._console = console
        self._streaming = False
        self._agent = ""
        self._shown = 0
        self._open_line = False
        self._told = False
        self._next_heading = "Thinking"

    def on_event(self, event: AgentEvent) -> None:
        """Print what there is to say about one event."""
        if isinstance(event, events.ModelClientStreamingChunkEvent):
            self._stream(event.content)
            return
        self._end_stream()
        if not (isinstance(event, events.BlockOutputEvent) and _is_text(event.change)):
            self._end_line()
        self._tell(event)

    def _stream(self, piece: str) -> None:
        if not self._streaming:
            self._heading(self._next_heading)
        self._streaming = self._told = True
        self._console.print(Text(cleaned(piece), style="dim"), end="", soft_wrap=True)

    def _end_stream(self) -> None:
        if self._streaming:
            self._console.print()
            self._streaming = False

    def _end_line(self) -> None:
        if self._open_line:
            self._console.print()
            self._open_line = False

    def _tell(self, event: AgentEvent) -> None:  # noqa: C901, PLR0912 - one line a kind of event
        match event:
            case events.RunStartedEvent():
                self._start(event)
            case events.TextMessage() | events.HandoffMessage() if event.source != self._agent:
                self._task(event.content)
            case events.TextMessage() if not self._told:
                self._console.print(Markdown(cleaned(event.content), hyperlinks=False))
            case events.ThoughtEvent():
                self._console.print(Text(shorten(cleaned(event.content), 500), style="dim italic"))
            case events.CodeGenerationEvent() if event.code_blocks:
                self._announce(event)
            case events.BlockStartedEvent():
                self._shown = 0
            case events.CodeExecutionEvent() | events.NextStepEvent():
                self._next_heading = _heading_after(event)
            case events.BlockOutputEvent(change=Append(output=output)):
                self._output(output)
            case events.BlockOutputEvent(change=Update(data=data)):
                self._output({"output_type": "display_data", "data": data, "metadata": {}})
            case events.BlockFinishedEvent():
                self._finish_block(event.result)
            case events.CodeRefusedEvent():
                self._warn(refusal_note(event))
            case events.ApprovalEvent():
                self._warn("Approved." if event.approved else denial_note(event.reason))
            case events.FilesEvent() | events.NewVariablesEvent() | events.ContextEvent():
                self._news(event)
            case events.RetryDecisionEvent():
                self._warn(retry_note(event))
            case events.AnswerQuestionedEvent() | events.AnswerTracedEvent() if note := check_note(event):
                self._warn(note)
            case events.KernelStateEvent() | events.TaskTurnedEvent() if note := _variables_note(event):
                self._warn(note)
            case events.ModelReplyEvent(finish_reason="length"):
                self._warn("The reply was cut off by the token limit.")
            case events.ViewDetachedEvent():
                self._warn(f"{event.view} stopped working: {event.error}")
            case events.RunFinishedEvent():
                self._end(event)

    def _task(self, text: str) -> None:
        self._console.print(Panel(Text(cleaned(text)), title="Task", title_align="left", border_style="cyan"))

    def _start(self, event: events.RunStartedEvent) -> None:
        self._agent = event.source
        style = "bold red" if event.isolation.startswith("NOT") else "yellow" if "://" in event.isolation else "green"
        self._console.print(Text.assemble(("model", "dim"), " ", cleaned(event.model)))
        self._console.print(Text.assemble(("kernel", "dim"), " ", (cleaned(event.isolation), style)))
        self._told = False
        self._next_heading = "Thinking"

    def _heading(self, text: str) -> None:
        self._console.print(Rule(text, align="left", style="dim"))

    def _announce(self, event: events.CodeGenerationEvent) -> None:
        self._heading(f"Attempt {event.retry_attempt + 1}: running the code")
        if event.damage:
            self._warn(f"{repair_note(event.damage)}.")

    def _warn(self, text: str) -> None:
        self._console.print(Text(f"▲ {cleaned(text)}", style="yellow"))

    def _note(self, text: str) -> None:
        self._console.print(Text(f"▣ {cleaned(text)}", style="green"))

    def _output(self, output: Output) -> None:
        match output["output_type"]:
            case "stream":
                # A progress bar begins its line again with \r; here it gets a new line, a log keeps them all.
                text = output["text"].replace("\r\n", "\n").replace("\r", "\n")
                self._print_stream(cleaned(text), "red" if output["name"] == "stderr" else "")
            case "error":
                self._console.print(Text(cleaned(_own_lines(output)), style="red"))
            case _:
                self._console.print(self._display(output), soft_wrap=True)

    def _print_stream(self, text: str, style: str) -> None:
        room = max(0, STREAM_SHOWN - self._shown)
        self._shown += len(text)
        self._console.print(Text(text[:room], style=style), end="", soft_wrap=True)
        if text[:room]:
            self._open_line = not text[:room].endswith("\n")
        if room and len(text) > room:
            self._warn("more output is in the notebook")

    def _display(self, output: Output) -> Text:
        if images := [mime for mime in output["data"] if mime.startswith("image/")]:
            return Text(f"▣ {images[0]}: see the notebook", style="magenta")
        return Text(shorten(cleaned(as_text([output]) or "[display]"), STREAM_SHOWN))

    def _finish_block(self, result: BlockResult) -> None:
        shown = BLOCK_ENDS[result.status].shown
        if result.status == "ok":
            took = (f"{shown.word} in {result.duration:.1f} s", "dim")
            self._console.print(Text.assemble((shown.mark, shown.style), " ", took))
            return
        what = block_cause(result)
        said = f"{shown.mark} {shown.word}: {cleaned(shorten(what, 400))}"
        self._console.print(Text(said, style=shown.style))
        if result.note and result.note != what:
            self._warn(result.note)

    def _news(self, event: events.FilesEvent | events.NewVariablesEvent | events.ContextEvent) -> None:
        if isinstance(event, events.FilesEvent):
            if saved := delivered_text(event):
                self._note(saved)
            if held := held_text(event):
                self._warn(held)
        elif said := brought_note(event) if isinstance(event, events.ContextEvent) else variables_text(event):
            self._note(said.replace("`", ""))

    def _end(self, event: events.RunFinishedEvent) -> None:
        end = RUN_ENDS[event.status]
        # A fault is raised as well, and whoever catches that says what it is.
        reason = end.reason if event.status == "error" else cleaned(event.reason)
        facts = (f"({', '.join(run_facts(event))})", "dim")
        self._console.print(Text.assemble((f"{end.shown.mark} {reason}", end.shown.style), " ", facts))


def _heading_after(event: events.CodeExecutionEvent | events.NextStepEvent) -> str:
    if isinstance(event, events.NextStepEvent):
        return f"Step {event.step}"
    return "Result" if event.result.exit_code == 0 else "Thinking"


def _variables_note(event: events.KernelStateEvent | events.TaskTurnedEvent) -> str:
    return state_note(event) if isinstance(event, events.KernelStateEvent) else turned_note(event)


def _own_lines(error: Output) -> str:
    """Return where in the code an error came from; pandas alone adds forty lines, which the notebook has."""
    whole = "\n".join(error["traceback"])
    return shorten("\n".join(own_frames(whole)) or "\n".join(whole.splitlines()[-LAST_LINES:]), STREAM_SHOWN)


def _is_text(change: OutputChange) -> bool:
    return isinstance(change, Append) and change.output["output_type"] == "stream"


def code_panel(block: ShownBlock) -> Panel:
    """Return code as it is shown before it runs: all of it, wrapped, and spelled out where it would not be seen."""
    notes = [Text(f"▲ {note}", style="bold red") for note in block.notes]
    return Panel(Group(*notes, _Code(block)), title=Text(block.title), title_align="left", border_style="blue")


@dataclass(frozen=True, slots=True)
class _Code:
    """Lines of code with their numbers, in as many rows as the width asks for; a row without a number goes on."""

    block: ShownBlock

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        digits = len(str(self.block.count))
        width = max(1, options.max_width - digits - 2)
        for line, text in zip(self.block.lines, _coloured(self.block), strict=True):
            for at, (start, end) in enumerate(rows(line, width)):
                label = "" if at else str(line.number)
                row = Text.assemble((f"{label:>{digits}}", "dim"), ("│ ", "dim"), text[start:end])
                row.overflow, row.no_wrap = "fold", False
                yield row


def _coloured(block: ShownBlock) -> list[Text]:
    """Return the lines with colours, unless the colouring would change a character of them."""
    plain = "\n".join(line.text for line in block.lines)
    language = block.title.split(" ")[0]
    text = Syntax("", language, background_color="default").highlight(plain) if len(plain) < COLOURED else Text(plain)
    text.right_crop(len(text.plain) - len(plain))
    lines = list((text if text.plain == plain else Text(plain)).split("\n", allow_blank=True))
    for line, shown in zip(block.lines, lines, strict=True):
        at = 0
        for part in line.parts:
            if part.spelled:
                shown.stylize("bold white on red", at, at + len(part.text))
            at += len(part.text)
    return lines
