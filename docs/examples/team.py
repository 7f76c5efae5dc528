"""AutoGen's example of a coder and an executor that talk until the work is done."""

import asyncio

from codeagent_nb import (
    AssistantAgent,
    CodeExecutorAgent,
    Console,
    MaxMessageTermination,
    OpenAIChatCompletionClient,
    RoundRobinGroupChat,
    TextMentionTermination,
)
from kernel_executor import KernelCodeExecutor

termination_condition = MaxMessageTermination(10) | TextMentionTermination("TERMINATE")


async def main() -> None:
    model_client = OpenAIChatCompletionClient(model="gpt-4o")

    # define the code executor
    code_executor = KernelCodeExecutor(work_dir="coding")

    # start the kernel
    await code_executor.start()

    code_executor_agent = CodeExecutorAgent("code_executor_agent", code_executor=code_executor)
    coder_agent = AssistantAgent("coder_agent", model_client=model_client)

    groupchat = RoundRobinGroupChat(
        participants=[coder_agent, code_executor_agent], termination_condition=termination_condition
    )

    task = "Write python code to print Hello World!"
    await Console(groupchat.run_stream(task=task))

    # stop the kernel
    await code_executor.stop()


asyncio.run(main())
