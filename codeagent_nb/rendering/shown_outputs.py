"""Which outputs of running blocks have changed since they were last shown. Pure; knows events of blocks only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codeagent_nb.events import AgentEvent, BlockFinishedEvent, BlockOutputEvent, BlockStartedEvent, LateOutputEvent
from kernel_executor import Append, Output
from kernel_executor.outputs.fold import EVERYTHING, OutputFolder


@dataclass(slots=True)
class _Block:
    folder: OutputFolder = field(default_factory=lambda: OutputFolder(EVERYTHING))
    shown: tuple[Output, ...] = ()


class ShownOutputs:
    """Folds the outputs of all blocks of a run; whoever shows them asks for news as often as it can draw."""

    def __init__(self) -> None:
        self._blocks: dict[str, _Block] = {}
        self._changed: dict[str, None] = {}

    def take(self, event: AgentEvent) -> None:
        """Apply an event of a block."""
        match event:
            case BlockStartedEvent(block_id=block_id):
                self._blocks[block_id] = _Block()
            case BlockOutputEvent(block_id=block_id, change=change) | LateOutputEvent(block_id=block_id, change=change):
                if block := self._blocks.get(block_id):
                    block.folder.apply(change)
                    self._changed[block_id] = None
            case BlockFinishedEvent(block_id=block_id, result=result):
                block = self._blocks.setdefault(block_id, _Block())
                block.folder = ended(block.folder, result.outputs)
                self._changed[block_id] = None

    def news(self) -> Iterator[tuple[str, Output | None]]:
        """Yield each place whose output is another one now, under its key; None where there is none any more."""
        changed, self._changed = list(self._changed), {}
        for block_id in changed:
            block = self._blocks[block_id]
            before, block.shown = block.shown, block.folder.outputs
            for index in range(max(len(before), len(block.shown))):
                output = block.shown[index] if index < len(block.shown) else None
                if index >= len(before) or before[index] != output:
                    yield f"{block_id}-{index}", output


def ended(folder: OutputFolder, outputs: Sequence[Output]) -> OutputFolder:
    """Return a folder of all outputs of an ended block, to which is added what a thread shows later."""
    folder.finish()
    if folder.outputs == tuple(outputs):
        return folder  # it knows the ids of displays, which may still be updated
    folder = OutputFolder(EVERYTHING)  # with what the limits held back
    for output in outputs:
        folder.apply(Append(output))
    return folder
