"""Measure what hostile code can do to the process of its user: how far that grows, and how long its loop is held.

Executed code holds its kernel's key, so what it sends past the kernel's own guard is signed. Each flood has a process
of its own, in which all events are kept, as an agent's log keeps them.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from kernel_executor import CodeBlock, ExecutionEvent, KernelCodeExecutor

TOOLS = """
import json, threading, time
kernel = get_ipython().kernel
parent = kernel.get_parent()
session = kernel.session
EMPTY = b'{}'
def signed(kind, content=EMPTY, metadata=EMPTY, parent=parent, topic=b'topic'):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    header = json.dumps(session.msg_header(kind), default=str).encode()
    whose = json.dumps(parent['header'], default=str).encode() if parent else EMPTY
    parts = [header, whose, metadata, content]
    return [topic, b'<IDS|MSG>', session.sign(parts), *parts]
def flood(frames, count=1, pause=0.0):
    # Without a copy, and no faster than they leave: the kernel's own memory is not what is measured.
    for start in range(0, count, 5_000):
        sent, copied = threading.Event(), max(map(len, frames)) < 9_999
        def send(number=min(5_000, count - start)):
            for _ in range(number):
                kernel.iopub_thread.socket.send_multipart(frames, copy=copied)
            sent.set()
        kernel.iopub_thread.schedule(send)
        sent.wait()
        time.sleep(pause)
"""

DISPLAY = "{'data': {'text/plain': 'x'}, 'metadata': {}, 'transient': {'display_id': 'i'}}"
LATER = "def later():\n    time.sleep(0.5)\n    {}\nthreading.Thread(target=later).start()"

FLOODS = {
    "nothing": "1",
    "45 MB of lists in metadata": "flood(signed('stream', metadata=b'[' + b'[],' * 15_000_000 + b'[]]'))",
    "40 x 20 MB of display": "flood(signed('display_data', {'data': {'text/html': 'x' * 20_000_000}}), 40)",
    "40 x 20 MB of metadata": "flood(signed('stream', metadata=b'\"' + b'x' * 20_000_000 + b'\"'), 40)",
    "40 x 20 MB of text": "flood(signed('stream', {'name': 'stdout', 'text': 'x' * 20_000_000}), 40)",
    "40 x 19 MB with an emoji": (
        "text = '{\"data\": {\"text/html\": \"\U0001f600' + 'x' * 19_000_000 + '\"}}'\n"
        "flood(signed('display_data', text.encode()), 40)"
    ),
    "3 million parts": "flood([*signed('stream'), *[b''] * 3_000_000])",
    "3 million parts before a message": "flood([b''] * 3_000_000)",
    "a million tiny messages": "flood(signed('stream', {'name': 'stdout', 'text': 'x'}), 1_000_000)",
    "200,000 on two streams in turn": (
        "for i in range(200):\n"
        "    flood(signed('stream', {'name': 'stdout', 'text': 'x'}), 500)\n"
        "    flood(signed('stream', {'name': 'stderr', 'text': 'x'}), 500)"
    ),
    "300,000 tiny displays": f"flood(signed('display_data', {DISPLAY}), 300_000)",
    "300,000 updates": (
        f"flood(signed('display_data', {DISPLAY}))\nflood(signed('update_display_data', {DISPLAY}), 300_000)"
    ),
    "300,000 clears": "flood(signed('clear_output', {'wait': True}), 300_000)",
    "300,000 errors": "flood(signed('error', {'ename': 'E', 'evalue': 'x', 'traceback': ['x']}), 300_000)",
    "300,000 comm messages": "flood(signed('comm_msg', {'comm_id': 'x', 'data': {}}), 300_000)",
    "300,000 unsigned": "flood([b't', b'<IDS|MSG>', b'0' * 64, EMPTY, EMPTY, EMPTY, EMPTY], 300_000)",
    "a million lists in content": (
        "deep = b'[' * 1_000_000 + b']' * 1_000_000\n"
        "flood(signed('display_data', b'{\"data\": {\"application/json\": ' + deep + b'}}'))"
    ),
    "lists side by side": (
        "flood(signed('display_data', b'{\"data\": {\"application/json\": [' + b'[],' * 4_000_000 + b'[]]}}'))"
    ),
    "numbers of 4,000 digits": (
        "flood(signed('display_data', b'{\"data\": {\"a/b\": [' + b','.join([b'9' * 4_000] * 4_000) + b']}}'), 5)"
    ),
    "390,000 long numbers": (
        "flood(signed('display_data', b'{\"data\": {\"a/b\": [' + b'1.7976931348623157e-300,' * 389_000 + b'0]}}'))"
    ),
    "590,000 backspaces": "flood(signed('stream', {'name': 'stdout', 'text': 'x' + '\\b' * 590_000}))",
    "commands on the socket": """
