"""What leaves at each level of privacy, at a server that records all it is sent: code tries to bring values out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb import OpenAIChatCompletionClient, TaskResult
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.events import CodeExecutionEvent, ContextEvent, ModelRequestEvent, RunFinishedEvent
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.privacy import Privacy
from codeagent_nb.notebook.last_cells import Told
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.tasks import Along, Place, Task
from codeagent_nb.prompt.ledger import OTHERWISE, request_text, sent_table
from tests.integration.scripted_server import ScriptedServer
from tests.support.canaries import Canaries, found_in
from tests.support.smuggling import BREAKS, FAILS, PRINTS, READ, TAMPERS

pytestmark = pytest.mark.integration

SEES = {"vision": True, "json_output": True, "structured_output": True, "family": "gpt-4.1"}

YES = '{"reason": "try again", "retry": true}'


class Recorded:
    """A notebook whose agent's model is a server that records what it is sent, and sends what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.server = ScriptedServer([])
        self.agent = NotebookAgent("study")
        self.folder = folder
        url = f"http://127.0.0.1:{self.server.http.server_port}/v1"
        self.model = OpenAIChatCompletionClient(
            "scripted",
            api_key="none",
            base_url=url,
            model_info=SEES,  # type: ignore[arg-type]
        )

    async def solve(
        self,
        replies: list[str],
        privacy: Privacy,
        *,
        text: str = "Describe the data.",
        files: tuple[Path, ...] = (),
        variables: dict[str, Any] | None = None,
        along: Along | None = None,
        **settings: Any,
    ) -> TaskResult:
        self.server.remaining += replies
        how = RunSettings(model=self.model, ask=refuse_unattended, privacy=privacy, **{"max_retries": 0, **settings})
        task = Task(text=text, settings=how, files=files, variables=variables or {}, along=along or Along())
        result = await self.agent.solve(task, Place(self.folder), views=lambda _: [])
        assert self.server.remaining == []
        return result

    def close(self) -> None:
        self.server.close()


@pytest.fixture
async def notebook(tmp_path: Path) -> AsyncIterator[Recorded]:
    recorded = Recorded(tmp_path)
    yield recorded
    await recorded.model.close()
    await recorded.agent.aclose()
    recorded.close()


def python(code: str) -> str:
    return f"```python\n{code}\n```"


def reading(name: str) -> str:
    kind = name.rpartition(".")[2]
    reader = {"tsv": "read_table", "jsonl": "read_json", "xlsx": "read_excel"}.get(kind, f"read_{kind}")
    return READ.format(read=f"pd.{reader}({name!r}{', lines=True' if kind == 'jsonl' else ''})")


Batch = tuple[tuple[Path, ...], dict[str, Any]]


def batches(canaries: Canaries, folder: Path, number: int, tables: int) -> Iterator[Batch]:
    """Yield so many batches of tables: files of all kinds, variables, and the others in one database each."""
    for batch in range(number):
        files = [canaries.file(folder, at) for at in range(batch * 12, batch * 12 + 12)]
        variables = {f"given{batch}_{at}": canaries.table() for at in range(4)}
        rest = canaries.database(folder, f"rest{batch}", tables - 16)
        yield (*files, rest), variables


