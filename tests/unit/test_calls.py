"""Calls that a model wrote down: the code in them runs, or is refused aloud. None is an answer in words."""

import json

import pytest

from codeagent_nb.reply.run_policy import read_reply

CODE = "print(1)"
ARGUMENTS = json.dumps({"code": CODE})
CALL = json.dumps({"name": "python", "arguments": {"code": CODE}})
P, T = "\uff5c", "▁"  # the signs of DeepSeek's tokens

RUN = [
    f"<|python_tag|>{CODE}<|eom_id|>",
    f"<|python_tag|>{CALL}<|eot_id|>",
    f"<code>{CODE}</code>",
    f"<code>\n{CODE}",
    f"<code>\n```python\n{CODE}\n```\n</code>",
    f"Code:\n{CODE}\n<end_code>",
    f"tool_code\n{CODE}",
    f"```tool_code\n{CODE}\n```",
    f"<tool_code>\n{CODE}\n</tool_code>",
    f"python\n{CODE}",
    json.dumps({"language": "python", "code": CODE}),
    json.dumps({"type": "code", "format": "python", "content": CODE}),
    json.dumps({"thoughts": "I print.", "code": CODE}),
    json.dumps({"action": "python_repl", "action_input": CODE}),
    json.dumps({"tool_uses": [{"recipient_name": "functions.python", "parameters": {"code": CODE}}]}),
    f"I run it: {CALL}",
    f"[TOOL_CALLS][{CALL}]",
    f"[TOOL_CALLS]python[ARGS]{ARGUMENTS}",
    f"[TOOL_REQUEST]{CALL}[END_TOOL_REQUEST]",
    f"<function=python>{ARGUMENTS}</function>",
    f"<tool_call>\n<function=run_python>\n<parameter=code>\n{CODE}\n</parameter>\n</function>\n</tool_call>",
    f'<function_calls>\n<invoke name="python"><parameter name="code">{CODE}</parameter></invoke>\n</function_calls>',
    f"<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>{CODE}</arg_value>\n</tool_call>",
    f"<|action_start|><|interpreter|>\n{CODE}<|action_end|>",
    f"<execute_ipython>\n{CODE}\n</execute_ipython>",
    f"<|channel|>commentary to=functions.python <|constrain|>json<|message|>{ARGUMENTS}<|call|>",
    f"<|channel|>analysis to=python code<|message|>{CODE}<|call|>",
    f"Thought: x\nAction: python\nAction Input: {CODE}\nObservation: 1",
    f"<tool_call>{{'name': 'python', 'arguments': {{'code': '{CODE}'}}}}</tool_call>",
    f"```json\n{CALL}\n```",
    f"{CALL}\n</tool_call>",
]
# From issues of others: what stood in the text, with our code in it.
FURTHER = [
    ((f'<‖DSML‖tool_calls>\n<‖DSML‖invoke name="python">\n<‖DSML‖parameter name="code" string="true">{CODE}'
     "</‖DSML‖parameter>\n</‖DSML‖invoke>\n</‖DSML‖tool_calls>"), "lsdefine/GenericAgent#804"),
    ((f'<{P}{P}DSML{P}{P}tool_calls><{P}{P}DSML{P}{P}invoke name="python"><{P}{P}DSML{P}{P}parameter name="code">{CODE}'
     f"</{P}{P}DSML{P}{P}parameter></{P}{P}DSML{P}{P}invoke></{P}{P}DSML{P}{P}tool_calls>"), "cline/cline#13348"),
    (f"<function=python>\n<parameter=code>\n{CODE}\n</parameter>\n</function>", "antoinezambelli/forge#56"),
    (f"python[ARGS]{ARGUMENTS}", "antoinezambelli/forge#56"),
    (f"<tool_call>\n{CALL}\n</tool_call>", "NousResearch/hermes-agent#35129"),
    ((f"<|tool_calls_section_begin|><|tool_call_begin|>functions.python:0<|tool_call_argument_begin|>{ARGUMENTS}"
     "<|tool_call_end|><|tool_calls_section_end|>"), "NousResearch/hermes-agent#35129"),
    (f"<|tool_call|>[{CALL}]", "vllm-project/vllm#11039"),
    (f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "python", "parameters": {ARGUMENTS}}}]<|END_ACTION|>',
     "Blaizzy/mlx-vlm#1298"),
    (f"<tool_call><function=python><parameter=code>{CODE}</parameter></function></tool_call>", "lablup/mlxcel#206"),
    (f'<|tool_call>call:python{{code:<|"|>{CODE}<|"|>}}<tool_call|>', "ggml-org/llama.cpp#22371"),
    (f"<tool>{CALL}</tool>", "diegosouzapw/OmniRoute#13345"),
    (f'<calls><invoke name="python"><parameter name="code">{CODE}</parameter></invoke></calls>',
     "diegosouzapw/OmniRoute#13345"),
    (f"[{CALL}]", "vllm-project/vllm#16190"),
    (f'<|tool_call_start|>[python(code="{CODE}")]<|tool_call_end|>', "ggml-org/llama.cpp#26658"),
    ((f"<{P}tool{T}calls{T}begin{P}><{P}tool{T}call{T}begin{P}>function<{P}tool{T}sep{P}>python\n```json\n{ARGUMENTS}\n"
     f"```<{P}tool{T}call{T}end{P}><{P}tool{T}calls{T}end{P}>"), "vllm-project/vllm#54686"),
]  # fmt: skip
REFUSED = [
    ("<name>task\n</parameter>\n<parameter=description>\nAdd\n</parameter>\n</function>", "signalnine/q27#24"),
    ('<|tool_call>call:get_time{city:<|"|>Paris<|"|>}<tool_call|>', "ggml-org/llama.cpp#22371"),
    ('<tool_call>{"name": "read_file", "arguments": {"path": "README.md"}}</tool_call>', "OpenBMB/PilotDeck#574"),
    ('Here:\n```text\na\n```\n<tool_call>{"name": "search", "arguments": {"q": "x"}}</tool_call>', "next to data"),
    ('[get_weather(city="Paris")]', "Llama's calls in Python"),
    ('<tool_call>{"name": "python", "arguments": {"code": "print(1)</tool_call>', "JSON that broke off"),
    ("<|python_tag|>print(", "code that broke off"),
    ("<tool_call></tool_call>", "nothing in it"),
    ('{"language": "javascript", "code": "alert(1)"}', "another language"),
]
WORDS = [
    "Use <code>print(1)</code> to print.",
    "<code>42</code>",
    '{"name": "Alice", "age": 3}',
    '{"name": "mean", "input": 3}',
    '{"code": "E42", "message": "not found"}',
    '{"language": "English", "code": "en"}',
    '{"function": "linear", "parameters": "a, b"}',
    '{"action": "jump", "speed": 3}',
    "Hermes writes `<tool_call>` around it.",
    "Run <command> with <python> installed.",
    "Python\nis a snake.",
    "<postal_code>10115</postal_code>",
    "The set {1, 2} and the list [1, 2].",
    "Action: none is needed.",
]
# Data with the keys of a call: records that package indexes, scripts and editors keep, and calls that are quoted.
DATA = [
    'I ran `{"lang":"sh","cmd":"rm -rf x"}` for you.',
    'It sent `{"name": "python", "arguments": {"code": "print(1)"}}` to the tool.',
    'It sent ``{"language": "python", "code": "print(1)"}`` first and `x` then.',
    '{"lang": "sh", "cmd": "rm -rf x"}',
    '```json\n{"language": "bash", "command": "rm -rf x"}\n```',
    'The entry is {"language": "bash", "command": "rm -rf x"}.',
    '[{"language": "bash", "command": "rm -rf x"}]',
    '{"language": "bash", "command": "rm -rf x", "name": "clean"}',
    '{"language": "bash", "command": ["rm", "-rf", "x"]}',
    '{"language": "bash", "command": " "}',
    '{"language": "bash", "command": "zsh"}',
    '{"language": "python", "command": "rm -rf x"}',
    '{"language": "English", "command": "ls"}',
    '```json\n{"name":"build","format":"shell","command":"rm -rf build"}\n```',
    '[{"name":"numpy","language":"Python","source":"https://github.com/numpy/numpy"}]',
    'Country codes: {"name":"Germany","code":"del x"}',
    '{"count": 3, "code": "import os"}',
    '{"id": 7, "language": "python", "code": "import os"}',
    '{"type": "error", "code": "import os"}',
    '[{"language": "Python", "code": "py"}, {"language": "Bash", "code": "sh"}]',
    '{"name": "Python", "code": "py"}',
    '```json\n{"scripts": [{"name": "test", "kernel": "bash", "script": "make test"}]}\n```',
    '{"language": "python", "source": "stdin"}',
    '{"title": "Loop", "lang": "python", "code": "for i in x: pass"}',
    "**Tool:** Python\n**Input:** the file sales.csv",
    "Function: Python developer\nInput: two reports a week",
    "Tool: python\nArguments: none were given.",
    """{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}""",
    """[{"name": "python", "parameters": {"type": "object", "properties": {"code": {"type": "string"}}}}]""",
    '{"action": "Final Answer", "action_input": "It is 4."}',
    '{"name": "final_answer", "arguments": {"answer": "It is 4."}}',
    "Thought: x\nAction: Final Answer\nAction Input: It is 4.",
    "[CODE]E42[/CODE]",
    "[RUN]a long way[/RUN]",
    '<tool name="hammer">It hits.</tool>',
    'linear(code="import os")',
    "They go to=python\nand to=java.",
]
# The output of a run, as a template marks it: nothing to run.
OUTPUTS = [
    "<|execute_result|>\n1",
    "<|jupyter_output|>\n1",
    "<execution_result>\nprint(1)\n</execution_result>",
    "<|code_output|>print(1)",
    "<code_execution_result>print(1)</code_execution_result>",
    "<|tool_response|>\nprint(1)",
    "<python_output>print(1)</python_output>",
    "<run_result>\n1\n</run_result>",
    "<function_results>\n1\n</function_results>",
    "<tool_code_output>\n1",
]