import os, socket
for name in os.listdir('/proc/self/fd'):
    try:
        one = socket.socket(fileno=os.dup(int(name)))
        if one.getsockname() and not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            one.setblocking(True)
            for _ in range(2_000):
                one.sendall(b'\\x04\\x00' * 32_768)
    except OSError:
        pass
""",
    "many mime types": ("flood(signed('display_data', {'data': {f'text/x-{i}': '' for i in range(140_000)}}), 10)"),
    "late displays, 150 MB": LATER.format(
        "flood(signed('display_data', {'data': {'text/html': 'x' * 100_000}}), 1_500, 0.01)"
    ),
    "late text, 150 MB": LATER.format("flood(signed('stream', {'name': 'stdout', 'text': 'x' * 1_000}), 150_000)"),
    "late lines, printed": LATER.format("[print('x' * 1_000, flush=True) for _ in range(150_000)]"),
}

ONE_BLOCK = 20.0  # seconds


def memory(field: str) -> int:
    """Return a number of bytes that the system says of this process."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


async def measure(name: str) -> dict[str, object]:
    """Run one flood, and a block after it."""
    gaps, worked = [0.0], [0.0]

    async def tick() -> None:
        while True:
            before, busy = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.005)
            gaps.append(time.perf_counter() - before - 0.005)
            worked.append(time.thread_time() - busy)

    kept: list[ExecutionEvent] = []
    async with KernelCodeExecutor(timeout=ONE_BLOCK) as executor:
        executor.on_late_output(kept.append)
        await executor.execute_code_blocks([CodeBlock("print(1)\ndisplay(1)")])
        Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0.1)
        started = time.perf_counter()
        code = f"{TOOLS}\n{FLOODS[name]}"
        [first] = (await executor.execute_code_blocks([CodeBlock(code)], on_event=kept.append)).blocks
        lasted = time.perf_counter() - started
        if name.startswith("late"):
            await asyncio.sleep(8)
        [after] = (await executor.execute_code_blocks([CodeBlock("print('next')")], on_event=kept.append)).blocks
        ticker.cancel()
        grown = memory("VmHWM") - before
    return {
        "grown": grown,
        "held": max(gaps),
        "worked": max(worked),
        "lasted": lasted,
        "events": len(kept),
        "first": first.status,
        "omitted": str(first.truncated) if first.truncated else "",
        "after": after.status,
    }


def main() -> None:
    """Print a line for each flood, or measure the one that is named and print it as JSON."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(asyncio.run(measure(sys.argv[2]))))
        return
    print("| flood | grows by, MB | loop held, s | of that, at work | block, s | events | it ends | next block |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |")
    for name in sys.argv[1:] or FLOODS:
        command = [sys.executable, __file__, "--one", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"| {name} | failed: {done.stderr.strip().splitlines()[-1]} |")
            continue
        told = json.loads(done.stdout)
        numbers = f"{told['grown'] / 1e6:.0f} | {told['held']:.3f} | {told['worked']:.3f} | {told['lasted']:.1f}"
        end = f"{told['events']} | {told['first']} {told['omitted']} | {told['after']}"
        print(f"| {name} | {numbers} | {end} |", flush=True)


if __name__ == "__main__":
    main()
