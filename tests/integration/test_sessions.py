"""Sessions lie in `.codeagent/` and go on: after the kernel, the process and the machine were ended, and elsewhere."""

import asyncio
import errno
import os
import shutil
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codeagent_nb import ReplayChatCompletionClient, RunSettings
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.cli.continuing import go_on_from
from codeagent_nb.errors import AgentError, SessionError
from codeagent_nb.events import BlockFinishedEvent, KernelStateEvent, RunFinishedEvent
from codeagent_nb.log.journal import load_journal
from codeagent_nb.log.place import SessionPlace, _cannot, is_of, last_session_of, session_names
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.session.beginning import Earlier
from codeagent_nb.session.earlier import is_task
from codeagent_nb.session.finding import (
    delete_session,
    earlier_in_notebook,
    earlier_of,
    find_session,
    fork_of,
    rename_session,
    sessions_in,
)
from codeagent_nb.session.session import Session, SessionSettings, open_session
from codeagent_nb.session.variables import bring_variable
from codeagent_nb.views.notebook_file import NotebookView
from tests.support.notebooks import notebook_of

pytestmark = pytest.mark.integration

SECRET = "svc-7f3a91c4e0b2-very-secret"


def python(code: str) -> str:
    return f"```python\n{code}\n```"


async def work(session: Session, *codes: str) -> TaskResult:
    """Have the session solve one task a code; return the last result."""
    for code in codes:
        model = ReplayChatCompletionClient([python(code), "Done."])
        settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended)
        result = await session.run(f"Run {code}", settings)
    return result


def tasks(session: Session) -> list[str]:
    return [event.content for event in session.log.events if is_task(event)]


def said(result: TaskResult) -> str:
    return "\n".join(str(message) for message in result.messages)


def settings(folder: Path, **more: Any) -> SessionSettings:
    return SessionSettings(folder=folder, name="study", **more)


async def leave_session(folder: Path, *codes: str) -> str:
    """Have a session do something and end; return its name."""
    async with open_session(settings(folder)) as session:
        await work(session, *codes)
        return session.name


# Where things lie


async def test_nothing_appears_in_the_folder_but_what_the_code_made(tmp_path: Path) -> None:
    async with open_session(settings(tmp_path)) as session:
        await bring_variable(session, "it", [1, 2])
        await work(session, "open('result.csv', 'w').write('1')")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".codeagent", "result.csv"]
    inside = {str(path.relative_to(session.place.folder.path)) for path in session.place.folder.path.rglob("*")}
    assert inside == {"journal.jsonl", "session.ipynb", "data", "data/it.pickle"}
    ours = tmp_path / ".codeagent"
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [ours, *ours.rglob("*")]}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes


async def test_who_finds_the_folder_reads_there_what_it_is_and_git_leaves_it_out(tmp_path: Path) -> None:
    await leave_session(tmp_path, "1")
    text = (tmp_path / ".codeagent" / ".gitignore").read_text()
    assert "Deleting the folder .codeagent loses these sessions, and nothing else" in text
    assert text.splitlines()[-1] == "*"
    assert all(line.startswith("#") for line in text.splitlines()[:-1])
    if git := shutil.which("git"):
        for command in (["init", "-q"], ["status", "--porcelain", "-uall"]):
            process = await asyncio.create_subprocess_exec(
                git, *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, env={"HOME": str(tmp_path)}
            )
            out, _ = await process.communicate()
        assert out == b""


async def test_a_session_in_which_nothing_happened_leaves_nothing(tmp_path: Path) -> None:
    async with open_session(settings(tmp_path)):
        pass
    assert list((tmp_path / ".codeagent" / "sessions").iterdir()) == []


@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])
async def test_code_sees_of_the_folder_only_the_variables_it_was_given(tmp_path: Path, sandbox: Any) -> None:
    other = await leave_session(tmp_path, "print('private words')")
    look = """\
import os
found = []
for top in ('.codeagent', '/codeagent/folder/.codeagent', os.path.abspath('.codeagent')):
    for folder, _, names in os.walk(top, followlinks=True):
        found += [name for name in names]
print(sorted(set(found)))
for path in PATHS:
    try:
        print('read', open(path).read())
    except OSError:
        print('not there')"""
    path = tmp_path / ".codeagent" / "sessions" / other / "journal.jsonl"
    paths = [str(path), f"/codeagent/folder/{path.relative_to(tmp_path)}", str(path.relative_to(tmp_path))]
    async with open_session(settings(tmp_path, sandbox=sandbox)) as session:
        assert session.executor.isolation.mechanism == sandbox
        await bring_variable(session, "it", [1, 2])
        result = await work(session, look.replace("PATHS", repr(paths)))
    shown = said(result)
    assert "['it.pickle']" in shown
    assert shown.count("not there\\nnot there\\nnot there") >= 1
    assert "read" not in [line.split()[0] for line in shown.splitlines() if line]


