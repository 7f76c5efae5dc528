"""The main job with the real embedded model: a question on a table nobody has seen before."""

import csv
import os
import random
import re
from contextlib import AsyncExitStack
from pathlib import Path

import nbformat
import pytest

from codeagent_nb.approval import refuse_unattended
from codeagent_nb.events import CodeExecutionEvent
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.session.session import SessionSettings, open_session

pytest.importorskip("xllamacpp", reason="the embedded model's server is not installed: pip install '.[local]'")
pytest.importorskip("pandas", reason="generated code uses pandas: pip install '.[data]'")

PENGUINS = Path(__file__).parents[2] / "notebooks" / "data" / "penguins.csv"

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),  # 23 tokens/s on two quiet cores, a tenth of that on busy ones
    pytest.mark.skipif(
        weights.find(os.environ) is None, reason="the embedded model is not here: codeagent-nb model fetch"
    ),
]


def altered_penguins(path: Path, seed: int) -> float:
    """Write a copy with rows dropped and masses shifted; return the mean body mass of its Gentoos."""
    chance = random.Random(seed)
    with PENGUINS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if chance.random() > 0.25]
    shift = chance.randint(150, 900)
    for row in rows:
        if row["body_mass_g"] not in {"", "NA"}:
            row["body_mass_g"] = str(int(float(row["body_mass_g"])) + shift + chance.randint(-40, 40))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    masses = [
        float(row["body_mass_g"]) for row in rows if row["species"] == "Gentoo" and row["body_mass_g"] not in {"", "NA"}
    ]
    return sum(masses) / len(masses)


@pytest.mark.parametrize("seed", [20261123, 7])
async def test_the_answer_is_computed_not_remembered(seed: int, tmp_path: Path) -> None:
    """The true answer must be in the executed code's own output: what the model says is not looked at."""
    weights.verify(weights.find(os.environ) or Path(), weights.KNOWN_MODEL)
    table = tmp_path / "penguins.csv"
    truth = altered_penguins(table, seed)
    settings = SessionSettings(notebook=tmp_path / "work" / "answer.ipynb", files=(table,))
    model = LocalChatCompletionClient(temperature=0.0)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(model.close)
        session = await stack.enter_async_context(open_session(settings))
        result = await session.run(
            "What is the mean body mass in grams of the Gentoo penguins? Print it rounded to two decimals.",
            RunSettings(model=model, ask=refuse_unattended, timeout=120.0, approval="never"),
        )
    output = "\n".join(event.result.output for event in result.messages if isinstance(event, CodeExecutionEvent))
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+|-?\d+", output.replace(",", ""))]
    assert any(abs(number - truth) < 0.0051 for number in numbers), f"{truth:.2f} is not in {output!r}"
    nbformat.validate(nbformat.read(settings.notebook, as_version=4))
