"""Brings the state of a kernel back: when it has died, when a call has failed, when somebody asks. Runs no blocks.

By a checkpoint where there is one; else the good calls run again in a fresh kernel (design D18).
"""

import ast
from contextlib import suppress
from functools import partial

from kernel_executor.aio.tasks import uninterrupted
from kernel_executor.errors import KernelExecutorError, KernelStartError
from kernel_executor.kernels.evaluation import evaluate
from kernel_executor.kernels.history import History
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.marks import Mark, Marks
from kernel_executor.kernels.replaying import replay
from kernel_executor.kernels.states import State, States
from kernel_executor.kernels.supervisor import KernelKeeper, as_it_is
from kernel_executor.kernels.warming import Warming
from kernel_executor.kernels.way_back import WayBack
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sockets.router import KernelDeath
from kernel_executor.stage.stage import Stage
from kernel_executor.types import BlockResult, Checkpoint, KernelState, RollBack

NAMES_TIMEOUT = 5.0
"""Seconds to ask a kernel which names it knows."""

BACK_BEFORE = "The kernel had died before this block ({death}); {state}"


class Recovery:
    """Knows what made the state of a kernel, and brings it back.

    Args:
        keeper: Holds the kernel.
        limits: How much output of one block is kept.
        stage: Where the code's files are; None if that is the user's folder itself.
    """

    def __init__(self, keeper: KernelKeeper, limits: OutputLimits, stage: Stage | None) -> None:
        self._keeper = keeper
        self._limits = limits
        self._stage = stage
        self._history = History()
        self._marks = Marks(keeper.plan.forks)
        self._states = States()
        self._used: Kernel | None = None  # the one that ran code last: another one knows nothing of it
        self._news = ""
        self._told, self._is_promised = "", False  # how the state of the call that is under way is back, or will be
        self._warming = Warming(keeper)

    @property
    def why_no_checkpoint(self) -> str:
        """Why the state of now is not kept; empty if it is, or nothing has prevented it so far."""
        return self._marks.reason

    async def begin_call(self) -> None:
        """See to it that the state of now can come back; if the kernel has died meanwhile, bring the last one back.

        Raises:
            KernelStartError: The kernel had died and could not be started again.
        """
        self._history.begin_call()
        await self._marks.before_call(await self.live(), self._history)

    def end_call(self, *, well: bool) -> None:
        """Take in that the blocks which ran were all of a call, and whether it ended well."""
        self._history.end_call(well=well)
        if self._used and self._used.death is None:
            self._marks.after_call(self._used, self._history)

    async def use(self) -> Kernel:
        """Return a kernel to run code in; errors are those of `live`."""
        kernel = self._used = await self.live()
        return kernel

    def add(self, result: BlockResult) -> None:
        """Take in how a block of the call ended."""
        self._history.add(result)

    def take_news(self) -> tuple[str, KernelState]:
        """Return, once, what became of the variables before this moment, if there is anything to tell."""
        news, self._news = self._news, ""
        return (news, "restored") if news else (self._keeper.take_news(), "lost")

    async def live(self) -> Kernel:
        """Return a kernel that lives; if it has died, one with the variables of the good calls, where that is possible.

        Raises:
            KernelStartError: The kernel had died and could not be started again.
        """
        await self._warming.end()
        return await self._live()

    async def evaluate(self, expression: str, timeout: float) -> str | None:
        """Return the `repr` of a Python expression; None if it fails or takes longer than so many seconds."""
        async with self._warming.unchanged:
            kernel = await self._live()
            if not self._history.is_spoilt:  # else the state before the failed call is the one to be kept
                await self._marks.before_call(kernel, self._history)  # an expression, too, can end the kernel
            return await evaluate(kernel, expression, timeout)

    async def _live(self) -> Kernel:
        if death := await self._keeper.death():
            await self._marks.settle()
            await uninterrupted(self._bring_back(death))  # half done, kernel and history would tell of two states
        self._told, self._is_promised = "", False
        return await self._keeper.live()

    async def _bring_back(self, death: KernelDeath) -> None:
        way = self._way_back()
        if way and await self._goes_back(way):
            self._history.dropped_call()
            self._news = "" if self._is_promised else BACK_BEFORE.format(death=death, state=way)
        else:
            self._marks.begin_afresh(self._history.position)

    async def restore_call(self, *, later: bool) -> None:
        """Bring back the state of before the call, after the kernel was lost in it; `restored` tells whether it is.

        Args:
            later: Whether it is only to come back when it is needed: after a cancellation the loop may be closing, and
                what is begun now would be ended by nobody.

        Raises:
            CancelledError: We were cancelled; the state is back all the same, if it can be.
        """
        way = self._way_back()
        if later:
            self._told, self._is_promised = str(way or ""), way is not None
        elif way:
            await uninterrupted(self._restore_call(way))

    async def _restore_call(self, way: WayBack) -> None:
        if await self._goes_back(way):
            self._history.came_back()
            self._told = str(way)

    @property
    def restored(self) -> str:
        """How the state of before the call is back, or comes back as soon as it is needed; empty if it does not."""
        return self._told

    def lost(self) -> None:
        """Have a fresh kernel started, while nobody waits; that variables are lost is told."""
        self._marks.begin_afresh(self._history.position)
        self._keeper.replace_soon()

    def _way_back(self) -> WayBack | None:
        """Return how the state comes back; None if a fresh kernel would have as much."""
        mark = self._marks.mark
        if mark is None:
            return None
        since = self._history.position - mark.position
        again = self._history.repeating(mark.position)
        is_something = mark.held or again or not since
        return WayBack(mark, again, since - again, self._marks.reason) if is_something else None

    async def _goes_back(self, way: WayBack) -> bool:
        """Go that way; return whether the state is back."""
        past = self._history.past
        self._history.became(past[: way.mark.position + way.again])
        if await self._returns_to(way.mark):
            return True
        self._history.became(past)
        return False

    async def _returns_to(self, mark: Mark) -> bool:
        """Have the state of the good calls in a kernel made from a mark; return whether it is there."""
        forks, held = self._marks.forks, mark.held
        launch = partial(forks.launch, held, keeps_files=False) if forks and held else None
        try:
            if await self._keeper.replace_if(partial(self._replay, since=mark.position), launch):
                return False
            self._used = await self._keeper.live()
        except KernelExecutorError:  # who asks tells what became of it; the next call starts a kernel, or tells why not
            return False
        return True

    async def _replay(self, kernel: Kernel, *, since: int) -> str:
        return await replay(kernel, self._history.good(since), self._history.replay_timeout(since), self._limits)

    async def restart(self) -> None:
        """Start the kernel afresh; nothing is remembered of what ran before."""
        await self._warming.end()
        self._history = History()
        self._used = None
        await self._marks.settle()
        self._marks.begin_afresh(self._history.position)
        await self._keeper.restart()

    async def checkpoint(self) -> Checkpoint:
        """Keep the state of now.

        Raises:
            NoCheckpoint: It cannot be kept; the message tells why.
        """
        await self._marks.settle()
        return await self._states.add(State(await self._mark_of_now(), self._history.past))

    async def _mark_of_now(self) -> Mark:
        if self._marks.forks and self._used is None and self._history.is_untouched:
            # Any new kernel is as this one, which may still be replaced by one that begins with more.
            return Mark(None, 0)
        return Mark(await self._marks.take(await self.live()), self._history.position)

    async def restore(self, checkpoint: Checkpoint) -> None:
        """Bring a kept state back.

        Raises:
            NoCheckpoint: It is not there any more.
            KernelStartError: No kernel could be made of it.
            CancelledError: We were cancelled; it is back all the same, if it can be.
        """
        state = self._states.find(checkpoint)
        await self._warming.end()
        await self._marks.settle()
        await uninterrupted(self._restore(state))

    async def _restore(self, state: State) -> None:
        forks, held = self._marks.forks, state.mark.held
        launch = partial(forks.launch, held, keeps_files=True) if forks and held else None
        await self._keeper.replace_if(as_it_is, launch)
        self._used = await self._keeper.live() if held else None
        self._history.became(state.past)
        if held:
            self._marks.begin_elsewhere()
        else:
            self._marks.begin_afresh(self._history.position)

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables, if it did not end well.

        Where there is no checkpoint, the calls that did are run again in a fresh kernel, unheard. What is random in
        them, or read from what has changed meanwhile, comes out otherwise.

        Raises:
            KernelStartError: The kernel had died and could not be started again.
            CancelledError: We were cancelled; the next call of this begins once more.
        """
        if self._history.is_back:
            self._history.begin_call()
            if self._stage:
                await self._stage.put_back()
            return RollBack(state="restored")
        if not self._history.is_spoilt:
            return None
        mark = self._marks.mark
        if mark and mark.held and not self._history.why_no_replay(mark.position) and await self._returns_to(mark):
            why_not, is_lost = "", False
        else:
            why_not, is_lost = await self._run_again()
        if self._stage:
            await self._stage.put_back()  # what ran again wrote files again, perhaps twice as long now
        self._keeper.take_news()  # that a kernel had died is told by what this returns
        if gate := self._keeper.plan.gate:
            gate.take_refused()  # what ran again is not what runs next
        if not why_not:
            self._history.rolled_back()
            return RollBack(state="rolled_back")
        names = () if is_lost else await self._names_left()
        self._history.not_rolled_back(why_not, lost=is_lost)
        return RollBack(state="lost" if is_lost else "kept", reason=why_not, names=names)

    async def _run_again(self) -> tuple[str, bool]:
        """Run the good calls again in a fresh kernel; return why that failed, and whether all variables are gone."""
        kernel = await self._keeper.live()
        is_lost = kernel is not self._used
        if why_not := self._keeper.plan.why_no_replay or self._history.why_no_replay(0):
            return why_not, is_lost
        if is_lost or self._keeper.plan.stands_alone:
            why_not, is_lost = await self._replay_here(kernel, fresh=is_lost), True
        else:
            why_not = await self._replay_beside()
        if not why_not:
            self._used = await self._keeper.live()
            self._marks.begin_elsewhere()
        return why_not, is_lost

    async def _replay_here(self, kernel: Kernel, *, fresh: bool) -> str:
        """Run the good calls again in the only kernel there is; return why that failed, or nothing."""
        if not fresh:
            await self._keeper.restart()
            kernel = await self._keeper.live()
        self._used = None  # until it is done, this kernel has the state of no call
        failure = "it was cancelled"
        try:
            failure = await self._replay(kernel, since=0)
        finally:
            if failure:
                self._keeper.replace_soon()
        return failure

    async def _replay_beside(self) -> str:
        """Run the good calls again while the kernel stays, so that it is still there if they fail."""
        try:
            return await self._keeper.replace_if(partial(self._replay, since=0))
        except KernelStartError as error:
            return f"another kernel could not be started ({error})"

    async def _names_left(self) -> tuple[str, ...]:
        left = sorted(self._history.left)
        question = f"[name for name in {left} if name in globals()]"
        found = await evaluate(await self._keeper.live(), question, NAMES_TIMEOUT) if left else ""
        with suppress(
            ValueError, TypeError, SyntaxError, MemoryError, RecursionError
        ):  # code may have made up the reply
            known = ast.literal_eval(found or "")
            return tuple(name for name in left if name in known)
        return ()

    async def aclose(self) -> None:
        """End all checkpoints, and the kernel."""
        await self._warming.aclose()
        await self._marks.aclose()
        self._states.close()
        await self._keeper.aclose()
