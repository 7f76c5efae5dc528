"""AutoGen's example of one agent that writes the code, runs it and explains what came of it."""

import asyncio

from codeagent_nb import CodeExecutorAgent, Console, OpenAIChatCompletionClient
from kernel_executor import KernelCodeExecutor


async def main() -> None:
    model_client = OpenAIChatCompletionClient(model="gpt-4o")

    # define the code executor
    code_executor = KernelCodeExecutor(work_dir="coding")

    # start the kernel
    await code_executor.start()

    code_executor_agent = CodeExecutorAgent(
        "code_executor_agent", code_executor=code_executor, model_client=model_client
    )

    task = "Write python code to print Hello World!"
    await Console(code_executor_agent.run_stream(task=task))

    # stop the kernel
    await code_executor.stop()


asyncio.run(main())
