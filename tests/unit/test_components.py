"""Components as JSON and back: nothing is lost, no key is written, and nothing unknown is made."""

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb import (
    AssistantAgent,
    CodeExecutorAgent,
    LocalChatCompletionClient,
    MaxMessageTermination,
    OpenAIChatCompletionClient,
    ReplayChatCompletionClient,
    RoundRobinGroupChat,
    TextMentionTermination,
    TextMessage,
    TextMessageTermination,
)
from codeagent_nb.agentchat.component_registry import TABLE
from codeagent_nb.agentchat.components import ComponentModel, dump_component, load_component
from codeagent_nb.agentchat.terminations import AndTerminationCondition, OrTerminationCondition
from codeagent_nb.init_arguments import remembers_arguments
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.models.openai.client import Backoff
from codeagent_nb.models.types import AssistantMessage, Image, UserMessage
from codeagent_nb.prompt.contexts import (
    BufferedChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext,
)
from kernel_executor import (
    DockerCommandLineCodeExecutor,
    KernelCodeExecutor,
    LocalCommandLineCodeExecutor,
    OutputLimits,
    ResourceLimits,
)
from kernel_executor.replay import ReplayCodeExecutor

PICTURE = Image(mime="image/png", data="QUJD")
SAID = (UserMessage(content="Hello", source="ann", images=(PICTURE,)), AssistantMessage(content="Hi", thought="Hm"))
FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def client() -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient("m", temperature=0.5)


def made(type_: type, *positional: Any, **arguments: Any) -> tuple[type, tuple[Any, ...], dict[str, Any]]:
    return type_, positional, arguments


def everything() -> list[tuple[type, tuple[Any, ...], dict[str, Any]]]:
    """Each class with every argument that a config has, none of them the default."""
    return [
        made(
            CodeExecutorAgent,
            name="coder",
            code_executor=KernelCodeExecutor(timeout=3),
            model_client=client(),
            model_context=BufferedChatCompletionContext(7),
            model_client_stream=True,
            max_retries_on_error=3,
            max_steps=5,
            checks_answer=True,
            privacy="schema",
            retry_by="status",
            roll_back_failures=False,
            description="Counts.",
            system_message="Count.",
            sources=("ann", "bob"),
            supported_languages=("python",),
            approval="always",
        ),
        made(
            AssistantAgent,
            name="writer",
            model_client=client(),
            description="Writes.",
            system_message=None,
            model_client_stream=True,
            model_context=BufferedChatCompletionContext(7),
        ),
        made(
            KernelCodeExecutor,
            timeout=None,
            work_dir="here",
            kernel_name="other",
            sandbox="none",
            readable=(FOLDER,),
            writable=(FOLDER,),
            devices=("/dev/null",),
            hidden=(f"{FOLDER}/hidden",),
            absent=(f"{FOLDER}/absent",),
            delivers=False,
            env={"LANG": "C"},
            limits=OutputLimits(head=1, tail=2, display=3, displays=4),
            resource_limits=ResourceLimits(memory=1, processes=2, disk=3, file_size=4, temporary=5, files=6),
            network=("data.example.org", "localhost:8123"),
            memory_limit=5,
            checkpoints=False,
            preload=("numpy",),
            functions_module="tools",
        ),
        made(
            DockerCommandLineCodeExecutor,
            image="other",
            container_name="mine",
            timeout=None,
            work_dir="here",
            bind_dir="/there",
            auto_remove=False,
            stop_container=False,
            functions_module="tools",
            extra_volumes={"/a": {"bind": "/b", "mode": "ro"}},
            extra_hosts={"a": "127.0.0.1"},
            init_command="true",
            delete_tmp_files=False,
            network="bridge",
            writable=(FOLDER,),
            hidden=(f"{FOLDER}/hidden",),
            cap_add=("CHOWN",),
            memory_limit=1,
            pids_limit=2,
            checkpoints=False,
            preload=["json"],
            cpus=3.0,
            env={"LANG": "C"},
            limits=OutputLimits(head=1, tail=2, display=3, displays=4),
        ),
        made(
            LocalCommandLineCodeExecutor,
            timeout=None,
            work_dir="here",
            functions_module="tools",
            cleanup_temp_files=False,
            sandbox="none",
            readable=(FOLDER,),
            writable=(FOLDER,),
            devices=("/dev/null",),
            hidden=(f"{FOLDER}/hidden",),
            env={"LANG": "C"},
            limits=OutputLimits(head=1, tail=2, display=3, displays=4),
            resource_limits=ResourceLimits(memory=1, processes=2, disk=3, file_size=4, temporary=5, files=6),
            network=("data.example.org", "localhost:8123"),
        ),
        made(
            OpenAIChatCompletionClient,
            model="m",
            base_url="http://localhost:1/v1",
            timeout=1.5,
            connect_timeout=2.5,
            max_retries=1,
            backoff=Backoff(first=1.0, longest=2.0, jitter=0.0, longest_asked=3.0),
            model_info={"vision": True, "family": "f"},
            unix_socket="/run/model.sock",
            create_args={"temperature": 0.5, "max_tokens": 10, "stop": ["a"], "extra_headers": {"X-Team": "b"}},
        ),
        made(LocalChatCompletionClient, path=Path("m.gguf"), context_size=1, threads=2, temperature=0.5, max_tokens=3),
        made(UnboundedChatCompletionContext, initial_messages=SAID),
        made(BufferedChatCompletionContext, buffer_size=2, initial_messages=SAID),
        made(HeadAndTailChatCompletionContext, head_size=1, tail_size=2, initial_messages=SAID),
        made(TokenLimitedChatCompletionContext, model_client=client(), token_limit=9, initial_messages=SAID),
        made(MaxMessageTermination, max_messages=3, include_agent_event=True),
        made(TextMentionTermination, text="STOP", sources=["ann"]),
        made(TextMessageTermination, source="ann"),
        made(OrTerminationCondition, MaxMessageTermination(3), TextMentionTermination("STOP")),
        made(AndTerminationCondition, MaxMessageTermination(3), TextMessageTermination()),
        made(
            RoundRobinGroupChat,
            participants=[AssistantAgent("a", client()), CodeExecutorAgent("b", KernelCodeExecutor())],
            name="team",
            description="Two.",
            termination_condition=MaxMessageTermination(3) | TextMentionTermination("STOP"),
            max_turns=4,
        ),
    ]


