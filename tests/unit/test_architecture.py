"""What holds the code together: its public names, who may know whom, and how long things may get."""

import ast
import json
import re
import runpy
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import codeagent_nb
import kernel_executor

ROOT = Path(codeagent_nb.__file__).parent.parent
MODULES = sorted([*ROOT.glob("codeagent_nb/**/*.py"), *ROOT.glob("kernel_executor/**/*.py")])

PUBLIC = {
    "codeagent_nb": [
        "AgentError",
        "AgentEvent",
        "AnswerQuestionedEvent",
        "AnswerTracedEvent",
        "ApprovalEvent",
        "ApprovalFunc",
        "ApprovalMode",
        "ApprovalRequest",
        "ApprovalRequired",
        "ApprovalResponse",
        "AssistantAgent",
        "AssistantMessage",
        "BlockFinishedEvent",
        "BlockOutputEvent",
        "BlockStartedEvent",
        "Budget",
        "BufferedChatCompletionContext",
        "CassetteChatCompletionClient",
        "ChatAgent",
        "ChatCompletionClient",
        "ChatCompletionContext",
        "ChatMessage",
        "CodeExecutionEvent",
        "CodeExecutorAgent",
        "CodeGenerationEvent",
        "CodeRefusedEvent",
        "ComponentModel",
        "Console",
        "ContextEvent",
        "CreateResult",
        "EVENT_LOGGER_NAME",
        "Earlier",
        "ErrorExplainedEvent",
        "EventLog",
        "FilesEvent",
        "GivenCodeFinishedEvent",
        "HandoffMessage",
        "HeadAndTailChatCompletionContext",
        "KernelStateEvent",
        "LateOutputEvent",
        "LocalChatCompletionClient",
        "MaxMessageTermination",
        "MessageAddedEvent",
        "ModelClientStreamingChunkEvent",
        "ModelError",
        "ModelRefused",
        "ModelReplyEvent",
        "ModelRequestEvent",
        "ModelUnavailable",
        "NewVariablesEvent",
        "NextStepEvent",
        "NoModelConfigured",
        "NoModelList",
        "OpenAIChatCompletionClient",
        "Price",
        "PriceUnknown",
        "PromptChanged",
        "PythonCodeExecutionTool",
        "RecordingChatCompletionClient",
        "ReplayChatCompletionClient",
        "ReplayScriptError",
        "Reply",
        "RequestUsage",
        "Response",
        "RetryDecision",
        "RetryDecisionEvent",
        "RoundRobinGroupChat",
        "RunFinishedEvent",
        "RunSettings",
        "RunStartedEvent",
        "RunStatus",
        "SCHEMA_VERSION",
        "Secrets",
        "Session",
        "SessionError",
        "SessionSettings",
        "StopMessage",
        "SystemMessage",
        "TaskResult",
        "TaskTurnedEvent",
        "TerminatedException",
        "TerminationCondition",
        "TextMentionTermination",
        "TextMessage",
        "TextMessageTermination",
        "ThoughtEvent",
        "TokenLimitedChatCompletionContext",
        "TracedNumber",
        "UnboundedChatCompletionContext",
        "UserMessage",
        "VariableEvent",
        "VariableRefused",
        "View",
        "ViewDetachedEvent",
        "WeightsError",
        "__version__",
        "dump_component",
        "earlier_session",
        "extract_code_blocks",
        "load_component",
        "open_session",
        "panel",
        "read_reply",
    ],
    "kernel_executor": [
        "Alias",
        "Append",
        "AttemptExecutor",
        "BlockFinished",
        "BlockOutput",
        "BlockResult",
        "BlockStarted",
        "BlockStatus",
        "CancellationToken",
        "Checkpoint",
        "Clear",
        "CodeBlock",
        "CodeExecutor",
        "CodeResult",
        "DATA_STACK",
        "DeliveredFile",
        "DockerCommandLineCodeExecutor",
        "ExecutionEvent",
        "FailedLine",
        "Fetched",
        "FilesDelivered",
        "FunctionWithRequirements",
        "FunctionWithRequirementsStr",
        "HeldFile",
        "ImportFromModule",
        "Isolation",
        "KernelCodeExecutor",
        "KernelExecutorError",
        "KernelSnapshot",
        "KernelStartError",
        "KernelState",
        "LateOutput",
        "Listener",
        "LiveVariable",
        "LocalCommandLineCodeExecutor",
        "ManagedExecutor",
        "MissingName",
        "NoCheckpoint",
        "NotFetched",
        "NotStarted",
        "Output",
        "OutputLimits",
        "Picture",
        "RemoteKernelExecutor",
        "ReplayCodeExecutor",
        "ResourceLimits",
        "RollBack",
        "RunningBlock",
        "SandboxUnavailable",
        "SeenColumn",
        "SeenValue",
        "StackFrame",
        "Timeout",
        "Truncation",
        "USUAL_TIMEOUT",
        "Update",
        "__version__",
        "create_code_executor",
        "create_default_code_executor",
        "fold",
        "with_requirements",
    ],
}


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names_are_these(package: str) -> None:
    assert sorted(import_module(package).__all__) == sorted(PUBLIC[package])