async def test_nothing_that_code_does_brings_a_value_of_200_tables_to_a_model_at_schema(
    notebook: Recorded, tmp_path: Path
) -> None:
    canaries, elsewhere = Canaries(19), tmp_path / "elsewhere"
    elsewhere.mkdir()
    works, fails = list(PRINTS.values()), list(FAILS.values())
    shown = []
    for at, (files, variables) in enumerate(batches(canaries, elsewhere, 5, 40)):
        begin = reading(files[0].name)
        tried = [python(f"{begin}{code}") for code in fails[at * 4 : at * 4 + 4]]
        good = python("\n".join([begin, *works[at * 4 : at * 4 + 4]]))
        decided = [each for reply in tried for each in (reply, YES)]
        by_model: Any = {"retry_by": "model", "max_retries": 4}
        result = await notebook.solve([*decided, good], "schema", files=files, variables=variables, **by_model)
        [end] = [event for event in result.messages if isinstance(event, RunFinishedEvent)]
        assert (end.status, end.tries) == ("succeeded", len(tried) + 1)
        shown.append(result.messages[-1].content)
    await asyncio.sleep(0.5)  # what code prints later
    for at, change in enumerate((TAMPERS, BREAKS), start=90):
        await notebook.solve([python(f"{begin}{change}")], "schema", text="Go on.")
        await notebook.solve([python("1")], "schema", text="And this?", files=(canaries.file(elsewhere, at),))
    requests = notebook.server.requests
    assert len(requests) > 2 * len(FAILS)
    assert "'name': str" in str(requests[0]["messages"])
    assert "'name': " in str(requests[-1]["messages"][-1])  # type: ignore[index]
    assert "KeyError: its message is not sent to you" in str(requests)
    assert found_in(requests, canaries.texts | canaries.others) == set()
    assert all(any(text in said for text in canaries.texts) for said in shown), "the user sees what code has shown"


async def test_at_rows_the_same_search_finds_them(notebook: Recorded, tmp_path: Path) -> None:
    canaries, elsewhere = Canaries(7), tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = canaries.file(elsewhere, 0)
    texts = canaries.texts
    for way in ("as it is", "backwards", "in hex", "in base64", "letter by letter"):
        notebook.server.requests.clear()
        await notebook.solve([python(reading(file.name) + PRINTS[way]), "Done."], "rows", files=(file,), text=way)
        said = [request["messages"][-1] for request in notebook.server.requests[-1:]]  # type: ignore[index]
        assert found_in(said, texts), way


async def test_at_statistics_neither_descriptions_nor_printed_tables_hold_a_text(
    notebook: Recorded, tmp_path: Path
) -> None:
    canaries, elsewhere = Canaries(23), tmp_path / "elsewhere"
    elsewhere.mkdir()
    for files, variables in batches(canaries, elsewhere, 1, 20):
        code = reading(files[0].name) + "print(df)\nprint(df.head(1))\nprint(df.iloc[0])\ndf\n"
        code += "display(df.head())\nprint(df.to_csv())\nprint(df.groupby('group').size())\n"
        code += "print('Rows:', len(df))\nprint('Mean amount:', 17.25)"
        await notebook.solve([python(code), "It is shown above."], "statistics", files=files, variables=variables)
    sent = "".join(map(str, notebook.server.requests))
    assert found_in(notebook.server.requests, canaries.texts) == set()
    assert "Mean amount: 17.25" in sent, "numbers with labels are sent"
    assert "6 different texts" in sent


async def test_what_was_done_at_rows_is_not_sent_at_schema(notebook: Recorded, tmp_path: Path) -> None:
    canaries, elsewhere = Canaries(5), tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = canaries.file(elsewhere, 0)
    name = next(iter(canaries.texts))
    code = reading(file.name) + "print(df)"
    await notebook.solve(
        [
            python(code),
            f"It is {name}.",
        ],
        "rows",
        files=(file,),
    )
    await notebook.solve([python(f"{code}; print('{name}'); 1 / 0"), f"It is {name}."], "rows", text="Again.")
    assert found_in(notebook.server.requests, canaries.texts)
    notebook.server.requests.clear()
    await notebook.solve([python("print(df)")], "schema", text="And now?")
    assert found_in(notebook.server.requests, canaries.texts | canaries.others) == set()
    assert "'name': str" in str(notebook.server.requests), "the file is described for this level, too"


