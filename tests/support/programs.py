"""Random programs over what people have in a kernel, and a description of all of it that can be compared."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

BEGINNING = """
import hashlib
import random
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

class Thing:
    made = 0
    def __init__(self, name):
        self.name, self.parts = name, []
        Thing.made += 1

def counting(start):
    count = start
    def more(step=1):
        nonlocal count
        count += step
        return count
    return more

def numbers(first):
    while True:
        got = yield first
        first += got or 1

items, table, array = [1], pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')}), np.arange(6.0)
words, things, more, stream, figure = {}, [Thing('one')], counting(0), numbers(0), Figure()
next(stream); axes = figure.subplots()
random.seed(1); np.random.seed(1); generator = np.random.default_rng(1)
alias = items

def described(value, depth=0):
    kind = type(value).__name__
    if depth > 6:
        return kind
    if isinstance(value, (list, tuple)):
        return [kind, *(described(each, depth + 1) for each in value)]
    if isinstance(value, dict):
        return {repr(name): described(each, depth + 1) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return [kind, str(value.dtype), value.shape, value.tobytes().hex()]
    if isinstance(value, pd.DataFrame):
        return [kind, {str(name): str(dtype) for name, dtype in value.dtypes.items()}, value.to_dict('list')]
    if isinstance(value, Thing):
        return [kind, described(vars(value), depth + 1)]
    if isinstance(value, type):
        return [kind, value.__name__, getattr(value, 'made', None)]
    if callable(value) and getattr(value, '__closure__', None):
        return [kind, *(described(cell.cell_contents, depth + 1) for cell in value.__closure__)]
    if hasattr(value, 'gi_frame'):
        return [kind, value.gi_frame.f_lasti, described(dict(value.gi_frame.f_locals), depth + 1)]
    if isinstance(value, Figure):
        return [kind, [[line.get_xydata().tolist() for line in each.lines] + [each.get_title()] for each in value.axes]]
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    return repr(value) if isinstance(value, (int, float, str, bool, set, frozenset)) else kind

def state():
    names = 'items table array words things more stream figure generator Thing extra'.split()
    found = {name: described(globals()[name]) for name in names if name in globals()}
    legacy = np.random.get_state()
    # Not its hash: that of None is its address before Python 3.12, and another in the forks of another root.
    chance = hashlib.sha256(repr(random.getstate()).encode()).hexdigest()
    return repr([found, alias is items, chance, legacy[1].tobytes().hex()[:80], legacy[2]])
"""
"""What a program begins with: its variables, and `state()`, which describes them."""

STATEMENTS = (
    "items.append({n})",
    "items.insert(0, [{n}, '{w}'])",
    "items.reverse()",
    "items.append(items.pop(0))",
    "words['{w}'] = [{n}, items[-1]]",
    "words.setdefault('{w}', []).append({n})",
    "words = {{**words, {n}: '{w}'}}",
    "array[{n} % len(array)] += {n}",
    "array = np.concatenate([array, array[:{s}]])",
    "array *= 1.5",
    "table = pd.concat([table, table.tail({s})], ignore_index=True)",
    "table['c{s}'] = np.arange(len(table)) * {n}",
    "table = table.iloc[::-1].reset_index(drop=True)",
    "table.loc[table['a'] > {n}, 'b'] = '{w}'",
    "things.append(Thing('{w}'))",
    "things[-1].parts.append(things[0])",
    "things[0].parts = things[0].parts[-2:] + [{n}]",
    "Thing.made += {n}",
    "more({n})",
    "more = counting(more({s}))",
    "stream.send({n})",
    "next(stream)",
    "axes.plot([0, 1], [{n}, {s}])",
    "axes.set_title('{w}')",
    "items.append(random.random())",
    "array[0] = np.random.rand()",
    "array[-1] = generator.normal()",
    "extra = {{'{w}': {n}}}",
    "extra = items[-{s}:]",
    "items[:] = items[-8:]",
)
"""n is a number, s a small one, w a word."""

FAILURES = (
    ("error", "1 / 0"),
    ("error", "raise KeyError('{w}')"),
    ("error", "assert False"),
    ("exit", "import os; os._exit({s})"),
    ("killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    ("crash", "import ctypes; ctypes.string_at(0)"),
    ("late", "import time; time.sleep(30)"),
)
"""How a call fails, after it has changed something."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a program.

    Args:
        blocks: What runs.
        fails: How, or nothing.
        pause: Seconds until the next one.
    """

    blocks: tuple[str, ...]
    fails: str = ""
    pause: float = 0.0


def program(seed: int, length: int = 14) -> list[Call]:
    """Return a random program, the same for the same seed."""
    chance = random.Random(seed)
    return list(_calls(chance, length))


def _calls(chance: random.Random, length: int) -> Iterator[Call]:
    for _ in range(length):
        blocks = tuple(_filled(chance.choice(STATEMENTS), chance) for _ in range(chance.randint(1, 3)))
        pause = chance.choice((0.0, 0.0, 0.03, 0.12))
        if chance.random() < 0.25:
            how, end = chance.choice(FAILURES)
            yield Call((*blocks, _filled(end, chance)), how, pause)
        else:
            yield Call(blocks, pause=pause)


def _filled(statement: str, chance: random.Random) -> str:
    return statement.format(n=chance.randint(0, 99), s=chance.randint(1, 3), w=chance.choice(("ash", "birch", "cedar")))
