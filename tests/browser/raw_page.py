"""A bare client of the extension's protocol, to be run in a notebook's kernel: it sends, and waits for the answer."""

CLIENT = '''
import asyncio
from comm import create_comm

class Page:
    """One comm. `ask` sends a message and gives the answer; answers come on another thread."""

    kept = []  # a comm that is forgotten is closed, and a page that does not know it complains in its console

    def __init__(self, protocol=2):
        self.kept.append(self)
        self.comm = create_comm(target_name="codeagent_cells", data={"protocol": protocol})
        self.loop = asyncio.get_running_loop()
        self.answers = asyncio.Queue()
        self.seq = 0
        self.to = self.token = None
        receive = lambda message: self.loop.call_soon_threadsafe(self.answers.put_nowait, message["content"]["data"])
        self.comm.on_msg(receive)

    async def ask(self, message, timeout=5, seq=None):
        if seq is None:
            self.seq += 1
        self.comm.send({"seq": seq or self.seq, "to": self.to, **message})
        try:
            while True:
                answer = await asyncio.wait_for(self.answers.get(), timeout)
                if answer["re"] == (seq or self.seq):
                    return answer
        except asyncio.TimeoutError:
            return None

    async def hello(self, anchor=None):
        answer = await self.ask({"op": "hello", "anchor": anchor, "token": self.token})
        if answer and answer["ok"]:
            self.to, self.token = answer["client"], answer.get("token")
        return answer

    async def apply(self, *changes, **options):
        return await self.ask({"op": "apply", "changes": changes}, **options)
'''