def make(type_: type, positional: tuple[Any, ...], arguments: Mapping[str, Any]) -> Any:
    named = {name: value for name, value in arguments.items() if name != "create_args"}
    return type_(*positional, **named, **arguments.get("create_args", {}))


ALL = everything()
names = pytest.mark.parametrize("case", ALL, ids=[case[0].__name__ for case in ALL])


def entry(type_: type) -> Any:
    return next(entry for entry in TABLE.values() if entry.made is type_)


def plain(value: Any) -> Any:
    """Return arguments in a form in which equal ones are equal."""
    if any(known.made is type(value) for known in TABLE.values()):
        return type(value), {name: plain(item) for name, item in entry(type(value)).read(value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


# Nothing is lost


def test_every_class_of_the_table_is_tested() -> None:
    assert {case[0] for case in ALL} == {entry.made for entry in TABLE.values()}


@names
def test_every_argument_of_the_signature_is_tested_with_another_value_than_its_default(case: Any) -> None:
    type_, positional, arguments = case
    refused = entry(type_).unwritable
    for name, parameter in inspect.signature(type_).parameters.items():
        if name in refused:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            assert positional
        else:
            assert arguments[name] != parameter.default


@names
def test_every_argument_of_the_signature_survives_the_way_through_json(case: Any) -> None:
    component = make(*case)
    written = dump_component(component).model_dump_json()
    loaded = load_component(case[0], ComponentModel.model_validate_json(written))
    assert loaded is not component
    assert plain(loaded) == plain(component)
    assert set(plain(loaded)[1]) == set(inspect.signature(case[0]).parameters)


@names
def test_what_was_loaded_is_written_as_before(case: Any) -> None:
    written = dump_component(make(*case))
    assert dump_component(load_component(object, json.loads(written.model_dump_json()))) == written


@names
def test_a_config_holds_every_argument_but_those_that_are_refused(case: Any) -> None:
    config = dump_component(make(*case)).config
    assert set(config) == set(inspect.signature(case[0]).parameters) - set(entry(case[0]).unwritable)


async def test_a_loaded_agent_does_as_the_dumped_one() -> None:
    agent = CodeExecutorAgent("coder", KernelCodeExecutor(), sources=["ann"], supported_languages=["python"])
    loaded = CodeExecutorAgent.load_component(agent.dump_component())
    said = "```python\n1\n```\n\n```sh\nls\n```"
    messages = [TextMessage(source="ann", content=said), TextMessage(source="bob", content=said)]
    assert [block.code for block in await loaded.extract_code_blocks_from_messages(messages)] == ["1\n"]


def test_the_retries_that_autogen_loses_are_kept() -> None:
    agent = CodeExecutorAgent("coder", KernelCodeExecutor(), model_client=client(), max_retries_on_error=3)
    assert agent.dump_component().config["max_retries_on_error"] == 3
    assert plain(CodeExecutorAgent.load_component(agent.dump_component()))[1]["max_retries_on_error"] == 3


def test_a_component_has_autogens_fields() -> None:
    written = MaxMessageTermination(3)
    assert dump_component(written).model_dump() == {
        "provider": "codeagent_nb.MaxMessageTermination",
        "component_type": "termination",
        "version": 1,
        "component_version": 1,
        "description": "Stops after a number of messages, those of the task included.",
        "label": "MaxMessageTermination",
        "config": {"max_messages": 3, "include_agent_event": False},
    }


def test_the_time_limit_is_written() -> None:
    assert dump_component(KernelCodeExecutor(timeout=4)).config["timeout"] == 4


def test_what_a_config_leaves_out_has_the_constructors_default() -> None:
    config = {"name": "coder", "code_executor": {"provider": "kernel_executor.KernelCodeExecutor", "config": {}}}
    loaded = CodeExecutorAgent.load_component({"provider": "codeagent_nb.CodeExecutorAgent", "config": config})
    assert plain(loaded) == plain(CodeExecutorAgent("coder", KernelCodeExecutor()))


def test_wrong_arguments_are_pythons_own_error() -> None:
    with pytest.raises(TypeError, match=r"__init__\(\) missing 1 required positional argument: 'code_executor'"):
        CodeExecutorAgent("coder")  # type: ignore[call-arg]


# Keys are not written


def refusal(component: object) -> str:
    with pytest.raises(ValueError, match="argument '") as refused:
        dump_component(component)
    return str(refused.value)


def test_a_key_that_was_given_is_refused_and_not_repeated() -> None:
    agent = AssistantAgent("writer", OpenAIChatCompletionClient("m", api_key="sk-123456789"))
    said = refusal(agent)
    assert said.startswith("argument 'model_client.api_key' cannot be written: ")
    assert "put it into the environment as OPENAI_API_KEY" in said
    assert "sk-123456789" not in said


@pytest.mark.parametrize("arguments", [{}, {"api_key": "sk-123456789"}])
def test_a_key_of_the_environment_is_left_out(monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-123456789")
    component = dump_component(OpenAIChatCompletionClient("m", **arguments))  # type: ignore[arg-type]
    assert "sk-123456789" not in component.model_dump_json()
    assert "api_key" not in component.config


def test_an_address_of_the_environment_is_left_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    assert dump_component(client()).config["base_url"] is None


def test_a_password_in_an_address_is_refused() -> None:
    said = refusal(OpenAIChatCompletionClient("m", base_url="https://ann:hunter2@example.org/v1"))
    assert said.startswith("argument 'base_url' holds an address with a password")
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("create_args", "named"),
    [
        ({"extra_headers": {"Authorization": "Bearer abc"}}, "create_args.extra_headers.Authorization"),
        ({"extra_headers": {"X-Api-Key": "abc"}}, "create_args.extra_headers.X-Api-Key"),
        ({"tools": [{"server_token": "abc"}]}, "create_args.tools[0].server_token"),
    ],
)
def test_what_is_named_like_a_key_is_refused(create_args: dict[str, Any], named: str) -> None:
    said = refusal(OpenAIChatCompletionClient("m", **create_args))
    assert said.startswith(f"argument {named!r} looks like a key")
    assert "abc" not in said


def test_a_variable_of_the_kernel_that_is_named_like_a_key_is_refused() -> None:
    agent = CodeExecutorAgent("coder", KernelCodeExecutor(env={"DB_PASSWORD": "abc"}))
    assert refusal(agent).startswith("argument 'code_executor.env.DB_PASSWORD' looks like a key")


def test_the_value_of_a_secret_variable_is_refused_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "tok-123456789")
    said = refusal(AssistantAgent("writer", client(), system_message="Use tok-123456789."))
    assert said.startswith("argument 'system_message' holds the value of a secret variable")
    assert "tok-123456789" not in said


@pytest.mark.parametrize(
    "address",
    [
        "https://KEY@example.org/v1",
        "https://abcdef0123456789@example.org/v1",
        "https://example.org/v1?api_key=abc",
        "https://example.org/v1?a=b&access_token=abc",
        "https://example.org/v1?sig=abc",
    ],
)
def test_an_address_with_a_key_in_it_is_refused(address: str) -> None:
    said = refusal(OpenAIChatCompletionClient("m", base_url=address))
    assert said.startswith("argument 'base_url' holds an address with a")
    assert not {"KEY@", "abc"} & {part for part in ("KEY@", "abc") if part in said}


@pytest.mark.parametrize("address", ["https://example.org/v1?page=2", "https://example.org:80/v1"])
def test_an_address_without_a_key_is_written(address: str) -> None:
    assert dump_component(OpenAIChatCompletionClient("m", base_url=address)).config["base_url"] == address


def test_a_secret_the_agent_has_seen_is_refused_though_its_variable_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TOKEN", "tok-123456789")
    agent = CodeExecutorAgent("coder", KernelCodeExecutor(), model_client=client(), system_message="tok-12345\0006789")
    monkeypatch.delenv("MY_TOKEN")
    assert refusal(agent).startswith("argument 'system_message' holds the value of a secret variable")


def test_what_only_sounds_like_a_key_is_written() -> None:
    written = dump_component(OpenAIChatCompletionClient("m", max_tokens=5, prompt_cache_key="writers"))
    assert written.config["create_args"] == {"max_tokens": 5, "prompt_cache_key": "writers"}


# What cannot be written is named


class View:
    def on_event(self, event: object) -> None:
        """Look at nothing."""


@pytest.mark.parametrize(
    ("name", "value"),
    [("approval_func", lambda _: None), ("ask", lambda _: None), ("views", [View()]), ("log", EventLog(Secrets({})))],
)
def test_what_is_no_data_is_refused_by_name(name: str, value: Any) -> None:
    agent = CodeExecutorAgent("coder", KernelCodeExecutor(), **{name: value})
    with pytest.raises(ValueError, match=f"^argument '{name}' cannot be written: it is no data"):
        agent.dump_component()


def test_no_views_are_nothing_to_refuse() -> None:
    assert "views" not in CodeExecutorAgent("coder", KernelCodeExecutor(), views=[]).dump_component().config


class Derived(KernelCodeExecutor):
    """Has arguments that the table does not know."""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"code_executor": ReplayCodeExecutor([])}, "argument 'code_executor': a ReplayCodeExecutor"),
        ({"code_executor": Derived()}, "argument 'code_executor': a Derived"),
        ({"model_client": ReplayChatCompletionClient([])}, "argument 'model_client': a ReplayChatCompletionClient"),
        ({"model_context": object()}, "argument 'model_context': a object"),
    ],
)
def test_a_part_that_is_not_in_the_table_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    agent = CodeExecutorAgent("coder", **{"code_executor": KernelCodeExecutor(), **arguments})
    with pytest.raises(ValueError, match=f"^{named} cannot be written: it is not one of codeagent_nb.CodeExecutorAg"):
        agent.dump_component()


