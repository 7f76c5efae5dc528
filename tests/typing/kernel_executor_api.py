"""The types that users of `kernel_executor` see. Checked by `make typing`, never run."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, assert_type

from kernel_executor import (
    DATA_STACK,
    USUAL_TIMEOUT,
    Alias,
    Append,
    AttemptExecutor,
    BlockFinished,
    BlockOutput,
    BlockResult,
    BlockStarted,
    BlockStatus,
    CancellationToken,
    Checkpoint,
    Clear,
    CodeBlock,
    CodeExecutor,
    CodeResult,
    DeliveredFile,
    DockerCommandLineCodeExecutor,
    ExecutionEvent,
    FailedLine,
    Fetched,
    FilesDelivered,
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    HeldFile,
    ImportFromModule,
    Isolation,
    KernelCodeExecutor,
    KernelExecutorError,
    KernelSnapshot,
    KernelStartError,
    KernelState,
    LateOutput,
    Listener,
    LiveVariable,
    LocalCommandLineCodeExecutor,
    ManagedExecutor,
    MissingName,
    NoCheckpoint,
    NotFetched,
    NotStarted,
    Output,
    OutputLimits,
    Picture,
    RemoteKernelExecutor,
    ReplayCodeExecutor,
    ResourceLimits,
    RollBack,
    RunningBlock,
    SandboxUnavailable,
    SeenColumn,
    SeenValue,
    StackFrame,
    Timeout,
    Truncation,
    Update,
    __version__,
    create_code_executor,
    create_default_code_executor,
    fold,
    with_requirements,
)

assert_type(__version__, str)


async def running_code() -> None:
    async with KernelCodeExecutor(
        timeout=None, limits=OutputLimits(head=10), resource_limits=ResourceLimits(memory=1), work_dir=Path()
    ) as executor:
        assert_type(executor, KernelCodeExecutor)
        assert_type(executor.isolation, Isolation)
        assert_type(executor.isolation.isolates, bool)
        assert_type(executor.isolation.summary, str)
        assert_type(executor.languages, tuple[str, ...])
        assert_type(executor.timeout, float | None)
        assert_type(executor.work_dir, Path)
        try:
            fetched = await executor.fetch("clean", limit=2_000_000_000)
        except NotFetched as error:
            assert_type(error.size, int)
        else:
            assert_type(fetched, Fetched)
            assert_type(fetched.notes, tuple[str, ...])
            if isinstance(fetched.value, Picture):
                assert_type(fetched.value.data, bytes)
        assert_type(executor.held_files, tuple[HeldFile, ...])
        blocks = [CodeBlock("1 + 1"), CodeBlock(code="ls", language="bash")]
        result = await executor.execute_code_blocks(blocks, CancellationToken(), timeout=1.5, on_event=print)
        assert_type(result, CodeResult)
        assert_type(await executor.execute_attempt([CodeBlock("1")]), CodeResult)
        assert_type(await executor.evaluate("x"), str | None)
        assert_type(await executor.roll_back(), RollBack | None)
        checkpoint = await executor.checkpoint()
        assert_type(checkpoint, Checkpoint)
        await executor.restore(checkpoint)
        assert_type(await executor.take_files(["a.csv"]), FilesDelivered)
        assert_type(executor.on_late_output(print), Callable[[], None])
        await executor.interrupt()
        await executor.restart()


async def streaming(executor: ManagedExecutor[Any]) -> None:
    stream = executor.stream_code_blocks([CodeBlock("1")])
    assert_type(stream, AsyncGenerator[ExecutionEvent | CodeResult, None])
    async for event in stream:
        match event:
            case BlockStarted(block=block):
                assert_type(block, CodeBlock)
            case BlockOutput() | LateOutput():
                assert_type(event.change, Append | Clear | Update)
                assert_type(fold([event.change]), tuple[Output, ...])
            case BlockFinished():
                assert_type(event.result, BlockResult)
            case FilesDelivered():
                assert_type(event.delivered, tuple[DeliveredFile, ...])
                assert_type(event.held, tuple[HeldFile, ...])
            case _:
                assert_type(event, CodeResult)


def results(result: CodeResult, rolled_back: RollBack) -> None:
    assert_type(result.exit_code, int)
    assert_type(result.output, str)
    assert_type(rolled_back.state, KernelState)
    for block in result.blocks:
        assert_type(block.status, BlockStatus)
        assert_type(block.state, KernelState)
        assert_type(block.state_lost, bool)
        assert_type(block.outputs, tuple[Output, ...])
        assert_type(block.truncated, Truncation)
        assert_type(block.ename, str | None)


def executors_are_executors(
    kernel: KernelCodeExecutor,
    script: LocalCommandLineCodeExecutor,
    container: DockerCommandLineCodeExecutor,
    remote: RemoteKernelExecutor,
) -> None:
    executors: list[CodeExecutor] = [kernel, script, container, remote]
    attempts: list[AttemptExecutor] = [kernel, script, container, remote]
    executors.extend(attempts)


def making() -> None:
    assert_type(create_code_executor("kernel", sandbox="none"), ManagedExecutor[Any])
    assert_type(create_default_code_executor(), ManagedExecutor[Any])


@with_requirements(python_packages=["pandas"], global_imports=["math", ImportFromModule("os", [Alias("path", "p")])])
def area(width: float, height: float) -> float:
    return width * height


def functions() -> None:
    # Decorating keeps the parameters and the result.
    assert_type(area(1.0, height=2.0), float)
    area("1", 2.0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    source = FunctionWithRequirementsStr("def one() -> int:\n    return 1\n")
    decorated: FunctionWithRequirements[float, Any] = area
    KernelCodeExecutor(functions=[area, decorated, source, functions], functions_module="tools")


def cancelling(token: CancellationToken) -> None:
    assert_type(token.is_cancelled(), bool)
    assert_type(token.add_callback(token.cancel), Callable[[], None])


def errors() -> None:
    faults: list[type[KernelExecutorError]] = [KernelStartError, NoCheckpoint, NotStarted, SandboxUnavailable]
    assert_type(faults[0]("why"), KernelExecutorError)


def mistakes() -> None:
    """What a type checker must refuse: it says so where an `ignore` is not needed."""
    KernelCodeExecutor(sandbox="docker")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    create_code_executor("jupyter")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    CodeBlock("1").code = "2"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def one_call(executor: KernelCodeExecutor, timeout: Timeout, listener: Listener) -> None:
    result = await executor.execute_code_blocks([CodeBlock("1")], timeout=timeout, on_event=listener)
    assert_type(result, CodeResult)
    assert_type(await executor.execute_attempt([CodeBlock("1")], timeout=USUAL_TIMEOUT), CodeResult)
    scripted: AttemptExecutor = ReplayCodeExecutor(["1"])
    assert_type(await scripted.roll_back(), RollBack | None)


async def looked_at(executor: KernelCodeExecutor) -> None:
    assert_type(DATA_STACK, tuple[str, ...])
    snapshot = await executor.inspect()
    assert_type(snapshot, KernelSnapshot)
    assert_type(snapshot.running, RunningBlock | None)
    assert_type(snapshot.stack, tuple[StackFrame, ...])
    assert_type(snapshot.variables, tuple[LiveVariable, ...])
    seen = await executor.failed_line()
    assert_type(seen, FailedLine | None)
    if seen:
        assert_type(seen.missing, tuple[MissingName, ...])
        assert_type(seen.values, tuple[SeenValue, ...])
        assert_type(seen.values[0].columns, tuple[SeenColumn, ...])