def codes(text: str) -> list[str]:
    return [block.code for block in read_reply(text).blocks]


@pytest.mark.parametrize("text", RUN)
def test_the_code_in_a_call_runs(text: str) -> None:
    assert codes(text) == [f"{CODE}\n"]


@pytest.mark.parametrize(("text", "source"), FURTHER, ids=[f"{source} {n}" for n, (_, source) in enumerate(FURTHER)])
def test_the_code_in_calls_that_others_met_runs(text: str, source: str) -> None:
    assert codes(text) == [f"{CODE}\n"], source


@pytest.mark.parametrize(("text", "what"), REFUSED, ids=[what for _, what in REFUSED])
def test_a_call_that_cannot_run_is_refused_aloud(text: str, what: str) -> None:
    reply = read_reply(text)
    assert (reply.blocks, bool(reply.refused)) == ((), True), what


@pytest.mark.parametrize("text", WORDS)
def test_what_is_no_call_is_an_answer(text: str) -> None:
    reply = read_reply(text)
    assert not (reply.blocks)
    assert not (reply.refused)
    assert not (reply.cut_off)


@pytest.mark.parametrize("text", DATA)
def test_data_with_the_keys_of_a_call_is_an_answer(text: str) -> None:
    reply = read_reply(text)
    assert (reply.blocks, reply.refused) == ((), ())