def test_a_participant_that_is_not_in_the_table_is_named_with_its_place() -> None:
    team = RoundRobinGroupChat([AssistantAgent("a", client()), AssistantAgent("b", ReplayChatCompletionClient([]))])
    assert refusal(team).startswith("argument 'participants[1].model_client': a ReplayChatCompletionClient")


@pytest.mark.parametrize("value", [object(), print, float("nan")])
def test_a_further_argument_that_is_no_json_is_refused_by_name(value: object) -> None:
    assert refusal(OpenAIChatCompletionClient("m", odd=value)).startswith("argument 'create_args'")


def test_an_argument_of_a_wrong_type_is_refused_by_name() -> None:
    agent = CodeExecutorAgent("coder", KernelCodeExecutor(kernel_name=5))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"with such arguments cannot be written: code_executor\.kernel_name: Input"):
        agent.dump_component()


# Only what is known is made

EXECUTOR = {"provider": "kernel_executor.KernelCodeExecutor", "config": {}}
AGENT = {"provider": "codeagent_nb.CodeExecutorAgent", "config": {"name": "coder", "code_executor": EXECUTOR}}


def agent_with(**config: Any) -> dict[str, Any]:
    return {**AGENT, "config": {"name": "coder", "code_executor": EXECUTOR, **config}}


