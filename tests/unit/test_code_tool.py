"""`PythonCodeExecutionTool`: what a model is told of it, and what it gets."""

import asyncio

import pytest

from codeagent_nb import PythonCodeExecutionTool
from codeagent_nb.agentchat.code_tool import CodeExecutionInput
from kernel_executor import CancellationToken, CodeBlock
from kernel_executor.replay import ReplayCodeExecutor, failing


def test_the_model_is_told_its_name_and_its_one_argument() -> None:
    tool = PythonCodeExecutionTool(ReplayCodeExecutor([]))
    assert (tool.name, tool.description) == ("CodeExecutor", "Execute Python code blocks.")
    assert tool.schema == {
        "name": "CodeExecutor",
        "description": "Execute Python code blocks.",
        "parameters": {
            "type": "object",
            "properties": {"code": {"description": "The Python code to run.", "title": "Code", "type": "string"}},
            "required": ["code"],
            "additionalProperties": False,
        },
        "strict": False,
    }
    assert tool.openai_tool == {"type": "function", "function": tool.schema}


async def test_code_is_run_whichever_way_it_is_given() -> None:
    executor = ReplayCodeExecutor(["1\n", "2\n", "3\n"])
    tool = PythonCodeExecutionTool(executor)
    results = [
        await tool.run("print(1)"),
        await tool.run(CodeExecutionInput(code="print(2)"), CancellationToken()),
        await tool.run_json({"code": "print(3)"}),
    ]
    assert [(result.success, result.output) for result in results] == [(True, "1"), (True, "2"), (True, "3")]
    assert executor.executed == [CodeBlock(f"print({number})", "python") for number in (1, 2, 3)]


async def test_a_failure_is_a_result() -> None:
    tool = PythonCodeExecutionTool(ReplayCodeExecutor([failing("ValueError", "bad")]))
    result = await tool.run("1/0")
    assert not result.success
    assert "ValueError: bad" in tool.return_value_as_string(result)


async def test_the_model_gets_the_ends_of_a_long_output_and_the_caller_all() -> None:
    tool = PythonCodeExecutionTool(ReplayCodeExecutor(["begin" + "x" * 100_000 + "end\n"]))
    result = await tool.run("print(...)")
    seen = tool.return_value_as_string(result)
    assert len(result.output) == 100_008
    assert len(seen) < 3_100
    assert seen.startswith("begin")
    assert seen.endswith("end")


async def test_arguments_without_code_are_refused() -> None:
    executor = ReplayCodeExecutor(["1\n"])
    with pytest.raises(ValueError, match="code"):
        await PythonCodeExecutionTool(executor).run_json({})
    assert not executor.executed


async def test_the_token_stops_the_code() -> None:
    token = CancellationToken()
    tool = PythonCodeExecutionTool(ReplayCodeExecutor(["1\n"], delay=60))
    run = asyncio.create_task(tool.run("sleep()", token))
    await asyncio.sleep(0.01)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 1)