async def test_what_code_puts_into_the_folder_is_never_delivered(tmp_path: Path) -> None:
    write = "import os\nos.makedirs('.codeagent/sessions/x', exist_ok=True)\n"
    write += "open('.codeagent/sessions/x/journal.jsonl', 'w').write('{}')"
    async with open_session(settings(tmp_path)) as session:
        await work(session, write)
        held = [file.name for file in session.executor.held_files]
        await session.take_files(held)
    assert not (tmp_path / ".codeagent" / "sessions" / "x").exists()


async def test_what_is_saved_elsewhere_runs_where_it_lies_without_the_folder(tmp_path: Path) -> None:
    agent = NotebookAgent("study", {})
    async with open_session(settings(tmp_path)) as session:
        agent.session = session
        await bring_variable(session, "it", [1, 2])
        await work(session, "print(sum(it))")
        agent.save(tmp_path / "visible.ipynb")
        agent.session = None
    shutil.rmtree(tmp_path / ".codeagent")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["visible.data", "visible.ipynb"]
    await run_all(tmp_path / "visible.ipynb", "3")


async def test_what_is_saved_loads_no_variables_of_a_notebook_that_had_its_name(tmp_path: Path) -> None:
    """The file that lay there stayed, and the new notebook loaded that."""
    agent = NotebookAgent("study", {})
    (tmp_path / "visible.data").mkdir()
    (tmp_path / "visible.data" / "it.pickle").write_bytes(b"of another notebook")
    async with open_session(settings(tmp_path)) as session:
        agent.session = session
        await bring_variable(session, "it", [1, 2])
        with pytest.raises(AgentError, match=r"visible\.data' exists already"):
            agent.save(tmp_path / "visible.ipynb")
        agent.session = None
    assert not (tmp_path / "visible.ipynb").exists()


async def run_all(path: Path, shown: str) -> None:
    from nbclient import NotebookClient

    saved = nbformat.read(path, as_version=4)
    nbformat.validate(saved)
    await NotebookClient(saved, timeout=60, resources={"metadata": {"path": str(path.parent)}}).async_execute()
    assert shown in str(saved)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of other users")
