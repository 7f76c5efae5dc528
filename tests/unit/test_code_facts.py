"""What is read from the text of a block: which names it makes, and whether it would add to a file twice."""

import pytest

from kernel_executor import CodeBlock
from kernel_executor.kernels.code_facts import adds_to_files, names_made

NAMES = {
    "x = 1": "x",
    "x, (y, *z) = [], b = 1, (2, 3)": "b x y z",
    "x: int = 1; y += 1": "x y",
    "import os.path, json as j; from math import pi as p, e": "e j os p",
    "def f(a): inside = 1; return inside": "f",
    "async def f(): pass\nclass C:\n    attribute = 1": "C f",
    "for i, (j, k) in []: m = 1": "i j k m",
    "with open('x') as f, open('y') as g: pass": "f g",
    "if (n := 10) > 5: pass": "n",
    "[i for i in range(3)]; {k: v for k, v in {}}; (lambda a: a)": "",
    "def f():\n    global g\n    g = 1": "f g",
    "try: pass\nexcept ValueError as error: caught = 1": "caught",
    "match 1:\n    case [a, *b]: pass\n    case {'k': c, **d}: pass\n    case int() as e: pass": "a b c d e",
    "x.y = 1; x[0] = 2; del z": "",
    "%matplotlib inline\nfiles = !ls\n!rm x\ny = 2": "files y",
    "%%time\nx = 1": "x",
    "if True:\n    %pip install x\n    y = 1": "y",
    "not python at all": "",
    "x = \x00": "",
}


@pytest.mark.parametrize("code", NAMES)
def test_names_that_a_block_makes(code: str) -> None:
    assert sorted(names_made(CodeBlock(code))) == NAMES[code].split()


def test_a_shell_block_makes_none() -> None:
    assert names_made(CodeBlock("x=1", "bash")) == set()


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("open('x', 'a').write('1')", "python"),
        ("open('x', mode='ab')", "python"),
        ("from pathlib import Path\nwith Path('x').open('a') as file: pass", "python"),
        ("table.to_csv('x.csv', mode='a')", "python"),
        ("!echo 1 >> x", "python"),
        ("%%bash\necho 1 >> x", "python"),
        ("echo 1 >>x", "bash"),
        ("echo 1 | tee -a x", "sh"),
    ],
)
def test_what_adds_to_a_file(code: str, language: str) -> None:
    assert adds_to_files(CodeBlock(code, language))


@pytest.mark.parametrize("code", ["open('x', 'w')", "open('a')", "x >> 2", "list.append('a')", "print('a', 'a')", "(("])
def test_what_does_not(code: str) -> None:
    assert not adds_to_files(CodeBlock(code))
