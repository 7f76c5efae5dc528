"""Code tries to use what its user brings home: none of it runs, none of it reads what it could not, all is told."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from kernel_executor import CodeBlock, KernelCodeExecutor, LocalCommandLineCodeExecutor, NotFetched
from kernel_executor.fetching import fetch as fetching, helper
from tests.support.hostile_parcels import ENDLESS, HOSTILE

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SECRET = "what only the user can read"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KernelCodeExecutor]:
    folder = tmp_path_factory.mktemp("work")
    (folder / "data.txt").write_text("the user's")
    async with KernelCodeExecutor(work_dir=folder, timeout=60) as executor:
        yield executor


async def run(executor: KernelCodeExecutor, code: str) -> None:
    result = await executor.execute_code_blocks([CodeBlock(code, "python")])
    assert result.exit_code == 0, result.output


async def is_well(executor: KernelCodeExecutor) -> bool:
    """Return whether variables come, and nothing was left behind of an attempt."""
    await run(executor, "import importlib, codeagent_kernel.packing as p\nimportlib.reload(p)\nfine = [1, 'two']")
    assert [path.name for path in executor.work_dir.iterdir()] == ["data.txt"]
    return bool((await executor.fetch("fine")).value == [1, "two"])


FAKED = """
import base64, codeagent_kernel.packing
def pack(name, path, limit):
    import os
    {does}
    return {says}