@pytest.mark.parametrize(
    "provider",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "antigravity.fly",
        "codeagent_nb.agent.CodeExecutorAgent",
        "codeagent_nb.load_ipython_extension",
        "autogen_agentchat.agents.CodeExecutorAgent",
        "CodeExecutorAgent",
        "",
    ],
)
def test_a_provider_outside_the_table_is_refused_and_not_imported(provider: str) -> None:
    sys.modules.pop("antigravity", None)
    for model in ({**AGENT, "provider": provider}, agent_with(code_executor={**EXECUTOR, "provider": provider})):
        with pytest.raises(ValueError, match=r"is unknown; it must be one of codeagent_nb.CodeExecutorAgent, "):
            CodeExecutorAgent.load_component(model)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({}, "not a component config: provider: Field required; config: Field required"),
        ({**AGENT, "extra": 1}, "not a component config: extra: Extra inputs"),
        ({**AGENT, "config": []}, "not a component config: config: Input should be a valid dict"),
        ("codeagent_nb.CodeExecutorAgent", "not a component config"),
        ({**AGENT, "component_type": "model"}, "is of the type 'agent'; wanted is 'model'"),
        ({**AGENT, "version": 2}, "version must be 1, not 2"),
        ({**AGENT, "component_version": 0}, "component_version must be 1, not 0"),
        (EXECUTOR, "the config describes a KernelCodeExecutor, not a CodeExecutorAgent"),
        ({**AGENT, "config": {}}, "CodeExecutorAgent is wrong: name: Field required; code_executor: Field required"),
        (agent_with(retries=1), "CodeExecutorAgent is wrong: retries: Extra inputs"),
        (agent_with(max_retries_on_error="3"), "max_retries_on_error: Input should be a valid integer"),
        (agent_with(model_client_stream=1), "model_client_stream: Input should be a valid boolean"),
        (agent_with(sources="ann"), "sources: "),
        (agent_with(approval="sometimes"), "approval: Input should be 'auto', 'always' or 'never'"),
        (agent_with(approval_func="print"), "config field 'approval_func' cannot be given in a config: it is no data"),
        (agent_with(model_client=EXECUTOR), "is of the type 'code_executor'; wanted is 'model'"),
        (agent_with(code_executor=None), "code_executor: Input should be"),
        (agent_with(name="not a name", code_executor=EXECUTOR, retry_by="x"), "retry_by: "),
        (agent_with(max_retries_on_error=-1), "no CodeExecutorAgent can be made from its config: "),
        (agent_with(code_executor={**EXECUTOR, "config": {"timeout": -1}}), "at 'code_executor': timeout must be"),
        (agent_with(code_executor={**EXECUTOR, "config": {"limits": {"top": 1}}}), "code_executor.limits.top: "),
        (agent_with(code_executor={**EXECUTOR, "config": {"timeout": float("nan")}}), "code_executor.timeout: "),
        (agent_with(sources=[object()]), "is wrong: "),
    ],
)
def test_a_config_that_is_wrong_is_one_clear_error(model: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"^") as refused:
        CodeExecutorAgent.load_component(model)
    assert said in str(refused.value)
    assert "errors.pydantic.dev" not in str(refused.value)
    assert type(refused.value) is ValueError


