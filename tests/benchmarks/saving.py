"""Measure what saving costs a task in a long session, as a ratio to writing the file once."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from codeagent_nb.events import (
    AgentEvent,
    BlockFinishedEvent,
    BlockStartedEvent,
    CodeExecutionEvent,
    ModelReplyEvent,
    RunFinishedEvent,
    RunStartedEvent,
    TextMessage,
)
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.views.notebook_file import NotebookView
from kernel_executor import BlockResult, CodeBlock, CodeResult

TASKS = 200
CODE = "import pandas\n\nframe = pandas.read_csv('penguins.csv')\nprint(frame.groupby('species').mean())\n"
OUTPUT = {"output_type": "stream", "name": "stdout", "text": "species  body_mass\n" * 20}
USAGE = RequestUsage(prompt_tokens=900, completion_tokens=80)


def reply(purpose: str, content: str) -> ModelReplyEvent:
    """Return a whole reply."""
    return ModelReplyEvent(
        source="codeagent", purpose=purpose, content=content, finish_reason="stop", usage=USAGE, duration=1.0
    )


def task(number: int) -> Iterator[AgentEvent]:
    """Yield the events of a task that goes well."""
    block = CodeBlock(CODE)
    result = BlockResult(block=block, status="ok", exit_code=0, outputs=(OUTPUT,), execution_count=number)
    yield RunStartedEvent(source="codeagent", model="m", isolation="sandboxed", max_retries_on_error=3)
    yield TextMessage(source="user", content=f"Question {number}: what is the mean body mass?")
    yield reply("generate", f"```python\n{CODE}```")
    yield BlockStartedEvent(source="executor", retry_attempt=0, block_id=f"b{number}", block=block)
    yield BlockFinishedEvent(source="executor", retry_attempt=0, block_id=f"b{number}", result=result)
    yield CodeExecutionEvent(source="codeagent", retry_attempt=0, result=CodeResult(0, OUTPUT["text"], (result,)))
    yield reply("reflect", "The mean body mass of each species stands above. " * 5)
    yield RunFinishedEvent(source="codeagent", status="succeeded", reason="done", tries=1, usage=USAGE, duration=2.0)


def main() -> None:
    """Print what saving the first and the last tasks of a session took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "session.ipynb")
        view = NotebookView(path)
        times = []
        for number in range(1, TASKS + 1):
            began = time.perf_counter()
            for event in task(number):
                view.on_event(event)
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        path.write_bytes(path.read_bytes())
        once = time.perf_counter() - began
        for name, part in (("first", times[:20]), ("last", times[-20:])):
            cost = statistics.median(part)
            print(
                f"the {name} of {TASKS} tasks  {cost * 1e3:6.1f} ms a task  {cost / once:6.1f} x writing the file once"
            )


if __name__ == "__main__":
    main()