async def test_another_users_folder_in_a_shared_one_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".codeagent").mkdir(mode=0o700)
    os.chown(tmp_path / ".codeagent", 12_345, 12_345)
    await leave_session(tmp_path, "x = 1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".codeagent", f".codeagent-{os.getuid()}"]
    assert list((tmp_path / ".codeagent").iterdir()) == []
    async with open_session(settings(tmp_path), earlier=earlier_of(find_session(tmp_path, ""))) as session:
        assert await session.executor.evaluate("x") == "1"


# Locks


async def test_two_notebooks_in_one_folder_have_sessions_of_their_own(tmp_path: Path) -> None:
    async with open_session(settings(tmp_path)) as one, open_session(settings(tmp_path)) as two:
        assert one.name != two.name
        await asyncio.gather(work(one, "x = 'one'"), work(two, "x = 'two'"))
        results = await asyncio.gather(work(one, "print('x is', x)"), work(two, "print('x is', x)"))
        for session in (one, two):
            with pytest.raises(SessionError, match="another session writes to the journal"):
                async with open_session(settings(tmp_path), earlier=Earlier(name=session.name)):
                    pass
            with pytest.raises(SessionError, match="is open, here or in another notebook"):
                delete_session(find_session(tmp_path, session.name))
    assert ["x is one" in said(results[0]), "x is two" in said(results[1])] == [True, True]
    assert [len(one.tasks) for one in sessions_in(tmp_path)] == [2, 2]


# Going on


async def test_a_session_goes_on_with_its_conversation_and_its_variables(tmp_path: Path) -> None:
    async with open_session(settings(tmp_path)) as session:
        await bring_variable(session, "it", [1, 2])
        await work(session, "x = sum(it)", "y = x * 2\n1 / 0", "import json\ndef f(): return x + 1")
    async with open_session(settings(tmp_path), earlier=earlier_of(find_session(tmp_path, ""))) as again:
        assert (again.name, again.rebuilt.ran, again.rebuilt.missing) == (session.name, 3, ())
        assert await again.executor.evaluate("(f(), json.__name__, 'y' in globals())") == "(4, 'json', False)"
        result = await work(again, "print('f is', f())")
        assert "f is 4" in said(result)
        assert len(tasks(again)) == 4
    saved = nbformat.read(again.notebook, as_version=4)
    nbformat.validate(saved)
    assert saved == nbformat.from_dict(notebook_of(again.log.events, saved.metadata.language_info))


async def test_what_could_not_be_brought_back_is_named_to_all(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("7")
    await leave_session(tmp_path, "size = int(open('data.csv').read())", "other = 1")
    (tmp_path / "data.csv").unlink()
    async with open_session(settings(tmp_path), earlier=earlier_of(find_session(tmp_path, ""))) as session:
        assert (session.rebuilt.ran, session.rebuilt.missing) == (1, ("size",))
        assert "Not there any more: size (FileNotFoundError: " in str(session.rebuilt)
        model = ReplayChatCompletionClient(["There is none."])
        await session.run("Which?", RunSettings(model=model, ask=refuse_unattended))
        assert "These are gone; make again what you need of them: size." in str(model.create_calls[0].messages)
    assert "Not there any more: size" in session.notebook.read_text()


async def test_what_came_out_otherwise_is_told(tmp_path: Path) -> None:
    await leave_session(tmp_path, "import random", "r = random.random()\nprint(r)", "print(object())", "print(7)")
    async with open_session(settings(tmp_path), earlier=earlier_of(find_session(tmp_path, ""))) as session:
        assert (session.rebuilt.missing, session.rebuilt.otherwise) == ((), ("r",))
        assert str(session.rebuilt) == "4 cells of code ran again. Other than before, by what was shown: r."


async def test_bringing_back_changes_no_file_of_the_folder(tmp_path: Path) -> None:
    """A file that the code had made may have been changed or removed since: that is the user's word."""
    make = "for name in ('kept', 'changed', 'removed'): open(f'{name}.csv', 'w').write('old')"
    await leave_session(tmp_path, make, "text = open('removed.csv').read()")
    (tmp_path / "changed.csv").write_text("mine")
    (tmp_path / "removed.csv").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.csv")}
    async with open_session(settings(tmp_path), earlier=earlier_of(find_session(tmp_path, ""))) as session:
        await work(session, "print('text is', globals().get('text'))")
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.csv")} == before
    assert (tmp_path / "changed.csv").read_text() == "mine"


async def test_a_task_that_was_taken_back_stays_so(tmp_path: Path) -> None:
    async with open_session(settings(tmp_path)) as session:
        await work(session, "x = 1", "x = 2")
        await session.undo()
    async with open_session(settings(tmp_path), earlier=earlier_of(find_session(tmp_path, ""))) as again:
        assert await again.executor.evaluate("x") == "1"


async def test_a_session_goes_on_where_its_folder_was_moved_to(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    async with open_session(settings(tmp_path / "here")) as session:
        await bring_variable(session, "it", [1, 2])
        await work(session, "x = sum(it)")
    (tmp_path / "here").rename(tmp_path / "there")
    there = tmp_path / "there"
    async with open_session(settings(there), earlier=earlier_of(find_session(there, ""))) as again:
        assert await again.executor.evaluate("x") == "3"


async def test_a_fork_has_the_first_tasks_and_leaves_the_other_as_it_was(tmp_path: Path) -> None:
    async with open_session(settings(tmp_path)) as session:
        await bring_variable(session, "it", [1, 2])
        await work(session, "x = sum(it)", "x = 10", "x = 20")
    before = session.journal.read_bytes()
    found = find_session(tmp_path, "")
    async with open_session(settings(tmp_path), earlier=fork_of(found, 2)) as fork:
        assert fork.name != session.name
        assert await fork.executor.evaluate("(it, x)") == "([1, 2], 10)"
        await work(fork, "x += 1\nprint('x is', x)")
        assert len(tasks(fork)) == 3
    assert session.journal.read_bytes() == before
    with pytest.raises(SessionError, match="there is no task 4 in this session: it has 3 tasks"):
        fork_of(found, 4)


async def test_sessions_are_named_and_deleted(tmp_path: Path) -> None:
    await leave_session(tmp_path, "open('made.csv', 'w').write('1')")
    await leave_session(tmp_path, "2")
    rename_session(find_session(tmp_path, "2"), "the first one")
    assert find_session(tmp_path, "the first").tasks == ("Run open('made.csv', 'w').write('1')",)
    delete_session(find_session(tmp_path, "the first one"))
    assert [one.tasks for one in sessions_in(tmp_path)] == [("Run 2",)]
    assert (tmp_path / "made.csv").exists()


# From elsewhere


async def test_a_session_of_before_is_read_where_it_lies_and_stays(tmp_path: Path) -> None:
    """Three files beside the notebook, as they were until this version."""
    async with open_session(settings(tmp_path)) as session:
        await bring_variable(session, "it", [1, 2])
        await work(session, "x = sum(it)")
    old = tmp_path / "study-agent-20260101-120000-000.ipynb"
    old.with_suffix(".data").mkdir()
    shutil.copy(session.data / "it.pickle", old.with_suffix(".data"))
    lines = session.journal.read_text().replace(f".codeagent/sessions/{session.name}/data/", f"{old.stem}.data/")
    kept = [line.replace(f',"path":"{old.stem}.data/it.pickle"', "") for line in lines.splitlines(keepends=True)]
    old.with_suffix(".journal.jsonl").write_text("".join(kept))
    shutil.copy(session.notebook, old)
    shutil.rmtree(tmp_path / ".codeagent")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = find_session(tmp_path, "study-agent")
    assert (found.is_old, found.tasks) == (True, ("Run x = sum(it)",))
    async with open_session(settings(tmp_path), earlier=earlier_of(found)) as again:
        assert await again.executor.evaluate("(it, x)") == "([1, 2], 3)"
        await work(again, "x += 1")
    assert {path: path.read_bytes() for path in before} == before
    with pytest.raises(SessionError, match="lie beside your notebooks"):
        delete_session(found)


async def test_a_notebook_that_was_sent_goes_on_and_holds_no_secret_and_no_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", SECRET)
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    agent = NotebookAgent("study", {})
    async with open_session(settings(mine)) as session:
        agent.session = session
        await work(session, "x = 20\nprint('kept')", "y = x + 1\n1 / 0", "y = x * 2")
        model = ReplayChatCompletionClient(["Hello."])
        await session.run(f"Say hello with {SECRET}.", RunSettings(model=model, ask=refuse_unattended))
        system = model.create_calls[0].messages[0].content
        sent = agent.save(mine / "sent.ipynb")
        agent.session = None
    text = sent.read_text()
    assert SECRET not in text
    assert not any(line and line in text for line in system.splitlines() if len(line) > 30)
    shutil.copy(sent, theirs)
    past = earlier_in_notebook(theirs / "sent.ipynb")
    async with open_session(settings(theirs), earlier=past) as again:
        assert await again.executor.evaluate("(x, y)") == "(20, 40)"
        asked = ReplayChatCompletionClient([python("print('y is', y)"), "It is 40."])
        result = await again.run("Go on.", RunSettings(model=asked, ask=refuse_unattended))
        assert "y is 40" in said(result)
        assert "Run x = 20" in str(asked.create_calls[0].messages)
        assert len(tasks(again)) == 5
    nbformat.validate(nbformat.read(again.notebook, as_version=4))
    assert (theirs / "sent.ipynb").read_bytes() == sent.read_bytes()


async def test_a_run_that_was_killed_is_told_as_ended_when_the_session_goes_on(tmp_path: Path) -> None:
    name = await leave_session(tmp_path, "x = 1", "x = 2")
    journal = tmp_path / ".codeagent" / "sessions" / name / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if b'"type":"BlockFinishedEvent"' in line)
    journal.write_bytes(b"".join(lines[: last + 1]) + b'{"source": "exec')
    async with open_session(settings(tmp_path), earlier=Earlier(name=name)) as session:
        assert await session.executor.evaluate("x") == "1", "the second attempt has never ended"
        finished = [event.status for event in session.log.events if isinstance(event, RunFinishedEvent)]
        assert finished == ["succeeded", "error"]
        await work(session, "x += 1\nprint('x is', x)")
    statuses = [event.result.status for event in session.log.events if isinstance(event, BlockFinishedEvent)]
    assert statuses == ["ok", "ok", "ok"]
    assert not any(isinstance(event, KernelStateEvent) for event in session.log.events)


async def test_a_notebook_is_known_by_its_session_however_often_that_was_killed(tmp_path: Path) -> None:
    """The end of the killed run was in the notebook only: what went on after it went into ever new notebooks."""
    path = tmp_path / "study.ipynb"
    async with open_session(SessionSettings(notebook=path)) as session:
        await work(session, "x = 1")
    lines = session.journal.read_bytes().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if b'"type":"CodeExecutionEvent"' in line)
    session.journal.write_bytes(b"".join(lines[: last + 1]))
    NotebookView(path, load_journal(session.journal))  # as it was saved then
    for _ in range(2):
        how, past = go_on_from(str(path), SessionSettings())
        assert (how.notebook, past) == (path, Earlier(name=session.name))
        async with open_session(how, earlier=past) as again:
            await work(again, "x = 2")


async def test_the_session_that_is_offered_is_the_one_that_is_gone_on_with(tmp_path: Path) -> None:
    """The one that began last was offered, and the one that was worked on last was gone on with."""
    older, newer = await leave_session(tmp_path, "x = 1"), await leave_session(tmp_path, "x = 2")
    assert last_session_of(tmp_path, "study") == newer
    async with open_session(settings(tmp_path), earlier=Earlier(name=older)) as session:
        await work(session, "x += 1")
    assert find_session(tmp_path, "", "study").name == older
    assert last_session_of(tmp_path, "study") == older
    assert last_session_of(tmp_path, "stud") == ""


async def test_what_was_done_before_a_session_was_gone_on_with_is_not_denied(tmp_path: Path) -> None:
    name = await leave_session(tmp_path, "x = 1")
    async with open_session(settings(tmp_path), earlier=Earlier(name=name)) as session:
        with pytest.raises(SessionError, match="before the session was gone on with cannot be taken back"):
            await session.undo()


async def test_in_the_home_folder_sessions_are_found_where_their_code_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No code gets the home folder: a new one is made in it for each session."""
    monkeypatch.setenv("HOME", str(tmp_path))
    await leave_session(tmp_path, "x = 1")
    [found] = sessions_in(tmp_path)
    assert (found.tasks, found.work_dir.parent) == (("Run x = 1",), tmp_path)
    async with open_session(settings(found.work_dir), earlier=earlier_of(found)) as session:
        assert (session.folder, await session.executor.evaluate("x")) == (found.work_dir, "1")


def test_in_a_folder_without_sessions_it_is_said(tmp_path: Path) -> None:
    assert sessions_in(tmp_path) == []
    assert not list(tmp_path.iterdir()), "to look makes nothing"
    with pytest.raises(SessionError, match="there are no sessions in"):
        find_session(tmp_path, "")
    with pytest.raises(SessionError, match="cannot read"):
        earlier_in_notebook(tmp_path / "none.ipynb")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SessionError, match=r"sessions cannot be kept in '.*\.codeagent'") as refused:
            async with open_session(settings(tmp_path)):
                pass
        assert "Remove" not in str(refused.value), "there is nothing in the way"
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_is_no_reason_to_remove_the_sessions(tmp_path: Path) -> None:
    """So it was advised: all of them would have been gone."""
    said = str(_cannot(tmp_path / ".codeagent" / "sessions", OSError(errno.ENOSPC, "No space left on device")))
    assert said.endswith("No space left on device. Choose another folder (%config CodeAgent.folder, --out)")


@pytest.mark.parametrize("stem", ["\U00020000" * 60, "数" * 80, "ü" * 200, "x" * 250])
def test_a_notebook_with_any_name_has_sessions(tmp_path: Path, stem: str) -> None:
    """Sixty characters of four bytes made a name that no file system takes."""
    with closing(SessionPlace.make(tmp_path, stem)) as place:
        assert is_of(place.name, stem)
        assert session_names(tmp_path) == [place.name]
