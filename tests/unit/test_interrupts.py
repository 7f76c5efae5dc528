"""Interrupts in a kernel: which moments of a request they reach."""

import threading

import pytest

from kernel_executor.in_kernel.interrupts import Interrupts


def test_the_signal_stops_code_that_runs() -> None:
    interrupts = Interrupts()
    interrupts.begin()
    with pytest.raises(KeyboardInterrupt):
        interrupts.handle()


def test_before_the_code_runs_it_is_kept_until_it_does() -> None:
    interrupts = Interrupts()
    interrupts.handle()
    with pytest.raises(KeyboardInterrupt):
        interrupts.begin()
    interrupts.begin()


def test_after_the_code_it_does_nothing_to_this_request_or_the_next() -> None:
    interrupts = Interrupts()
    interrupts.begin()
    interrupts.code_runs = False
    interrupts.handle()
    interrupts.expect()
    interrupts.begin()


def test_what_must_not_be_torn_is_not() -> None:
    interrupts = Interrupts()
    interrupts.begin()
    assert interrupts.hold()
    interrupts.handle()
    assert not interrupts.hold(), "who holds it already ends that"
    with pytest.raises(KeyboardInterrupt):
        interrupts.release()


def test_a_hold_after_the_code_has_run_raises_nothing() -> None:
    interrupts = Interrupts()
    assert interrupts.hold()
    interrupts.handle()
    interrupts.release()


def test_other_threads_hold_nothing() -> None:
    interrupts, held = Interrupts(), list[bool]()
    thread = threading.Thread(target=lambda: held.append(interrupts.hold()))
    thread.start()
    thread.join()
    assert held == [False]
