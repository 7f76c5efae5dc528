"""Makes the events of a conversation from the cells of a notebook: the way back from `notebook_cells.py`. Pure.

The notebook may be anybody's. Which cell is what, its own marks tell; they can make no more of it than words and code.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.projections.notebook_cell import SHELL
from codeagent_nb.rendering.nbformat_outputs import valid_count, valid_output
from codeagent_nb.text import fenced_exactly
from kernel_executor import BlockResult, CodeBlock, CodeResult, Output
from kernel_executor.text import as_text

HEADING = re.compile(r"\A## (?:Task|Result|Answer)\n+")
FACTS = re.compile(
    r"\n+\*\d+ (?:try|tries|steps)(?:, \d+ tries)? · [^\n]*\*(?:\n+\*New in the agent's kernel: [^\n]*\*)?\Z"
)
"""What closes an answer in a notebook of ours: tries, tokens, model, and variables that were new."""

NOT_COMPUTED = re.compile(r"\n+\*\*Not computed: [^\n]*\*\*\Z")
"""What we say below an answer: the model would take it for its own words."""

ASKS = re.compile(r"\A\s*%%agent\b[^\n]*\n?")
ABOUT_US = re.compile(r"^[ \t]*%(?:agent\b|(?:re)?load_ext\s+codeagent_nb\b|config\s+CodeAgent\b).*$", re.MULTILINE)


@dataclass(slots=True)
class ConversationOfCells:
    """Makes events of cells, one after another; a cell of any shape may raise what reading one can.

    Args:
        agent: Who answered.
        untold: The task of what stands there before any.
    """

    agent: str
    untold: str
    is_running: bool = False
    outcome: events.RunStatus = "answered"
    count: int = 0

    def take(self, cell: Mapping[str, Any]) -> Iterator[AgentEvent]:
        """Yield what a cell tells; one of a task that was taken back tells nothing: what it made is gone."""
        source = _joined(cell["source"] if cell["cell_type"] == "code" else cell.get("source", ""))
        about = _about(cell)
        kind = about["kind"] if isinstance(about.get("kind"), str) else ""
        if about.get("taken_back") is True:
            return
        if cell["cell_type"] == "code":
            yield from self._code(source, cell)
        elif cell["cell_type"] == "markdown" and source.strip():
            yield from self._words(source, kind)

    def _words(self, source: str, kind: str) -> Iterator[AgentEvent]:
        text = NOT_COMPUTED.sub("", FACTS.sub("", HEADING.sub("", source))).strip()
        if kind == "task":
            yield from self._begin(text)
        elif kind in {"reflection", "answer"} and self.is_running:
            yield self._reply(text, "reflect")
            yield from self.end_run()
        elif not kind:  # our own notes and quotes of what failed are no words of anybody's
            yield events.ContextEvent(source="notebook", content=text)

    def _code(self, source: str, cell: Mapping[str, Any]) -> Iterator[AgentEvent]:
        if asked := ASKS.match(source):
            if body := source[asked.end() :].strip():
                yield from self._begin(body)
            return
        code = ABOUT_US.sub("", source).strip("\n")
        if not code.strip():
            return
        if not self.is_running:
            yield from self._begin(self.untold)
        is_shell = code.startswith(SHELL)
        block = CodeBlock(code.removeprefix(SHELL), "bash" if is_shell else "python")
        outputs = tuple(valid_output(_in_text(each)) for each in cell.get("outputs") or () if isinstance(each, dict))
        yield from self._ran(block, outputs, valid_count(cell.get("execution_count")))

    def _ran(self, block: CodeBlock, outputs: tuple[Output, ...], count: int | None) -> Iterator[AgentEvent]:
        failed = next((output for output in outputs if output["output_type"] == "error" and not _is_exit(output)), None)
        self.count += 1
        self.outcome = "failed" if failed else "succeeded"
        key = f"notebook-{self.count}"
        result = BlockResult(
            block=block,
            status="error" if failed else "ok",
            exit_code=1 if failed else 0,
            outputs=outputs,
            execution_count=count,
            ename=failed["ename"] if failed else None,
            evalue=failed["evalue"] if failed else None,
        )
        yield self._reply(fenced_exactly(block.code, block.language), "generate")
        yield events.BlockStartedEvent(source="notebook", retry_attempt=0, block_id=key, block=block)
        yield events.BlockFinishedEvent(source="notebook", retry_attempt=0, block_id=key, result=result)
        whole = CodeResult(result.exit_code, as_text(outputs), (result,))
        yield events.CodeExecutionEvent(source=self.agent, retry_attempt=0, result=whole)

    def _reply(self, content: str, purpose: events.Purpose) -> events.ModelReplyEvent:
        return events.ModelReplyEvent(
            source=self.agent,
            purpose=purpose,
            content=content,
            finish_reason="stop",
            duration=0.0,
        )

    def _begin(self, task: str) -> Iterator[AgentEvent]:
        yield from self.end_run()
        self.is_running, self.outcome = True, "answered"
        yield events.TextMessage(source="user", content=task)
        yield events.RunStartedEvent(source=self.agent, model="", isolation="", max_retries_on_error=0)

    def end_run(self) -> Iterator[AgentEvent]:
        """Yield the end of what is running."""
        if self.is_running:
            self.is_running = False
            yield events.RunFinishedEvent(source=self.agent, status=self.outcome, reason="", tries=1, duration=0.0)


def _is_exit(error: Output) -> bool:
    """Return whether code has left by `sys.exit(0)`, and so has ended well."""
    return error["ename"] == "SystemExit" and error["evalue"] in {"", "0", "None"}


def _about(cell: Mapping[str, Any]) -> dict[str, Any]:
    return _dict(_dict(cell.get("metadata")).get("codeagent"))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _in_text(output: Output) -> Output:
    """Return an output with its texts as texts, which a file holds as lists of lines."""
    data = output.get("data")
    given = {**output, "text": _joined(output.get("text", ""))} if "text" in output else output
    if not isinstance(data, dict):
        return given
    return {
        **given,
        "data": {
            mime: _joined(value) if isinstance(value, list) and mime.startswith("text/") else value
            for mime, value in data.items()
        },
    }


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)
