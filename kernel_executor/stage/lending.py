"""Files of the user's that code may change because the user says so: once, or as long as the stage is there."""

from functools import partial

from kernel_executor.aio.tasks import in_thread
from kernel_executor.stage.mirror import Mirror
from kernel_executor.stage.outbox import Outbox


class Lending:
    """What of a folder is lent to code.

    Args:
        mirror: Shows the user's files.
        outbox: Delivers.
    """

    def __init__(self, mirror: Mirror, outbox: Outbox) -> None:
        self._mirror = mirror
        self._outbox = outbox
        self._lasting: dict[str, bool] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What is lent now."""
        return tuple(self._lasting)

    async def lend(self, name: str, *, lasting: bool) -> None:
        """Count a file of the user's as the agent's own: what code does to it is delivered, whatever its kind.

        Args:
            name: Its path in the user's folder.
            lasting: Whether for good, or until `end_call`.

        Raises:
            ValueError: It is no file of the user's that code has a copy of.
        """
        await in_thread(partial(self._mirror.lend, name))
        self._outbox.name_file(name)
        self._lasting[name] = self._lasting.get(name, False) or lasting

    def end_call(self) -> None:
        """Count what was lent for one call as the user's again."""
        for name in [name for name, lasting in self._lasting.items() if not lasting]:
            del self._lasting[name]
            self._mirror.take_back(name)
