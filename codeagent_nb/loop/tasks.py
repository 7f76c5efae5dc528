"""What an agent may be given to do, as messages. Pure; knows no agent."""

from collections.abc import Sequence

from codeagent_nb.events import ChatMessage, TextMessage
from codeagent_nb.prompt.transcript import TASK_SOURCE

Task = str | ChatMessage | Sequence[ChatMessage]


def task_messages(task: Task) -> tuple[ChatMessage, ...]:
    """Return a task as messages.

    Raises:
        ValueError: It says nothing, or is no task.
    """
    if isinstance(task, str):
        task = TextMessage(source=TASK_SOURCE, content=task)
    messages = (task,) if isinstance(task, ChatMessage) else tuple(task)
    if not all(isinstance(message, ChatMessage) for message in messages):
        raise ValueError("a task is a text, a message or a list of messages")
    if not any(message.content.strip() for message in messages):
        raise ValueError("the task is empty: say what to do")
    return messages
