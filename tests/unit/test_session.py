"""Names of sessions; what a session does is tested with real kernels."""

import re
import time
from pathlib import Path

from codeagent_nb.session.session import new_notebook


def test_a_session_is_named_after_what_it_belongs_to_and_when_it_began(tmp_path: Path) -> None:
    path = new_notebook(tmp_path, "study #1 ä-agent")
    assert path.parent == tmp_path
    assert re.fullmatch(r"study #1 ä-agent-\d{8}-\d{6}-\d{3}\.ipynb", path.name)
    assert not path.exists()


def test_names_sort_by_time(tmp_path: Path) -> None:
    names = []
    for _ in range(5):
        names.append(new_notebook(tmp_path).name)
        time.sleep(0.002)
    assert names == sorted(set(names))