@pytest.mark.parametrize(("package", "name"), [(package, name) for package in PUBLIC for name in PUBLIC[package]])
def test_every_public_name_can_be_had(package: str, name: str) -> None:
    assert getattr(import_module(package), name) is not None


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match=r"codeagent_nb.*Nothing"):
        codeagent_nb.Nothing  # noqa: B018
    with pytest.raises(AttributeError, match=r"kernel_executor.*Nothing"):
        kernel_executor.Nothing  # noqa: B018


def test_the_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


HEAVY = [
    "genai_prices",
    "openai",
    "IPython",
    "ipykernel",
    "nbformat",
    "jupyter_client",
    "ipywidgets",
    "rich",
    "typer",
    "nbclient",
]


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import codeagent_nb", HEAVY),
        ("import kernel_executor", [*HEAVY, "pydantic"]),
        ("from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient, read_reply", HEAVY),
        ("from codeagent_nb import OpenAIChatCompletionClient", HEAVY),
        ("from codeagent_nb import AssistantAgent, Console, PythonCodeExecutionTool, RoundRobinGroupChat", HEAVY),
    ],
)
def test_imports_are_light(statement: str, heavy: list[str]) -> None:
    code = f"import json, sys\n{statement}\nprint(json.dumps([name for name in {heavy} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []


@cache
def trees() -> list[tuple[str, ast.Module, str]]:
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in MODULES}
    return [(name, ast.parse(source), source) for name, source in sources.items()]


def test_no_module_is_longer_than_350_lines() -> None:
    lengths = {name: len(source.splitlines()) for name, _, source in trees()}
    assert {name: length for name, length in lengths.items() if length > 350} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    """A docstring is no burden: it does not count. Neither does a signature that documents the settings."""
    lengths = {}
    for name, tree, _ in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                first, last = (body[0].lineno, node.end_lineno or 0) if body else (0, 0)
                lengths[f"{name}:{node.name}"] = last - first + 1
    assert {name: length for name, length in lengths.items() if length > 40} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name, tree, _ in trees() if not ast.get_docstring(tree)] == []


def test_one_module_makes_rich_consoles_and_one_writes_to_the_standard_streams() -> None:
    """Everything else that a terminal is given could be forgotten to be cleaned."""
    allowed = {
        "codeagent_nb/views/clean_console.py": {"Console"},
        "codeagent_nb/views/standard_streams.py": {"sys.stdout.write", "sys.stderr"},
    }
    found: dict[str, set[str]] = {}
    for name, tree, _ in trees():
        if "in_kernel" in name or name.startswith("kernel_executor/"):
            continue
        rich = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rich")
            for alias in node.names
            if alias.name == "Console"
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in rich | {"print", "sys.stdout.write", "sys.stderr.write", "typer.echo", "click.echo"}:
                    found.setdefault(name, set()).add(called)
    assert {
        name: what - allowed.get(name, set()) for name, what in found.items() if what - allowed.get(name, set())
    } == {}


