"""AutoGen's example of code that uses a GPU in a Docker container. Needs a GPU and NVIDIA's container toolkit."""

import asyncio

from docker.types import DeviceRequest

from codeagent_nb import CodeExecutorAgent, TextMessage
from kernel_executor import CancellationToken, DockerCommandLineCodeExecutor


async def run_code_executor_agent() -> None:
    # Create a code executor agent that uses a Docker container to execute code.
    code_executor = DockerCommandLineCodeExecutor(
        work_dir="coding", device_requests=[DeviceRequest(count=-1, capabilities=[["gpu"]])]
    )
    await code_executor.start()
    code_executor_agent = CodeExecutorAgent("code_executor", code_executor=code_executor)

    # Display the GPU information
    task = TextMessage(
        content="""Here is some code
```sh
nvidia-smi
```
""",
        source="user",
    )
    response = await code_executor_agent.on_messages([task], CancellationToken())
    print(response.chat_message)

    # Stop the code executor.
    await code_executor.stop()


asyncio.run(run_code_executor_agent())
