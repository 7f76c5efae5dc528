"""What happens to the outputs of blocks that have ended: which show a display, and what is new in any. Pure."""

from kernel_executor.outputs.fold import OutputFolder, OutputLimits
from kernel_executor.outputs.output_changes import Append, Clear, OutputChange, Update
from kernel_executor.types import Output

NEWS_KEPT = OutputLimits(head=20_000, tail=10_000, display=2_000_000, displays=4_000_000)
"""Of what comes of ended blocks until another one ends: it is told beside the outputs of that one."""

DISPLAYS_KNOWN = 2_000
BLOCKS_KNOWN = 16  # that show one display


class Displays:
    """Knows which blocks show the displays of an id, the newest of both."""

    def __init__(self) -> None:
        self._blocks: dict[str, dict[str, None]] = {}

    def note(self, display_id: str, block_id: str) -> None:
        """Know that a block shows a display."""
        blocks = self._blocks.setdefault(display_id, {})
        blocks[block_id] = None
        if len(blocks) > BLOCKS_KNOWN:
            del blocks[next(iter(blocks))]
        if len(self._blocks) > DISPLAYS_KNOWN:
            del self._blocks[next(iter(self._blocks))]

    def blocks(self, display_id: str) -> tuple[str, ...]:
        """Return the blocks that show the displays of an id."""
        return tuple(self._blocks.get(display_id, ()))


class News:
    """Adds up what came of ended blocks, of all together: a display that was changed stands there as it is now."""

    def __init__(self) -> None:
        self._folder = OutputFolder(NEWS_KEPT)
        self._shown: set[str] = set()

    def add(self, change: OutputChange) -> None:
        """Take a change in."""
        match change:
            case Append(display_id=display_id):
                self._shown |= {display_id} if display_id else set()
                self._folder.apply(change)
            case Update(display_id=display_id) if display_id in self._shown:
                self._folder.apply(change)
            case Update(display_id=display_id, data=data, metadata=metadata):
                output = {"output_type": "display_data", "data": data, "metadata": metadata}
                self.add(Append(output, display_id))
            case Clear():  # of one block; what another one has shown stays
                return

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What came, once it is all there is."""
        self._folder.finish()
        return self._folder.outputs