@pytest.mark.parametrize("text", OUTPUTS)
def test_what_is_marked_as_output_does_not_run(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize("rest", ["", "<|jupyter_text|>So it is 1.", "<|jupyter_markdown|># One"])
def test_the_output_after_marked_code_is_left_out(rest: str) -> None:
    assert codes(f"<|jupyter_code|>print(1)<|jupyter_output|>1{rest}") == ["print(1)\n"]


@pytest.mark.parametrize(
    "text",
    [
        '{"tool": "python", "code": "import os"}',
        '<tool_call>{"language": "python", "source": "import os"}</tool_call>',
        '{"type": "code", "language": "python", "code": "import os"}',
        '{"language": "python", "source": "import os"}',
        '{"plan": "I import it.", "language": "python", "code": "import os"}',
        "Tool: python\nInput: import os",
        "[PYTHON]\nimport os\n[/PYTHON]",
        "I run it: [PYTHON]import os[/PYTHON]",
        "[CODE]import os[/CODE]",
        '<tool name="python">import os</tool>',
        '<action name="run_python">\nimport os\n</action>',
        'python(code="import os")',
        'functions.python(code="import os")',
        "assistantcommentary to=python code\nimport os",
        "commentary to=functions.python code\nimport os",
        'assistantcommentary to=python json\n{"code": "import os"}',
        "analysisWe import it.assistantcommentary to=python code\nimport os",
        "**Action:** python\n**Input:** import os",
    ],
)
def test_a_call_with_keys_of_its_own_still_runs(text: str) -> None:
    assert codes(text) == ["import os\n"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<execute_bash>\nls\n</execute_bash>", "ls\n"),
        ("<execute_command>\n<command>ls</command>\n</execute_command>", "ls\n"),
        ('{"name": "bash", "arguments": {"command": "ls"}}', "ls\n"),
        ('{"language":"bash","command":"ls"}', "ls\n"),
        ('\n{"language": "Shell", "command": "ls", "explanation": "I look."}\n', "ls\n"),
        # sgl-project/sglang#35736
        ((f'<{P}DSML{P}invoke name="Bash"><{P}DSML{P}parameter name="command">pwd</{P}DSML{P}parameter>'
         f"</{P}DSML{P}invoke>"), "pwd\n"),
    ],
)  # fmt: skip
def test_a_call_of_a_shell_is_a_shell_script(text: str, code: str) -> None:
    (block,) = read_reply(text).blocks
    assert (block.language, block.code) == ("bash", code)


def test_blocks_and_calls_run_in_the_order_of_the_text() -> None:
    call = json.dumps({"name": "python", "arguments": {"code": "y = x"}})
    text = f"```python\nx = 1\n```\n<tool_call>{call}</tool_call>\n\n```python\nprint(y)\n```"
    assert codes(text) == ["x = 1\n", "y = x\n", "print(y)\n"]


def test_calls_whose_ends_a_server_ate_are_told_apart() -> None:
    assert codes(f"<tool_call>\n{CALL}\n<tool_call>\n{CALL.replace('1', '2')}") == ["print(1)\n", "print(2)\n"]


def test_after_a_call_without_an_end_a_block_still_runs() -> None:
    assert codes(f"<tool_call>{CALL}\n\n```python\nx = 2\n```") == ["print(1)\n", "x = 2\n"]


def test_a_cut_off_call_does_not_run() -> None:
    assert read_reply(f"<|python_tag|>{CODE}", "length").blocks == ()


def test_a_call_in_reasoning_is_a_draft() -> None:
    reply = read_reply(f"<think><tool_call>{CALL}</tool_call> no</think>The answer is 1.")
    assert (reply.blocks, reply.text) == ((), "The answer is 1.")


def test_a_call_that_is_quoted_beside_code_is_data() -> None:
    assert codes(f"```json\n{CALL}\n```\n```python\nx = 2\n```") == ["x = 2\n"]
