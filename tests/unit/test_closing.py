"""The last words of a run: the model's, with what its code printed, and never a claim that nothing backs."""

from dataclasses import replace
from typing import Any

import pytest

from codeagent_nb.loop.effects import Outcome
from codeagent_nb.loop.final_message import closing_text
from kernel_executor import BlockResult, CodeBlock, CodeResult
from kernel_executor.replay import failing


def printed(text: str, *more: BlockResult) -> CodeResult:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    block = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=(output,) if text else ())
    return CodeResult(more[-1].exit_code if more else 0, text, (block, *more))


def close(status: Any, text: str, result: CodeResult | None = None) -> str:
    return closing_text(Outcome(status, text, tries=1, result=result))


def test_output_that_the_model_left_out_is_added() -> None:
    assert close("succeeded", "I have computed it.", printed("mean: 5.25\n")) == (
        "I have computed it.\n\nOutput of the code:\n\n```text\nmean: 5.25\n```"
    )


def test_output_that_the_model_repeated_is_not_added() -> None:
    assert close("succeeded", "The mean: 5.25 it is.", printed("mean: 5.25\n")) == "The mean: 5.25 it is."


@pytest.mark.parametrize(
    ("printed_text", "said"),
    [
        ("7", "There are 17 penguins."),
        ("0", "Of 100 rows"),
        ("0.0531", "It is 10.0531."),
        ("5", "It is 5.25."),
        ("5", "-5"),
    ],
)
def test_a_number_inside_another_is_not_the_one_that_was_printed(printed_text: str, said: str) -> None:
    assert f"```text\n{printed_text}\n```" in close("succeeded", said, printed(f"{printed_text}\n"))


def test_a_table_that_was_displayed_is_an_answer_too() -> None:
    table = {"output_type": "display_data", "data": {"text/plain": "a  1", "text/html": "<table>"}, "metadata": {}}
    block = BlockResult(block=CodeBlock("display(df)"), status="ok", exit_code=0, outputs=(table,))
    assert "a  1" in close("succeeded", "See above.", CodeResult(0, "a  1", (block,)))


def test_what_stopped_the_code_is_told_not_how_it_took_that() -> None:
    stopped = replace(failing("KeyboardInterrupt", ""), status="timeout", exit_code=124, note="Stopped after 5.0 s.")
    text = close("failed", "It took too long.", CodeResult(124, "", (stopped,)))
    assert text.startswith("No code succeeded; the last attempt ended with Stopped after 5.0 s.")


def test_long_output_is_cut_in_the_middle() -> None:
    text = close("succeeded", "Done.", printed("first\n" + "x" * 100_000 + "\nlast\n"))
    assert "first" in text
    assert "last" in text
    assert len(text) < 5_000


def test_output_with_a_fence_in_it_stays_in_its_own() -> None:
    assert "````text\n```\n````" in close("succeeded", "Done.", printed("```\n"))


def test_a_failed_run_says_so_before_the_model_speaks() -> None:
    text = close("failed", "The answer is 42.", CodeResult(1, "", (failing("KeyError", "'x'"),)))
    assert text.startswith("No code succeeded; the last attempt ended with KeyError: 'x'.")
    assert "The answer is 42." in text


def test_what_a_failed_run_printed_is_kept() -> None:
    assert "mean: 5.25" in close("failed", "It failed.", printed("mean: 5.25\n", failing()))


def test_a_refused_run_gives_no_answer() -> None:
    assert close("refused", "the reply was cut off") == "No code was run: the reply was cut off."


def test_a_run_refused_after_a_failure_does_not_claim_that_nothing_ran() -> None:
    text = close("refused", "the reply was cut off", printed("half: 1\n", failing("KeyError", "'x'")))
    assert text.startswith("No code succeeded; the last attempt ended with KeyError")
    assert "No other code was run: the reply was cut off." in text
    assert "half: 1" in text


@pytest.mark.parametrize(("reason", "said"), [("too risky", "too risky"), ("", "none given")])
def test_a_denial_is_said_with_its_reason(reason: str, said: str) -> None:
    assert close("denied", reason) == f"The code was not approved and did not run. Reason: {said}"


def test_silence_is_said_to_be_silence() -> None:
    assert close("succeeded", "", printed("")) == "The code ran and printed nothing."
    assert close("answered", "") == "The model said nothing, and no code was run."


def test_an_answer_in_words_is_left_as_it_is() -> None:
    assert close("answered", "Paris.\n") == "Paris."