def test_a_key_in_a_config_is_not_read_and_not_repeated() -> None:
    model = {"provider": "codeagent_nb.OpenAIChatCompletionClient", "config": {"model": "m", "api_key": "sk-1"}}
    with pytest.raises(
        ValueError, match=r"'model_client.api_key' cannot be given in a config: .* OPENAI_API_KEY"
    ) as refused:
        CodeExecutorAgent.load_component(agent_with(model_client=model))
    assert "sk-1" not in str(refused.value)


def test_an_argument_cannot_come_in_among_the_further_ones() -> None:
    config = {"model": "m", "create_args": {"api_key": "sk-1"}}
    with pytest.raises(ValueError, match="api_key: an argument of its own, not a further one"):
        load_component(object, {"provider": "codeagent_nb.OpenAIChatCompletionClient", "config": config})


def test_a_config_without_end_is_refused() -> None:
    model: dict[str, Any] = dump_component(MaxMessageTermination(1)).model_dump()
    for _ in range(300):
        model = {"provider": "codeagent_nb.OrTerminationCondition", "config": {"conditions": [model]}}
    with pytest.raises(ValueError, match="Maximum serialization depth exceeded"):
        load_component(object, model)


def test_a_folder_that_is_not_there_is_named() -> None:
    model = {**EXECUTOR, "config": {"readable": ["/no/such/folder"]}}
    with pytest.raises(FileNotFoundError, match="/no/such/folder"):
        load_component(KernelCodeExecutor, model)


# What remembers


class Thing:
    @remembers_arguments
    def __init__(self, first: int, *rest: int, named: str = "n", **more: int) -> None:
        """Take them."""


def test_the_signature_stays_what_it_was() -> None:
    assert str(inspect.signature(Thing)) == "(first: int, *rest: int, named: str = 'n', **more: int) -> None"