async def test_the_ledger_shows_each_request_as_it_was_sent(notebook: Recorded, tmp_path: Path) -> None:
    canaries, elsewhere = Canaries(3), tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = canaries.file(elsewhere, 0)
    code = python(reading(file.name) + "print('Rows:', len(df))")
    for privacy in ("rows", "statistics", "schema"):
        replies = [python("1 / 0"), code, *(["Six."] if privacy != "schema" else [])]
        result = await notebook.solve(replies, privacy, files=(file,), text=f"At {privacy}.", max_retries=1)
        [end] = [event for event in result.messages if isinstance(event, RunFinishedEvent)]
        assert end.sent == ("" if privacy == "rows" else f"{privacy} only to this machine")
    log = notebook.agent.events
    requests = [event for event in log if isinstance(event, ModelRequestEvent)]
    assert len(requests) == len(notebook.server.requests) == 8
    for number, body in enumerate(notebook.server.requests, start=1):
        text = request_text(log, number)
        assert not text.startswith(OTHERWISE)
        messages: Any = body["messages"]
        assert all(message["content"] in text for message in messages)
        assert sum(requests[number - 1].sizes.values()) == sum(len(each["content"].encode()) for each in messages)
    assert "8 requests to this machine" in sent_table(log, "%agent sent")


async def test_a_failed_request_is_in_the_ledger_too(notebook: Recorded) -> None:
    notebook.server.complaint = "x"
    with pytest.raises(Exception, match="refused"):
        await notebook.solve([], "statistics")
    assert "1 request to this machine" in sent_table(notebook.agent.events, "%agent sent")


async def test_at_schema_the_model_is_not_asked_for_closing_words(notebook: Recorded) -> None:
    result = await notebook.solve([python("print('Heaviest:', 4711)")], "schema")
    assert "Heaviest: 4711" in result.messages[-1].content
    [run] = [event.result for event in result.messages if isinstance(event, CodeExecutionEvent)]
    assert run.output.strip() == "Heaviest: 4711"


@pytest.mark.parametrize("privacy", ["statistics", "schema"])
async def test_of_a_file_that_a_task_names_the_level_is_told_and_nothing_of_other_files_or_cells(
    notebook: Recorded, tmp_path: Path, privacy: Privacy
) -> None:
    canaries = Canaries(13)
    canaries.file(tmp_path, 0).rename(tmp_path / "sales.csv")
    (tmp_path / "Kx7QzPq8.csv").write_text("Kx7QzPq8\n1\n")
    reply = "It has six columns."
    cells = Told("The user's last cell:\nx = 'Kx7QzPq8'", "Told the model your last cell")
    await notebook.solve([reply], privacy, text="Which columns has sales.csv? See my cell.", along=Along(cells=cells))
    await notebook.solve([reply], privacy, text="And now?")
    assert found_in(notebook.server.requests, canaries.texts | {"Kx7QzPq8"}) == set()
    assert "- 'name': str" in str(notebook.server.requests[0])
    assert not any(getattr(event, "told", "") for event in notebook.agent.events), "nothing is said that is not so"


async def test_of_cells_that_a_task_speaks_of_the_code_is_told_at_statistics(notebook: Recorded) -> None:
    note = "Told the model your last cell and its error"
    cells = Told("CELL and its error: Kx7QzPq8", note, "CELL. It ended with KeyError.")
    await notebook.solve(["It is a typo."], "statistics", text="Why does this fail?", along=Along(cells=cells))
    assert "CELL. It ended with KeyError." in str(notebook.server.requests[0])
    assert "Kx7QzPq8" not in str(notebook.server.requests)
    told = [event.told for event in notebook.agent.events if isinstance(event, ContextEvent)]
    assert note in told


async def test_a_file_that_code_has_made_is_not_described_because_a_task_names_it(
    notebook: Recorded, tmp_path: Path
) -> None:
    await notebook.solve([python("open('sales.csv', 'w').write('Kx7QzPq8\\n1\\n')")], "schema", text="Save.")
    assert (tmp_path / "sales.csv").exists()
    await notebook.solve(["Yes."], "schema", text="What is in sales.csv?")
    assert found_in([notebook.server.requests[-1]["messages"][-1]], {"Kx7QzPq8"}) == set()  # type: ignore[index]
    assert "File 'sales.csv'" not in str(notebook.server.requests[-1])
