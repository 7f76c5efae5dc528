"""Each library's state comes back right, or is refused with its reason; nothing hangs. `make libraries` runs this."""

from collections.abc import Callable

import pytest

from kernel_executor import KernelCodeExecutor
from tests.libraries import environment
from tests.libraries.case import Case, reason_of
from tests.libraries.cases import CASES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not environment.JUPYTER_PATH.exists(), reason="`make libraries` makes the environment"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_state(case: Case, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, str], None]) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(environment.JUPYTER_PATH))
    async with KernelCodeExecutor(kernel_name=environment.KERNEL, timeout=15) as executor:
        reason = await reason_of(case, executor)
    for name, value in (("what", case.name), ("room", case.room), ("reason", reason), ("note", case.note)):
        record_property(name, value)
    assert case.refused in reason if case.refused else not reason, reason
