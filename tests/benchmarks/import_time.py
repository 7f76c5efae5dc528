"""Measure what importing our packages costs beyond bare Python, as a ratio to `import openai`, in turn."""

import statistics
import subprocess
import sys
import time

ROUNDS = 9
STATEMENTS = {
    "bare": "pass",
    "openai": "import openai",
    "codeagent_nb": "import codeagent_nb",
    "codeagent_nb.CodeExecutorAgent": "from codeagent_nb import CodeExecutorAgent",
    "%load_ext codeagent_nb": "import codeagent_nb.notebook.extension",
    "the first %%agent": "import codeagent_nb.notebook.magic_commands",
    "kernel_executor": "import kernel_executor",
    "kernel_executor.KernelCodeExecutor": "from kernel_executor import KernelCodeExecutor",
}


def seconds(statement: str) -> float:
    """Time one interpreter that runs a statement."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - started


def main() -> None:
    """Print medians in milliseconds beyond bare Python, and ratios to openai."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    bare = statistics.median(times["bare"])
    reference = statistics.median(times["openai"]) - bare
    for name, values in times.items():
        cost = statistics.median(values) - bare
        print(f"{name:40} {cost * 1e3:7.0f} ms   {cost / reference:5.2f} x openai")


if __name__ == "__main__":
    main()
