"""The configurations that can be measured, by name: what is otherwise than a user has it. One line is one ablation.

`tests.evaluation.run --list` prints them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is changed; nothing of it is all defaults.

    Args:
        run: Arguments of `RunSettings`.
        session: Arguments of `SessionSettings`.
        agent: Arguments of `CodeExecutorAgent`.
        replaced: Attributes of modules, for what no setting turns off: `package.module.NAME` and its value.
        describes_file: Whether the model reads what is in the file, as with `run --file`; else only its name.
    """

    run: Mapping[str, Any] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, Any] = field(default_factory=dict)
    replaced: Mapping[str, Any] = field(default_factory=dict)
    describes_file: bool = True

    def __str__(self) -> str:
        """Say what is changed, for people."""
        groups = [getattr(self, each.name) for each in fields(self) if each.name != "describes_file"]
        said = [f"{name}={value!r}" for group in groups for name, value in group.items()]
        said += [] if self.describes_file else ["only the name of the file is told"]
        return ", ".join(said) or "all defaults"


CONFIGURATIONS: Mapping[str, Configuration] = {
    "default": Configuration(),
    "no-retries": Configuration(run={"max_retries": 0}),
    "repair-in-context": Configuration(run={"repairs_afresh": False}),
    "form-not-repeated": Configuration(replaced={"codeagent_nb.prompt.transcript.prescribed": lambda _: ""}),
    "model-decides": Configuration(run={"retry_by": "model"}),
    "answer-not-checked": Configuration(run={"checks_answer": False}),
    "no-description": Configuration(describes_file=False),
    "no-roll-back": Configuration(agent={"roll_back_failures": False}),
    "privacy-statistics": Configuration(run={"privacy": "statistics"}),
    "privacy-schema": Configuration(run={"privacy": "schema"}),
}
