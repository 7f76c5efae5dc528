"""What tasks may use, as a value that people write as a text. Knows nothing of what they have used. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from kernel_executor.sizes import read_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be used; None sets no limit.

    Args:
        tokens: Of prompts and replies.
        cost: US dollars, at list prices.
        seconds: That the model writes and code runs; the time in which a person is asked is not counted.
        executions: Times that code is run; all blocks of one reply are one.
        output_bytes: Bytes of what code shows.

    Raises:
        ValueError: One of them is not more than 0.
    """

    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    executions: int | None = None
    output_bytes: int | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and (isinstance(value, bool) or not 0 < value < math.inf):
                raise ValueError(f"{each.name} of a budget must be more than 0; it is {value!r}")

    def __bool__(self) -> bool:
        """Return whether it limits anything."""
        return self != Budget()

    @classmethod
    def read(cls, text: str) -> "Budget":
        """Return the budget that a text such as `tokens=20000, cost=0.50` asks for; empty limits nothing.

        Raises:
            ValueError: It names something else, or no number.
        """
        given: dict[str, Any] = {}
        for part in filter(str.strip, text.split(",")):
            name, _, value = (word.strip() for word in part.partition("="))
            if name not in READERS or not value:
                raise ValueError(
                    f"{part.strip()!r} is no budget; write NAME=VALUE with one of {', '.join(READERS)}, "
                    "e.g. tokens=20000, cost=0.50"
                )
            try:
                given[name] = READERS[name](value)
            except ValueError:
                raise ValueError(f"{name} must be a number, e.g. {EXAMPLES[name]}; it is {value!r}") from None
        return cls(**given)


NO_BUDGET = Budget()

READERS: Mapping[str, Callable[[str], float]] = {
    "tokens": int,
    "cost": lambda text: float(text.removeprefix("$")),
    "seconds": float,
    "executions": int,
    "output_bytes": read_size,
}
EXAMPLES = {
    "tokens": "tokens=20000",
    "cost": "cost=0.50",
    "seconds": "seconds=600",
    "executions": "executions=10",
    "output_bytes": "output_bytes=10MB",
}
