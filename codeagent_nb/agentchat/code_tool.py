"""`PythonCodeExecutionTool`: an executor as a tool that a model can call. Knows no model and no agent."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from codeagent_nb.prompt.transcript import OUTPUT_BUDGET
from kernel_executor import CancellationToken, CodeBlock, CodeExecutor
from kernel_executor.text import shorten


class CodeExecutionInput(BaseModel):
    """What the model gives."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="The Python code to run.")


class CodeExecutionResult(BaseModel):
    """What it gets.

    Args:
        success: True if the code succeeded.
        output: All that it printed and showed as text, and what ended it.
    """

    model_config = ConfigDict(frozen=True)

    success: bool
    output: str


class PythonCodeExecutionTool:
    """Runs Python code that a model passes to it.

    Args:
        executor: Runs the code; started and stopped by you. Variables stay from call to call where it keeps them.
    """

    def __init__(self, executor: CodeExecutor) -> None:
        self._executor = executor

    @property
    def name(self) -> str:
        """The name by which the model calls it."""
        return "CodeExecutor"

    @property
    def description(self) -> str:
        """What the model reads about it."""
        return "Execute Python code blocks."

    @property
    def schema(self) -> dict[str, Any]:
        """AutoGen's tool schema: name, description and the JSON schema of the one parameter, `code`."""
        arguments = CodeExecutionInput.model_json_schema()
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": arguments["properties"],
                "required": arguments["required"],
                "additionalProperties": False,
            },
            "strict": False,
        }

    @property
    def openai_tool(self) -> dict[str, Any]:
        """An entry of `tools` in a chat-completions request."""
        return {"type": "function", "function": self.schema}

    async def run(
        self, args: CodeExecutionInput | str, cancellation_token: CancellationToken | None = None
    ) -> CodeExecutionResult:
        """Run code.

        Args:
            args: The code, or the arguments that hold it.
            cancellation_token: Stops the code, as cancelling the task does.
        """
        code = args if isinstance(args, str) else args.code
        result = await self._executor.execute_code_blocks([CodeBlock(code, "python")], cancellation_token)
        return CodeExecutionResult(success=result.exit_code == 0, output=result.output)

    async def run_json(
        self, args: Mapping[str, Any], cancellation_token: CancellationToken | None = None
    ) -> CodeExecutionResult:
        """Run code with the arguments of a model's tool call.

        Raises:
            ValueError: They are not what `schema` asks for.
        """
        return await self.run(CodeExecutionInput.model_validate(args), cancellation_token)

    def return_value_as_string(self, value: CodeExecutionResult) -> str:
        """Return a result as the model is to see it: the output, long ones with their middle left out."""
        return shorten(value.output, OUTPUT_BUDGET)
