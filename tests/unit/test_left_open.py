"""Figures that are left open: whatever a module of matplotlib holds, a cell goes on after it."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from kernel_executor.in_kernel.figures import LeftOpen


def module(**held: object) -> ModuleType:
    helpers = ModuleType("matplotlib._pylab_helpers")
    vars(helpers).update(held)
    return helpers


def fails() -> list[object]:
    raise RuntimeError("of a stub")


STUBS = {
    "half imported": (module(), ""),
    "an empty class": (module(Gcf=SimpleNamespace()), "AttributeError"),
    "a class that fails": (module(Gcf=SimpleNamespace(get_all_fig_managers=fails)), "of a stub"),
    "no figures": (module(Gcf=SimpleNamespace(get_all_fig_managers=list)), ""),
    "no list": (module(Gcf=SimpleNamespace(get_all_fig_managers=lambda: None)), "TypeError"),
}


@pytest.mark.parametrize(("stub", "told"), STUBS.values(), ids=STUBS)
def test_a_stub_of_matplotlib_raises_nothing(
    stub: ModuleType, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib._pylab_helpers", stub)
    LeftOpen().show()
    said = capsys.readouterr().err
    assert told in said if told else not said
