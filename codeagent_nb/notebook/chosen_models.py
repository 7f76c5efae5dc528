"""The models of one notebook: each started once, another one when the environment is another. Knows no IPython."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from codeagent_nb.models.choose import VARIABLES, choose_model, default_model
from codeagent_nb.models.types import ChatCompletionClient


@dataclass(frozen=True, slots=True)
class Choice:
    """What a model was chosen by.

    Args:
        name: The one asked for; empty looks at the environment.
        values: What stood there, by variable. They may be keys: they are compared, and shown nowhere.
    """

    name: str
    values: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, name: str, environment: Mapping[str, str]) -> "Choice":
        """Return what a choice now depends on."""
        return cls(name, tuple(environment.get(variable, "") for variable in VARIABLES))

    def differs_from(self, earlier: "Choice") -> Iterator[str]:
        """Yield what has become of each variable since an earlier choice."""
        for variable, was, value in zip(VARIABLES, earlier.values, self.values, strict=True):
            if was != value:
                yield f"{variable} {'is set' if not was else 'has changed' if value else 'is gone'}"


class ChosenFirst(Mapping[str, str]):
    """An environment behind what was chosen with buttons, until the environment itself says something new.

    Args:
        environment: As it changes.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._chosen: Mapping[str, str] = {}
        self._then = Choice.of("", environment)

    def put_first(self, chosen: Mapping[str, str]) -> None:
        """Put variables before those of the environment of now."""
        self._chosen = {**self._first(), **chosen}
        self._then = Choice.of("", self._environment)

    def put_last(self) -> None:
        """Take all of that back."""
        self._chosen = {}

    def _first(self) -> Mapping[str, str]:
        # What is said last counts: a key that was set after a click was not looked at.
        return self._chosen if Choice.of("", self._environment) == self._then else {}

    def __getitem__(self, name: str) -> str:
        first = self._first()
        return first[name] if name in first else self._environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._environment, **self._first()})

    def __len__(self) -> int:
        return len({**self._environment, **self._first()})


class ChosenModels:
    """The models that tasks of a notebook have been given to, and what is to be said when that changes.

    Args:
        environment: Where servers and keys are known from, as it changes.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._outer = environment
        self._chosen = ChosenFirst(environment)
        self.environment: Mapping[str, str] = self._chosen
        self._clients: dict[Choice, ChatCompletionClient] = {}
        self._last: dict[str, Choice] = {}

    def choose(self, name: str) -> tuple[ChatCompletionClient, str]:
        """Return the model of a name, and what is to be said before a task goes to it.

        A key may be set, or taken away, in mid-session: cells stayed on the embedded model without a word.

        Raises:
            NoModelConfigured: There is none; it says what to do.
            WeightsError: The embedded model is not here.
        """
        choice, last = Choice.of(name, self.environment), self._last.get(name)
        if choice not in self._clients:
            self._clients[choice] = choose_model(name or None, self.environment)
        self._last[name] = choice
        return self._clients[choice], "" if last in {None, choice} else self._change(last, choice)

    def use(self, chosen: Mapping[str, str]) -> None:
        """Put variables before those of the environment, until one that a model is chosen by changes there."""
        self._chosen.put_first(chosen)

    def follow_environment(self) -> None:
        """Take back what was put before the environment, unless there would be no model then."""
        if default_model(self._outer):
            self._chosen.put_last()

    def _change(self, last: Choice | None, choice: Choice) -> str:
        if last is None or last not in self._clients:
            return ""
        before, now = (where(self._clients[each]) for each in (last, choice))
        goes = f"The model is still {now}" if before == now else f"This task goes to {now}, no longer to {before}"
        return f"{', '.join(choice.differs_from(last))}. {goes}."

    def take_all(self) -> tuple[ChatCompletionClient, ...]:
        """Return all models, to be closed, and forget them."""
        clients = tuple(self._clients.values())
        self._clients, self._last = {}, {}
        return clients


def where(client: ChatCompletionClient) -> str:
    """Return a model for people."""
    return str(getattr(client, "where", type(client).__name__))
