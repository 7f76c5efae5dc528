"""AutoGen's first example: an agent that runs the code it is given. Needs no model."""

import asyncio

from codeagent_nb import CodeExecutorAgent, TextMessage
from kernel_executor import CancellationToken, KernelCodeExecutor


async def run_code_executor_agent() -> None:
    # Create a code executor agent that uses a managed kernel to execute code.
    code_executor = KernelCodeExecutor(work_dir="coding")
    await code_executor.start()
    code_executor_agent = CodeExecutorAgent("code_executor", code_executor=code_executor)

    # Run the agent with a given code snippet.
    task = TextMessage(
        content="""Here is some code
```python
print('Hello world')
```
""",
        source="user",
    )
    response = await code_executor_agent.on_messages([task], CancellationToken())
    print(response.chat_message.content)

    # Stop the code executor.
    await code_executor.stop()


asyncio.run(run_code_executor_agent())