def test_the_executor_prints_nothing_in_the_users_process() -> None:
    """What it has to say are errors, warnings and events; others print them."""
    printed = {
        name: node.lineno
        for name, tree, _ in trees()
        if name.startswith("kernel_executor/") and "in_kernel" not in name
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.stdout.write"}
    }
    assert printed == {}


@cache
def called() -> dict[str, set[str]]:
    """What each module calls, by the last part of its name."""
    calls = {
        module: [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)] for module, tree, _ in trees()
    }
    return {
        module: {getattr(func, kind, "") for func in functions for kind in ("id", "attr")}
        for module, functions in calls.items()
    }


def calls_of(name: str) -> set[str]:
    """The modules in which something of this name is called."""
    return {module for module, names in called().items() if name in names}


def test_secrets_have_one_owner_and_no_view_makes_its_own() -> None:
    """A copy knows the secrets of its moment only: five of them leaked what the session had seen (attack 25)."""
    assert calls_of("of_environment") == {"codeagent_nb/log/redaction.py"}
    assert calls_of("Redactor") == {
        "codeagent_nb/log/redaction.py",
        "codeagent_nb/session/variable_files.py",
    }  # there one that knows none
    owners = {
        *("agent.py", "agentchat/assistant.py", "agentchat/components.py", "cli/guarding.py"),
        *("notebook/notebook_agent.py", "session/session.py"),
    }
    assert calls_of("Secrets") == {f"codeagent_nb/{owner}" for owner in owners}


counted = runpy.run_path(str(ROOT / "tools" / "count_imports.py"))


def test_no_rooms_import_one_another_in_a_circle() -> None:
    rooms, pairs = counted["arrows"](ROOT)
    assert counted["circles"](rooms, pairs) == []
    # 547 between 123 rooms before there were folders, 300 between 50 at first: it is their number a room that counts.
    assert len(pairs) < 6 * len(rooms)


def test_circles_of_rooms_are_found() -> None:
    assert counted["circles"]({"a", "b", "c"}, {("a", "b"), ("b", "a"), ("b", "c")}) == [["a", "b"]]


def test_no_module_imports_a_private_name_of_another() -> None:
    private = re.compile(r"^\s*from (?:codeagent_nb|kernel_executor)\S* import .*\b_[a-z]", re.MULTILINE)
    assert [path for path in counted["modules"](ROOT).values() if private.search(path.read_text("utf-8"))] == []


OLD_WORDS = re.compile(
    r"\banew\b|\bfor ever\b|\bmend(?:s|ed)?\b|\bbury\b|\bmodel is told\b|\bfor want of\b|\"\"\"(?:Say|Tell|Give|Let) "
)


@pytest.mark.parametrize("path", [*MODULES, *sorted(ROOT.glob("*.md"))], ids=lambda path: path.name)
def test_words_are_those_of_today(path: Path) -> None:
    """House style: as the documentation of the standard library and httpx."""
    assert OLD_WORDS.findall(path.read_text("utf-8")) == []


def test_the_executors_own_distribution_has_the_same_version_and_needs_nothing_more() -> None:
    paths = (ROOT / "pyproject.toml", ROOT / "kernel_executor" / "pyproject.toml")
    both = [tomllib.loads(path.read_text("utf-8"))["project"] for path in paths]
    assert both[0]["version"] == both[1]["version"]
    assert set(both[1]["dependencies"]) <= set(both[0]["dependencies"])
    extras = both[1]["optional-dependencies"]
    assert set(both[0]["optional-dependencies"]["docker"]) == set(extras["docker"])
