"""A session whose code runs on a Jupyter Server: files, variables, approval, what it tells, what it refuses by name."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from codeagent_nb.approval import ApprovalRequest, ApprovalResponse
from codeagent_nb.elsewhere.choice import ServerChoice, last_place
from codeagent_nb.errors import SessionError, VariableRefused
from codeagent_nb.events import ApprovalEvent, CodeExecutionEvent, RunFinishedEvent
from codeagent_nb.log.journal import load_journal
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.replay import ReplayChatCompletionClient
from codeagent_nb.session.finding import earlier_of, fork_of, sessions_in
from codeagent_nb.session.session import Session, SessionSettings, open_session
from codeagent_nb.session.variables import bring_variable
from kernel_executor import CodeBlock, RemoteKernelExecutor
from kernel_executor.remote.server import Token
from tests.support.command_line import python
from tests.support.jupyter_server import JupyterServer

pytestmark = pytest.mark.integration


def on(server: JupyterServer, folder: Path, **settings: Any) -> SessionSettings:
    choice = ServerChoice(url=server.url, token=Token(server.token), **settings)
    return SessionSettings(folder=folder, name="there", server=choice)


@pytest.fixture
async def session(server: JupyterServer, tmp_path: Path) -> AsyncIterator[Session]:
    async with open_session(on(server, tmp_path)) as session:
        yield session


def replying(*replies: str, **settings: Any) -> RunSettings:
    model = ReplayChatCompletionClient(list(replies))
    return RunSettings(model=model, **{"max_retries": 0, "approval": "never", **settings})


async def printed(session: Session, code: str) -> str:
    result = await session.run("Do it.", replying(python(code), "Done."))
    finished = [event for event in result.messages if isinstance(event, RunFinishedEvent)]
    assert finished[-1].status == "succeeded", finished
    [ran] = [event.result for event in result.messages if isinstance(event, CodeExecutionEvent)]
    return ran.output


async def test_journal_and_notebook_tell_where_the_code_ran(server: JupyterServer, session: Session) -> None:
    assert await printed(session, "print(6 * 7)") == "42"
    assert last_place(load_journal(session.journal)) == server.url
    notebook = nbformat.read(session.notebook, as_version=4)
    nbformat.validate(notebook)
    assert f"on {server.url}" in notebook.cells[-1].source, "the closing line"
    assert server.token not in session.journal.read_text() + session.notebook.read_text()


async def test_code_is_shown_first_and_what_isolates_it_is_not_claimed(server: JupyterServer, session: Session) -> None:
    asked: list[ApprovalRequest] = []

    async def ask(request: ApprovalRequest) -> ApprovalResponse:
        asked.append(request)
        return ApprovalResponse(approved=False, reason="not there", ends_run=True)

    result = await session.run("Do it.", replying(python("open('trace', 'w')"), approval="auto", ask=ask))
    assert [event.approved for event in result.messages if isinstance(event, ApprovalEvent)] == [False]
    assert asked[0].question.startswith(f"on {server.url}: what holds the code there cannot be seen from here.")
    assert not (server.root / "trace").exists()


async def test_files_of_a_task_are_copied_there_and_none_of_the_users_there_is_replaced(
    server: JupyterServer, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{tmp_path.name}.csv").write_text(f"a,{folder}\n1,2\n")
    file, other = (tmp_path / folder / f"{tmp_path.name}.csv" for folder in ("one", "two"))
    settings = replace(on(server, tmp_path / "work"), files=(file,))
    async with open_session(settings) as session:
        assert file.name in session.context, "the model reads what is in it"
        assert (await printed(session, f"print(open({file.name!r}).read())")).strip() == "a,one\n1,2"
        with pytest.raises(SessionError, match="holds another file named"):
            await session.bring([other])
        assert (server.root / file.name).read_text() == file.read_text()
    assert [path.name for path in (tmp_path / "work").iterdir() if not path.name.startswith(".")] == []


async def test_variables_are_copied_there(session: Session) -> None:
    await bring_variable(session, "df", pd.DataFrame({"a": [1, 2]}))
    await bring_variable(session, "names", {"x": [1]})
    assert await printed(session, "print(df.a.sum(), names)") == "3 {'x': [1]}"


async def test_files_that_code_makes_stay_there_until_they_are_asked_for(
    server: JupyterServer, session: Session
) -> None:
    await printed(session, "open('made.csv', 'w').write('x\\n1\\n')")
    assert not (session.folder / "made.csv").exists()
    taken = await session.take_files(["made.csv"])
    assert [file.name for file in taken.delivered] == ["made.csv"]
    assert (session.folder / "made.csv").read_text() == "x\n1\n"
    (session.folder / "made.csv").write_text("mine")
    again = await session.take_files(["made.csv", "nothing.csv"])
    assert again.delivered == ()
    assert "here already" in again.held[0].reason
    assert (session.folder / "made.csv").read_text() == "mine"


async def test_undo_and_redo_are_refused_by_name(session: Session) -> None:
    await printed(session, "kept = 1")
    for turn in (session.undo, session.redo):
        with pytest.raises(SessionError, match="undo, redo: kernels on a server have no checkpoints"):
            await turn()
    assert await printed(session, "print(kept)") == "1"


async def test_a_session_there_is_not_gone_on_with_and_it_is_said_what_is_needed(
    server: JupyterServer, tmp_path: Path
) -> None:
    async with open_session(on(server, tmp_path)) as session:
        await printed(session, "kept = 1")
        journal = session.journal.read_bytes()
    [found] = sessions_in(tmp_path)
    for earlier in (earlier_of(found), fork_of(found, 1)):
        for settings in (SessionSettings(folder=tmp_path), on(server, tmp_path)):
            with pytest.raises(SessionError, match=f"resume, fork, --continue: .*{server.url}"):
                async with open_session(settings, earlier=earlier):
                    pass
    assert session.journal.read_bytes() == journal
    assert len(sessions_in(tmp_path)) == 1, "no fork was left behind"


async def test_a_session_at_home_is_not_gone_on_with_there(server: JupyterServer, tmp_path: Path) -> None:
    async with open_session(SessionSettings(folder=tmp_path)) as session:
        await printed(session, "kept = 1")
    [found] = sessions_in(tmp_path)
    before = server.kernels()
    with pytest.raises(SessionError, match="runs again in a sandbox only"):
        async with open_session(on(server, tmp_path), earlier=earlier_of(found)):
            pass
    assert server.kernels() == before, "none was started"


async def test_a_kernel_that_runs_is_used_and_left_running(server: JupyterServer, tmp_path: Path) -> None:
    async with RemoteKernelExecutor(server=server.url, token=server.token) as mine:
        await mine.execute_code_blocks([CodeBlock("kept = 7")])
        async with open_session(on(server, tmp_path, kernel_id=mine.kernel_id)) as session:
            assert await printed(session, "print(kept)") == "7"
        assert mine.kernel_id in server.kernels()


async def test_variables_come_home_as_data_and_leave_no_file_there(session: Session) -> None:
    code = (
        "import pandas as pd\nclean, lock = pd.DataFrame({'a': [1, 2]}), __import__('threading').Lock()\n"
        "big = b'x' * 1_000_000\nimport tempfile\ntempfile.tempdir = tempfile.mkdtemp()\nimport os"
    )
    await printed(session, code)
    pd.testing.assert_frame_equal(await session.fetch("clean"), pd.DataFrame({"a": [1, 2]}))
    assert await session.fetch("big") == b"x" * 1_000_000
    with pytest.raises(VariableRefused, match="lock"):
        await session.fetch("lock")
    with pytest.raises(VariableRefused, match="limit"):
        await session.fetch("big", limit=1_000)
    assert await printed(session, "print(os.listdir(tempfile.tempdir))") == "[]"
