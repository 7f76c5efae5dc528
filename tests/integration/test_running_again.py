"""Code that an earlier executor ran runs again for its variables alone; a hidden folder is seen nowhere."""

import socket
from pathlib import Path

import pytest

from kernel_executor import CodeBlock, KernelCodeExecutor
from kernel_executor.sandbox.policy import SandboxMode

pytestmark = pytest.mark.integration

SANDBOXES = pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])

LOOK = """\
import os
for top in ('.ours', '/codeagent/folder/.ours', os.path.abspath('.ours'), PATH):
    for folder, _, names in os.walk(top, followlinks=True):
        for name in names:
            try:
                print(name, open(os.path.join(folder, name)).read())
            except OSError:
                pass
for path in (PATH + '/secret.txt', '/codeagent/folder/.ours/secret.txt', '.ours/secret.txt'):
    try:
        print('read', open(path).read())
    except OSError:
        pass"""


@SANDBOXES
@pytest.mark.parametrize("entries", [1, 2_100])
async def test_of_a_hidden_folder_only_what_is_readable_is_seen(
    tmp_path: Path, sandbox: SandboxMode, entries: int
) -> None:
    """With so many entries the stage stands beside the files, and the folder itself is mounted.

    In Landlock names can be listed, for a rule holds for all that is below.
    """
    ours = tmp_path / ".ours"
    (ours / "given").mkdir(parents=True)
    (ours / "secret.txt").write_text("words")
    (ours / "given" / "data.txt").write_text("data")
    for number in range(entries):
        (tmp_path / f"{number}.txt").touch()
    async with KernelCodeExecutor(
        work_dir=tmp_path, sandbox=sandbox, hidden=[ours], readable=[ours / "given"]
    ) as executor:
        result = await executor.execute_code_blocks([CodeBlock(LOOK.replace("PATH", repr(str(ours))))])
    assert result.exit_code == 0, result.output
    assert "data.txt data" in result.output
    assert "words" not in result.output


@SANDBOXES
async def test_a_hidden_folder_that_comes_later_is_hidden_from_the_next_kernel(
    tmp_path: Path, sandbox: SandboxMode
) -> None:
    ours = tmp_path / ".ours"
    async with KernelCodeExecutor(work_dir=tmp_path, sandbox=sandbox, hidden=[ours]) as executor:
        ours.mkdir()
        (ours / "secret.txt").write_text("words")
        await executor.restart()
        result = await executor.execute_code_blocks([CodeBlock(LOOK.replace("PATH", repr(str(ours))))])
    assert (result.exit_code, "words" in result.output) == (0, False), result.output


async def test_what_runs_again_delivers_nothing_and_what_fails_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    codes = [
        "x = 1\nopen('made.csv', 'w').write('made')",
        "y = open('made.csv').read()",
        "z = 1\n1 / 0",
        "import os\nos.remove('mine.csv')",
        "w = x + 1",
    ]
    async with KernelCodeExecutor(work_dir=tmp_path) as executor:
        results = await executor.execute_again([CodeBlock(code) for code in codes])
        assert [result.status for result in results] == ["ok", "ok", "error", "refused", "ok"]
        assert await executor.evaluate("(x, y, w, 'z' in globals())") == "(1, 'made', 2, False)"
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"mine.csv": "mine"}
        await executor.execute_code_blocks([CodeBlock("open('new.csv', 'w').write('new')")])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "new.csv"], "only what is new"
        assert [file.name for file in executor.held_files] == ["made.csv"]
        await executor.take_files(["made.csv"])
    assert (tmp_path / "made.csv").read_text() == "made"


async def test_what_runs_again_and_is_changed_then_is_delivered(tmp_path: Path) -> None:
    async with KernelCodeExecutor(work_dir=tmp_path) as executor:
        await executor.execute_again([CodeBlock("open('made.csv', 'w').write('made')")])
        await executor.execute_code_blocks([CodeBlock("open('made.csv', 'a').write(' more')")])
    assert (tmp_path / "made.csv").read_text() == "made more"


async def test_what_runs_again_reaches_nothing_of_the_network(tmp_path: Path, bubblewrap: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://localhost:{listener.getsockname()[1]}/"
        listener.settimeout(0)
        reach = CodeBlock(f"import urllib.request\nurllib.request.urlopen({address!r}, timeout=3)")
        network = [address.removeprefix("http://").rstrip("/")]
        async with KernelCodeExecutor(work_dir=tmp_path, network=network) as executor:
            [result] = await executor.execute_again([reach])
            assert result.status == "error"
            with pytest.raises(BlockingIOError):
                listener.accept()
            await executor.execute_code_blocks([reach])
            listener.accept()[0].close()
