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
    interrupts, done = Interrupts(), list[str]()
    interrupts.begin()

    def send() -> None:
        with interrupts.held():
            interrupts.handle()
            with interrupts.held():
                interrupts.handle()
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        send()
    assert done == ["all of it"]


def test_holding_it_when_no_code_runs_raises_nothing() -> None:
    interrupts = Interrupts()
    with interrupts.held():
        interrupts.handle()


def test_what_is_ignored_stops_nothing_and_what_comes_later_does() -> None:
    interrupts = Interrupts()
    interrupts.begin()
    with interrupts.ignored():
        interrupts.handle()
    with interrupts.held():
        pass
    with pytest.raises(KeyboardInterrupt):
        interrupts.handle()


def test_other_threads_keep_nothing_back() -> None:
    interrupts = Interrupts()
    interrupts.begin()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with interrupts.held():
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(5)
    with pytest.raises(KeyboardInterrupt):
        interrupts.handle()
    leave.set()
    thread.join()
