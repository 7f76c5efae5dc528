"""Owns claims: values of an answer with the numbers of the sources that they could be. Pure."""

from dataclasses import dataclass, field

from codeagent_nb.tracing.sources import Stated
from codeagent_nb.tracing.values import Value


@dataclass(slots=True)
class Claim:
    """A value of an answer, and the numbers that it could come from.

    Args:
        value: The value.
        fits: Numbers of the sources that it could be.
        misnamed: Those of them that stand under another label.
        elsewhere: Numbers that it would be in another unit.
        is_in_wrong_unit: Whether its unit is wrong, whatever it was computed from.
        is_computed: Whether no source states it, and it was computed.
    """

    value: Value
    fits: list[Stated] = field(default_factory=list)
    misnamed: list[Stated] = field(default_factory=list)
    elsewhere: list[Stated] = field(default_factory=list)
    is_in_wrong_unit: bool = False
    is_computed: bool = False
