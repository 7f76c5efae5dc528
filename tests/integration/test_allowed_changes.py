"""A person lets code change a file of theirs: once, or as long as the session lasts, and no longer."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.approval import ApprovalRequest, ApprovalResponse
from kernel_executor import CodeBlock, KernelCodeExecutor, LocalCommandLineCodeExecutor
from kernel_executor.types import BlockResult

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("bubblewrap")]

Executor = KernelCodeExecutor | LocalCommandLineCodeExecutor
KINDS: dict[str, Callable[..., Executor]] = {
    "kernel": KernelCodeExecutor,
    "landlock kernel": lambda **settings: KernelCodeExecutor(sandbox="landlock", **settings),
    "scripts": LocalCommandLineCodeExecutor,
}

CHANGE = "with open('penguins.csv', 'a') as file: file.write('new\\n')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "penguins.csv").write_text("old\n")
    (tmp_path / "tool.py").write_text("x = 1\n")
    (tmp_path / "inner").mkdir()
    return tmp_path


@pytest.fixture(params=KINDS)
async def executor(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Executor]:
    async with KINDS[request.param](work_dir=folder) as executor:
        yield executor


async def block(executor: Executor, code: str) -> BlockResult:
    return (await executor.execute_code_blocks([CodeBlock(code)])).blocks[-1]


def content(folder: Path) -> str:
    return (folder / "penguins.csv").read_text()


async def test_which_file_was_refused_is_known(executor: Executor, folder: Path) -> None:
    result = await block(executor, CHANGE)
    assert (result.status, result.unchanged) == ("refused", ("penguins.csv",))
    assert content(folder) == "old\n"


async def test_once_is_once(executor: Executor, folder: Path) -> None:
    await executor.allow_change("penguins.csv", lasting=False)
    assert (await block(executor, CHANGE)).status == "ok"
    assert content(folder) == "old\nnew\n"
    again = await block(executor, CHANGE)
    assert again.unchanged == ("penguins.csv",)
    assert content(folder) == "old\nnew\n"
    assert (await block(executor, "print(open('penguins.csv').read())")).outputs[0]["text"] == "old\nnew\n\n"


async def test_in_this_session_is_in_no_other(executor: Executor, folder: Path) -> None:
    await executor.allow_change("penguins.csv")
    assert "your files cannot be changed but for penguins.csv" in executor.isolation.summary
    for count in (1, 2):
        assert (await block(executor, CHANGE)).status == "ok"
        assert content(folder) == "old\n" + "new\n" * count
    async with KernelCodeExecutor(work_dir=folder) as other:
        assert (await block(other, CHANGE)).status == "refused"
    await executor.stop()
    async with KernelCodeExecutor(work_dir=folder) as later:
        assert (await block(later, CHANGE)).status == "refused"
    assert content(folder) == "old\nnew\nnew\n"


async def test_an_attempt_that_fails_changes_nothing(executor: Executor, folder: Path) -> None:
    await executor.allow_change("penguins.csv", lasting=False)
    await executor.execute_attempt([CodeBlock(CHANGE), CodeBlock("1 / 0")])
    assert content(folder) == "old\n"
    assert (await block(executor, "print(open('penguins.csv').read())")).outputs[0]["text"] == "old\n\n"
    assert (await block(executor, CHANGE)).status == "refused"


async def test_what_the_user_changes_meanwhile_is_not_overwritten(executor: Executor, folder: Path) -> None:
    await executor.allow_change("penguins.csv")
    (folder / "penguins.csv").write_text("the user's own, and longer\n")
    await block(executor, CHANGE)
    assert content(folder) == "the user's own, and longer\n"


async def test_what_may_be_changed_may_not_be_removed(executor: Executor, folder: Path) -> None:
    assert (await block(executor, "import os; os.remove('penguins.csv')")).unchanged == (), "nobody is asked for that"
    await executor.allow_change("penguins.csv")
    await block(executor, "import os; os.remove('penguins.csv')")
    assert content(folder) == "old\n"
    assert (await block(executor, CHANGE)).status == "ok"
    assert content(folder) == "old\nnew\n"


async def test_code_may_be_changed_and_a_file_keeps_its_rights(executor: Executor, folder: Path) -> None:
    (folder / "tool.py").chmod(0o750)
    await executor.allow_change("tool.py", lasting=False)
    assert (await block(executor, "open('tool.py', 'w').write('x = 2\\n')")).status == "ok"
    assert (folder / "tool.py").read_text() == "x = 2\n"
    assert (folder / "tool.py").stat().st_mode & 0o777 == 0o750


async def test_what_is_hidden_is_not_shown_by_being_allowed(folder: Path) -> None:
    (folder / "secret.env").write_text("KEY=1")
    async with KernelCodeExecutor(work_dir=folder, hidden=[folder / "secret.env"]) as executor:
        result = await block(executor, "open('secret.env', 'a').write('x')")
        assert result.unchanged == ()
        with pytest.raises(ValueError, match="is no file of the user's"):
            await executor.allow_change("secret.env")


async def test_a_file_of_two_names_stays_one_file(executor: Executor, folder: Path) -> None:
    (folder / "same.csv").hardlink_to(folder / "penguins.csv")
    with pytest.raises(ValueError, match="of one name"):
        await executor.allow_change("penguins.csv")


@pytest.mark.parametrize("name", ["nowhere.csv", "inner", "../penguins.csv", "/etc/passwd"])
async def test_what_is_no_file_of_the_folder_is_refused(executor: Executor, name: str) -> None:
    with pytest.raises(ValueError, match="is no file of the user's, of one name, that could be changed here"):
        await executor.allow_change(name)


async def test_without_a_sandbox_there_is_nothing_to_allow(folder: Path) -> None:
    async with KernelCodeExecutor(work_dir=folder, sandbox="none") as executor:
        with pytest.raises(ValueError, match="code is not kept from changing files here"):
            await executor.allow_change("penguins.csv")


@pytest.mark.parametrize(("answer", "after"), [("no", "old\n"), ("once", "old\nnew\n"), ("session", "old\nnew\n")])
async def test_a_person_is_asked(executor: Executor, folder: Path, answer: str, after: str) -> None:
    asked: list[ApprovalRequest] = []

    def ask(request: ApprovalRequest) -> ApprovalResponse:
        asked.append(request)
        return ApprovalResponse(approved=answer != "no", lasting=answer == "session")

    model = ReplayChatCompletionClient([f"```python\n{CHANGE}\n```", "Done.", "Done."])
    agent = CodeExecutorAgent("coder", executor, model_client=model, max_retries_on_error=1, retry_by="status", ask=ask)
    await agent.run(task="Add a row.")
    assert [request.question for request in asked] == [
        "The code wants to change penguins.csv, which is yours. Allow it?"
    ]
    assert content(folder) == after
    assert ((await block(executor, CHANGE)).status == "ok") == (answer == "session")
