"""`%%agent -i df` in the browser with the real embedded model: a right number and a plot under the cell."""

import os

import pytest

from codeagent_nb.models import weights
from tests.browser.agent_cells import shown, wait_until_done
from tests.browser.jupyter import Notebook, one_app
from tests.model.test_agent_answers import altered_penguins

pytest.importorskip("xllamacpp", reason="the embedded model's server is not installed: pip install '.[local]'")

pytestmark = [pytest.mark.model, pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(600)]

TASK = """%%agent -m local -i df -r 1 -t 120
What is the mean body mass in grams of the Gentoo penguins? Print it rounded to two decimals,
and draw a bar chart of the mean body mass of each species."""


@one_app
def test_a_question_on_a_table_gives_a_right_number_and_a_plot(notebook: Notebook) -> None:
    """The table has rows dropped and values shifted, so that nothing can be remembered."""
    model = weights.find(os.environ)
    if model is None:
        pytest.skip("the embedded model is not here: codeagent-nb model fetch")
    truth = altered_penguins(notebook.server.root / "penguins.csv", seed=11)
    load = "%load_ext codeagent_nb\nimport pandas as pd\ndf = pd.read_csv('penguins.csv')"
    notebook.open(f"%env CODEAGENT_MODEL_PATH={model}\n{load}", TASK)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_until_done(notebook, 1, seconds=400)
    assert any("image/png" in output.get("data", {}) for output in notebook.outputs(1))
    texts = "\n".join(output["data"].get("text/plain", "") for output in notebook.outputs(1) if "data" in output)
    assert f"{truth:.2f}".rstrip("0") in texts, shown(notebook, 1)
