# The public names: what is listed here is imported when it is first used.

from .aio.cancellation import CancellationToken as CancellationToken
from .containers.executor import DockerCommandLineCodeExecutor as DockerCommandLineCodeExecutor
from .errors import (
    KernelExecutorError as KernelExecutorError,
)
from .errors import (
    KernelStartError as KernelStartError,
)
from .errors import (
    NotStarted as NotStarted,
)
from .errors import (
    SandboxUnavailable as SandboxUnavailable,
)
from .events import (
    BlockFinished as BlockFinished,
)
from .events import (
    BlockOutput as BlockOutput,
)
from .events import (
    BlockStarted as BlockStarted,
)
from .events import (
    DeliveredFile as DeliveredFile,
)
from .events import (
    ExecutionEvent as ExecutionEvent,
)
from .events import (
    FilesDelivered as FilesDelivered,
)
from .events import (
    HeldFile as HeldFile,
)
from .events import (
    LateOutput as LateOutput,
)
from .factory import (
    create_code_executor as create_code_executor,
)
from .factory import (
    create_default_code_executor as create_default_code_executor,
)
from .functions.functions import (
    Alias as Alias,
)
from .functions.functions import (
    FunctionWithRequirements as FunctionWithRequirements,
)
from .functions.functions import (
    FunctionWithRequirementsStr as FunctionWithRequirementsStr,
)
from .functions.functions import (
    ImportFromModule as ImportFromModule,
)
from .functions.functions import (
    with_requirements as with_requirements,
)
from .kernels.executor import KernelCodeExecutor as KernelCodeExecutor
from .lifecycle.base import ManagedExecutor as ManagedExecutor
from .lifecycle.listeners import Listener as Listener
from .outputs.fold import OutputLimits as OutputLimits
from .outputs.fold import fold as fold
from .outputs.output_changes import Append as Append
from .outputs.output_changes import Clear as Clear
from .outputs.output_changes import Update as Update
from .ports import AttemptExecutor as AttemptExecutor
from .ports import CodeExecutor as CodeExecutor
from .replay import ReplayCodeExecutor as ReplayCodeExecutor
from .sandbox.isolation import Isolation as Isolation
from .scripts.executor import LocalCommandLineCodeExecutor as LocalCommandLineCodeExecutor
from .types import (
    USUAL_TIMEOUT as USUAL_TIMEOUT,
)
from .types import (
    BlockResult as BlockResult,
)
from .types import (
    BlockStatus as BlockStatus,
)
from .types import (
    CodeBlock as CodeBlock,
)
from .types import (
    CodeResult as CodeResult,
)
from .types import (
    Output as Output,
)
from .types import (
    RollBack as RollBack,
)
from .types import (
    Timeout as Timeout,
)
from .types import (
    Truncation as Truncation,
)
