# The public names: what is listed here is imported when it is first used.

from .aio.cancellation import CancellationToken as CancellationToken
from .containers.executor import DockerCommandLineCodeExecutor as DockerCommandLineCodeExecutor
from .errors import (
    KernelExecutorError as KernelExecutorError,
    KernelStartError as KernelStartError,
    NoCheckpoint as NoCheckpoint,
    NotFetched as NotFetched,
    NotStarted as NotStarted,
    SandboxUnavailable as SandboxUnavailable,
)
from .events import (
    BlockFinished as BlockFinished,
    BlockOutput as BlockOutput,
    BlockStarted as BlockStarted,
    DeliveredFile as DeliveredFile,
    ExecutionEvent as ExecutionEvent,
    FilesDelivered as FilesDelivered,
    HeldFile as HeldFile,
    LateOutput as LateOutput,
)
from .factory import (
    create_code_executor as create_code_executor,
    create_default_code_executor as create_default_code_executor,
)
from .fetching.fetch import Fetched as Fetched
from .fetching.pictures import Picture as Picture
from .functions.functions import (
    Alias as Alias,
    FunctionWithRequirements as FunctionWithRequirements,
    FunctionWithRequirementsStr as FunctionWithRequirementsStr,
    ImportFromModule as ImportFromModule,
    with_requirements as with_requirements,
)
from .kernels.executor import DATA_STACK as DATA_STACK, KernelCodeExecutor as KernelCodeExecutor
from .lifecycle.base import ManagedExecutor as ManagedExecutor
from .lifecycle.listeners import Listener as Listener
from .limits.resource_limits import ResourceLimits as ResourceLimits
from .outputs.fold import OutputLimits as OutputLimits, fold as fold
from .outputs.output_changes import Append as Append, Clear as Clear, Update as Update
from .ports import AttemptExecutor as AttemptExecutor, CodeExecutor as CodeExecutor
from .remote.executor import RemoteKernelExecutor as RemoteKernelExecutor
from .replay import ReplayCodeExecutor as ReplayCodeExecutor
from .sandbox.isolation import Isolation as Isolation
from .scripts.executor import LocalCommandLineCodeExecutor as LocalCommandLineCodeExecutor
from .snapshots import (
    KernelSnapshot as KernelSnapshot,
    LiveVariable as LiveVariable,
    RunningBlock as RunningBlock,
    StackFrame as StackFrame,
)
from .types import (
    USUAL_TIMEOUT as USUAL_TIMEOUT,
    BlockResult as BlockResult,
    BlockStatus as BlockStatus,
    Checkpoint as Checkpoint,
    CodeBlock as CodeBlock,
    CodeResult as CodeResult,
    FailedLine as FailedLine,
    KernelState as KernelState,
    MissingName as MissingName,
    Output as Output,
    RollBack as RollBack,
    SeenColumn as SeenColumn,
    SeenValue as SeenValue,
    Timeout as Timeout,
    Truncation as Truncation,
)
from .version import __version__ as __version__
