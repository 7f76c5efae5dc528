"""The union of events: closed, and each event survives being written and read."""

import json
from datetime import UTC
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from codeagent_nb import events
from codeagent_nb.events import EVENT, SEED_TYPES, AgentEvent, Event, TextMessage
from codeagent_nb.log.journal import JournalView, load_journal
from codeagent_nb.log.redaction import Redactor
from kernel_executor import Append, BlockResult, Clear, CodeBlock, CodeResult, Truncation, Update

KINDS: tuple[type[Event], ...] = get_args(get_args(AgentEvent)[0])

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
bundles = st.dictionaries(text, json_values, max_size=3)
outputs = st.one_of(
    st.fixed_dictionaries({"output_type": st.just("stream"), "name": st.just("stdout"), "text": text}),
    st.fixed_dictionaries({"output_type": st.just("display_data"), "data": bundles, "metadata": bundles}),
)
blocks = st.builds(CodeBlock, text, text)
truncations = st.builds(Truncation, st.integers(0), st.integers(0), st.integers(0))
block_results = st.builds(
    BlockResult,
    block=blocks,
    status=st.sampled_from(["ok", "error", "timeout", "interrupted", "died", "skipped", "refused", "unknown"]),
    exit_code=st.integers(0, 255),
    outputs=st.lists(outputs, max_size=2).map(tuple),
    traceback=st.lists(text, max_size=2).map(tuple),
    duration=st.floats(0, 1e6),
    truncated=truncations,
)
changes = st.one_of(
    st.builds(Append, outputs, st.none() | text),
    st.builds(Clear, st.booleans()),
    st.builds(Update, text, bundles, bundles),
)
for kind, strategy in {
    str: text,
    CodeBlock: blocks,
    BlockResult: block_results,
    CodeResult: st.builds(CodeResult, st.integers(0, 255), text, st.lists(block_results, max_size=2).map(tuple)),
    Append: st.builds(Append, outputs, st.none() | text),
    Clear: st.builds(Clear, st.booleans()),
    Update: st.builds(Update, text, bundles, bundles),
    float: st.floats(0, 1e9),
    events.Refusal: st.builds(events.Refusal, block=blocks, reason=text),
}.items():
    st.register_type_strategy(kind, strategy)  # type: ignore[arg-type]

any_event = st.one_of([st.builds(kind, created_at=st.datetimes(timezones=st.just(UTC))) for kind in KINDS])


@given(any_event)
def test_every_event_comes_back_from_json_as_it_was(event: AgentEvent) -> None:
    written = event.model_dump_json()
    assert EVENT.validate_json(written) == event
    assert EVENT.validate_python(json.loads(written)) == event


def test_each_type_is_written_once_and_named_like_its_class() -> None:
    types = [kind.model_fields["type"].default for kind in KINDS]
    assert types == [kind.__name__ for kind in KINDS]
    assert len(set(types)) == len(types)
    assert set(SEED_TYPES) < set(KINDS)


def test_every_event_class_is_in_the_union() -> None:
    assert set(Event.__subclasses__()) == set(KINDS)


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(ValidationError, match="NewEvent"):
        EVENT.validate_python({"type": "NewEvent", "source": "x"})


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="mood"):
        EVENT.validate_python({"type": "TextMessage", "source": "x", "content": "", "mood": "good"})


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TextMessage(source="x", content="y").content = "z"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [10, 150, 240, 300, 900])
def test_a_display_of_any_depth_can_be_journalled(levels: int, tmp_path: Path) -> None:
    output = {"output_type": "display_data", "data": {"application/json": nested(levels)}, "metadata": {}}
    event = events.BlockOutputEvent(source="executor", block_id="1", change=Append(output))
    kept = Redactor(()).event(event)
    journal = JournalView(tmp_path / "journal")
    journal.on_event(kept)
    journal.close()
    assert load_journal(tmp_path / "journal") == (kept,)


@pytest.mark.parametrize("broken", ["\ud800", "caf\udce9 price"])
def test_half_characters_become_a_mark(broken: str) -> None:
    kept = Redactor(()).event(TextMessage(source="user", content=broken))
    assert isinstance(kept, TextMessage)
    assert kept.content == broken.encode(errors="replace").decode()
    assert EVENT.validate_json(kept.model_dump_json()) == kept


def test_the_shape_of_every_event_is_pinned() -> None:
    """A field that changes its name makes old journals unreadable: then `SCHEMA_VERSION` is raised, too."""
    ours = {kind.__name__: sorted(set(kind.model_fields) - {"source", "created_at", "type"}) for kind in KINDS}
    assert ours == {
        "TextMessage": ["content", "metadata", "models_usage"],
        "HandoffMessage": ["content", "context", "metadata", "models_usage", "target"],
        "ThoughtEvent": ["content"],
        "ModelClientStreamingChunkEvent": ["content"],
        "CodeGenerationEvent": ["code_blocks", "content", "damage", "retry_attempt"],
        "CodeExecutionEvent": ["result", "retry_attempt"],
        "RunStartedEvent": ["host", "isolation", "max_retries_on_error", "model", "privacy", "schema_version"],
        "ContextEvent": ["content", "less", "told"],
        "MessageAddedEvent": ["message"],
        "VariableEvent": ["attached", "code", "description", "execution_count", "less", "name", "path"],
        "ModelRequestEvent": ["asking", "digest", "host", "purpose", "sizes"],
        "ModelReplyEvent": ["content", "cost", "duration", "estimate", "finish_reason", "purpose", "usage"],
        "CodeRefusedEvent": ["goes_on", "nothing_ran", "reason", "refused", "retry_attempt"],
        "ApprovalEvent": ["approved", "code_blocks", "edited", "ends_run", "reason", "retry_attempt"],
        "BlockStartedEvent": ["block", "block_id", "retry_attempt"],
        "BlockOutputEvent": ["block_id", "change"],
        "BlockFinishedEvent": ["block_id", "result", "retry_attempt"],
        "LateOutputEvent": ["block_id", "change"],
        "FilesEvent": ["delivered", "held", "more_held", "removed"],
        "NewVariablesEvent": ["variables"],
        "GivenCodeFinishedEvent": ["exit_code"],
        "ErrorExplainedEvent": ["content", "details", "less", "retry_attempt"],
        "KernelStateEvent": ["names", "reason", "state"],
        "TaskTurnedEvent": ["began", "files", "state", "task"],
        "RetryDecisionEvent": ["reason", "retry", "retry_attempt"],
        "NextStepEvent": ["step"],
        "AnswerQuestionedEvent": ["content", "reason"],
        "AnswerTracedEvent": ["numbers"],
        "ViewDetachedEvent": ["error", "view"],
        "RunFinishedEvent": ["cost", "duration", "reason", "sent", "status", "steps", "tries", "usage"],
    }