codeagent_kernel.packing.pack = pack
"""
DONE = "'{\"done\": true}'"


def faked(does: str, says: str = DONE) -> str:
    return FAKED.format(does=does.replace("\n", "\n    "), says=says)


def writes(parcel: bytes) -> str:
    return faked(f"open(path, 'wb').write(base64.b64decode({base64.b64encode(parcel).decode()!r}))")


FEW = (
    *("nothing", "a pickled array", "a compressed table", "a table of nothing, without end", "a kind named pickle"),
    *("texts outside of their bytes", "codes of no category", "a picture of 10,000 million pixels"),
)
"""The unit tests try all of them on what checks and reads them; these go the whole way, and all by `make attacks`."""

ALL = [
    pytest.param(name, marks=() if name in FEW else pytest.mark.attacks)
    for name in HOSTILE
    if name != "a million parts"
]


@pytest.mark.parametrize("name", ALL)
async def test_a_parcel_of_its_own_making_is_refused(kernel: KernelCodeExecutor, name: str, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    await run(kernel, writes(HOSTILE[name](str(marker))))
    with pytest.raises(NotFetched, match=r"`x` was not copied: .*not as it should be|more memory|too deeply"):
        await kernel.fetch("x", limit=25_000_000)
    assert not marker.exists()
    assert await is_well(kernel)


PLACES = {
    "a link to a file of the user's": "os.remove(path); os.symlink({secret!r}, path)",
    "a link to a device": "os.remove(path); os.symlink('/dev/zero', path)",
    "a link to itself": "os.remove(path); os.symlink(path, path)",
    "a hard link": "os.link(path, path + '2'); open(path, 'w').write('x')",
    "a pipe": "os.remove(path); os.mkfifo(path)",
    "a folder": "os.remove(path); os.mkdir(path)",
    "a socket": "import socket; os.remove(path); s = socket.socket(socket.AF_UNIX); s.bind(os.path.relpath(path))",
    "nothing": "os.remove(path)",
    "a terabyte of holes": "os.truncate(path, 1 << 40)",
    "a file that may not be read": "os.chmod(path, 0)",
}


@pytest.mark.parametrize("place", PLACES)
async def test_another_thing_in_the_place_of_its_file_is_not_read(
    kernel: KernelCodeExecutor, place: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    await run(kernel, faked(PLACES[place].format(secret=str(secret))))
    with pytest.raises(NotFetched) as said:
        await kernel.fetch("x")
    assert SECRET not in str(said.value)
    tidy = "import glob, os\nfor path in glob.glob('.codeagent-*'):\n"
    await run(kernel, f"{tidy}    (os.rmdir if os.path.isdir(path) else os.remove)(path)")
    assert await is_well(kernel)


ANSWERS = {
    "nothing": "None",
    "a long text": "'x' * 50_000_000",
    "another kind": "['done']",
    "no JSON": "'{'",
    "JSON without an end": "'[' * 9_000",
    "a size that is no number": """'{"large": "__import__(1)"}'""",
    "a refusal that steers a terminal": r"""'{"refused": "\\u001b]0;x\\u0007 \\u001b[2J"}'""",
    "an object that prints otherwise": "type('A', (), {'__repr__': lambda self: '__import__(1)'})()",
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_answer_that_it_makes_up_tells_nothing(kernel: KernelCodeExecutor, answer: str) -> None:
    await run(kernel, faked("pass", ANSWERS[answer]))
    with pytest.raises(NotFetched) as said:
        await kernel.fetch("x")
    assert len(str(said.value)) < 1_000
    assert "\x1b" not in str(said.value)
    assert await is_well(kernel)


NAMES = [
    "x; import os",
    "__import__('os')",
    "x.y",
    "x y",
    "",
    "1x",
    "class",
    "x" * 10_000_000,
    "\udc80",
    "a\nb",
    "../x",
    None,
    5,
    ["x"],
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:20])
async def test_a_name_is_that_of_a_variable_or_is_refused(kernel: KernelCodeExecutor, name: Any) -> None:
    with pytest.raises(NotFetched, match="not a valid variable name") as said:
        await kernel.fetch(name)
    assert len(str(said.value)) < 300


LIES = {
    "an object that says it is a number": (
        "class A:\n    __class__ = int\n    def __index__(self): return 1\nx = A()",
        "which is more than data",
    ),
    "a number with code": ("class A(int):\n    pass\nx = A(1)", "which is more than data"),
    "a dict with code": ("class A(dict):\n    def items(self): return 1 / 0\nx = A()", "which is more than data"),
    "a type with code": (
        "class T(type):\n    def __hash__(self): return 1 / 0\nclass A(metaclass=T): pass\nx = A()",
        "ZeroDivisionError",
    ),
    "a picture that fails": ("class A:\n    def _repr_png_(self): 1 / 0\nx = A()", "ZeroDivisionError"),
    "a picture that is none": ("class A:\n    def _repr_png_(self): return b'<script>'\nx = A()", "it is no PNG"),
    "a picture without an end": ("class A:\n    def _repr_png_(self): return bytes(2_000_000_000)\nx = A()", "limit"),
    "a table with objects": (
        "import pandas as pd\nclass A:\n    def __reduce__(self): return eval, ('1',)\nx = pd.DataFrame({'a': [A()]})",
        r"`x\['a'\]\[0\]`",
    ),
    "an object that writes elsewhere when it is packed": (
        "class A:\n    def _repr_svg_(self):\n        open('/etc/x', 'w')\nx = A()",
        "x",
    ),
    "a value that ends the kernel": (
        "import os\nclass A:\n    def _repr_png_(self): os._exit(3)\nx = A()",
        "did not say",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_value_that_is_more_than_it_seems_stays(kernel: KernelCodeExecutor, lie: str) -> None:
    code, said = LIES[lie]
    await run(kernel, code)
    with pytest.raises(NotFetched, match=said):
        await kernel.fetch("x")
    assert await is_well(kernel)


async def test_what_is_changed_while_it_is_read_is_refused_or_was_whole(kernel: KernelCodeExecutor) -> None:
    """A thread of its own changes the file all the time; what is read is what was checked, a copy nobody can change."""
    await run(
        kernel,
        "import threading, os, codeagent_kernel.packing as p\ntrue = p.pack\nvalues = list(range(50_000))\n"
        "def pack(name, path, limit):\n"
        "    said = true(name, path, limit)\n"
        "    held = os.open(path, os.O_RDWR)\n"
        "    def change():\n"
        "        for at in range(200_000):\n"
        "            os.pwrite(held, b'9', 64 + at % 100_000)\n"
        "    threading.Thread(target=change, daemon=True).start()\n"
        "    return said\n"
        "p.pack = pack",
    )
    for _ in range(5):
        refused = ""
        try:
            value = (await kernel.fetch("values")).value
        except NotFetched as error:
            refused, value = str(error), []
        assert all(type(each) is int for each in value)
        assert "not as it should be" in refused or value
    assert await is_well(kernel)


async def test_a_value_without_end_is_given_up_and_costs_no_variable(
    kernel: KernelCodeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WRITING", 1.0)
    await run(kernel, "class A:\n    def _repr_png_(self):\n        while True: pass\nx, kept = A(), 5")
    with pytest.raises(NotFetched, match="took too long"):
        await kernel.fetch("x")
    assert (await kernel.fetch("kept")).value == 5


async def test_a_parcel_that_takes_forever_to_check_is_given_up(
    kernel: KernelCodeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "PATIENCE", 3.0)
    await run(kernel, f"{writes(ENDLESS)}")
    with pytest.raises(NotFetched, match=r"in time|time or memory"):
        await kernel.fetch("x")
    assert await is_well(kernel)


async def test_memory_that_a_value_takes_here_is_bounded(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = [[]] * 1_000_000")
    with pytest.raises(NotFetched, match="more memory"):
        await kernel.fetch("x", limit=6_000_000)
    assert await is_well(kernel)


async def test_what_checks_sees_nothing_of_the_users(kernel: KernelCodeExecutor, tmp_path: Path) -> None:
    """It is taken over here, as a library that is could be."""
    (tmp_path / "secret").write_text(SECRET)
    tried = (
        "import json, os, pathlib, socket, sys\nfound = {}\n"
        f"for name in ({str(tmp_path / 'secret')!r}, {str(kernel.work_dir / 'data.txt')!r}, '~/.bashrc'):\n"
        "    try: found[name] = pathlib.Path(name).expanduser().read_text()\n    except OSError: pass\n"
        "try: socket.create_connection(('127.0.0.1', 1), 1)\nexcept OSError as e: found['network'] = e.errno\n"
        "try: os.pwrite(int(sys.argv[1]), b'x', 0); found['parcel'] = 'written'\nexcept OSError: pass\n"
        f"try: open({str(Path(helper.__file__))!r}, 'a'); found['code'] = 'written'\nexcept OSError: pass\n"
        "print(json.dumps({'why_not': json.dumps(found)}))"
    )
    with fetching.private_file() as parcel, pytest.MonkeyPatch.context() as patch:
        patch.setattr(helper, "RUN", tried.replace("{", "{{").replace("}", "}}"))
        shown = fetching.read_only(parcel)
        async with helper.open_checker(shown, 1, "auto") as checker:
            found = json.loads(await checker.check())
        os.close(shown)
    assert found.keys() == {"network"}


async def test_scripts_have_nothing_to_bring() -> None:
    async with LocalCommandLineCodeExecutor() as executor:
        with pytest.raises(NotFetched, match="keep no variables"):
            await executor.fetch("x")


async def test_two_at_once_come_one_after_another(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "one, two = 1, 2")
    both = await asyncio.gather(kernel.fetch("one"), kernel.fetch("two"))
    assert [each.value for each in both] == [1, 2]


async def test_a_fetch_that_is_cancelled_leaves_nothing(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import time, os, codeagent_kernel.packing as p\ndef pack(*a): time.sleep(20)\np.pack = pack")
    fetch = asyncio.create_task(kernel.fetch("x"))
    await asyncio.sleep(1)
    fetch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetch
    assert await is_well(kernel)
    assert not list(kernel.stage_dir.glob(".codeagent*"))
