"""Which blocks run again by themselves when a state comes back: those that plainly come to the same end."""

import pytest

from kernel_executor import BlockResult, CodeBlock
from kernel_executor.kernels.history import History
from kernel_executor.kernels.repeatable import comes_out_the_same


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "total = sum(n * n for n in range(100_000))",
        "items.append(3)",
        "def f(a, b=2):\n    return open(a)",
        "for n in range(3):\n    items.append(n)",
        "pairs = [(key, value) for key, value in table.items()]",
        "a, b = 1, 2",
        "if n in (1, 2):\n    n += 1",
        "print(x, len(items))",
    ],
)
def test_what_is_plain(code: str) -> None:
    assert comes_out_the_same(CodeBlock(code))


@pytest.mark.parametrize(
    "code",
    [
        "ids = list(map(make_id, range(3)))",
        "sent = [*map(send, [1, 2])]",
        "kept = list(filter(is_there, [1, 2]))",
        "best = max([1, 2], key=measure)",
        "best = sorted([1, 2], key=measure)",
        "pages = list(fetching)",
        "rows = [page for page in fetching]",
        "for page in fetching:\n    pages.append(page)",
        "first, *others = fetching",
        "print(*fetching)",
        "is_there = 3 in fetching",
        "items.extend(fetching)",
        "os.remove(path)",
        "table.insert({'a': 1})",
    ],
)
def test_a_function_that_is_handed_over_and_a_generator_may_do_anything(code: str) -> None:
    """They ran a second time, unasked: two letters for one, and other numbers than those that were said to be back."""
    assert not comes_out_the_same(CodeBlock(code))


@pytest.mark.parametrize("code", ["def len(x):\n    return uuid4()", "from rich import print", "from sh import *"])
def test_a_builtin_that_code_has_replaced_may_do_anything(code: str) -> None:
    history = History()
    for each in (code, "n = len('a')"):
        history.add(BlockResult(block=CodeBlock(each), status="ok", exit_code=0))
        history.end_call(well=True)
    assert not history.repeats(1)
