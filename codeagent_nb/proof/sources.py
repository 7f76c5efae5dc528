"""Where a cell's results can come from beside its inputs: chance, the clock, the network, no fixed order. Pure."""

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from codeagent_nb.proof.cell_code import dotted, python_of

Source = Literal["random", "time", "network", "unordered"]

CHANCE = re.compile(
    r"(?:^|\.)(?:random|secrets|uuid)\.|(?:^|\.)(?:randn?|randint|randperm|random_sample|default_rng|RandomState|shuffle"
    r"|permutation|choices?|sample|bootstrap|urandom|uuid[14]|token_\w+|train_test_split|make_\w+)$|^(?:id|hash)$"
)
SEEDED = frozenset({"random_state", "seed", "rng", "generator"})

CLOCK = re.compile(
    r"(?:^|\.)(?:now|utcnow|today|perf_counter|monotonic|process_time|thread_time|localtime|gmtime|ctime|timeit)(?:_ns)?$"
    r"|(?:^|\.)time\.(?:time|strftime|asctime)(?:_ns)?$|^time(?:_ns)?$|(?:st_[amc]time|getmtime)$"
)
WEB = re.compile(
    r"^(?:requests|urllib|urllib3|http|httpx|aiohttp|socket|ftplib|smtplib|boto3|websockets?|yfinance|openml)(?:\.|$)"
    r"|(?:^|\.)(?:urlopen|urlretrieve|fetch_\w+|load_dataset|from_pretrained)$"
)
NO_ORDER = re.compile(
    r"^(?:set|frozenset)$|(?:^|\.)(?:listdir|scandir|iterdir|r?glob|walk|as_completed|imap_unordered|Thread|gather)$"
)
ADDRESS = re.compile(r"^(?:https?|ftp|s3)://")


def imported_names(codes: Iterable[str]) -> dict[str, str]:
    """Return what the names that are imported anywhere in a notebook stand for: `np` for `numpy`."""
    found: dict[str, str] = {}
    for tree in filter(None, map(_tree, codes)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def sources_of(code: str, imported: Mapping[str, str]) -> dict[Source, str]:
    """Return where a cell's results can come from beside its inputs, with the call that shows it.

    Args:
        code: Of the cell.
        imported: What names stand for.
    """
    found: dict[Source, str] = {}
    tree = _tree(code)
    if tree is None:
        return found
    seeded = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_seeded(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute() if id(node) in seeded:
                continue
            case ast.Set() | ast.SetComp():
                found.setdefault("unordered", "a set")
            case ast.Constant(value=str(text)) if ADDRESS.match(text):
                found.setdefault("network", text[:80])
            case ast.Call() | ast.Attribute():
                _take(found, node, imported)
    return found


def _is_seeded(call: ast.Call) -> bool:
    return any(keyword.arg in SEEDED for keyword in call.keywords)


def _take(found: dict[Source, str], node: ast.Call | ast.Attribute, imported: Mapping[str, str]) -> None:
    called = node.func if isinstance(node, ast.Call) else node
    written = dotted(called)
    first, _, rest = written.lstrip(".").partition(".")
    full = f"{imported.get(first, first)}.{rest}" if rest else imported.get(first, first)
    is_seeded = isinstance(node, ast.Call) and _is_seeded(node)
    kinds: dict[Source, bool] = {
        "random": bool(CHANCE.search(full)) and not is_seeded and not full.endswith("seed"),
        "time": bool(CLOCK.search(full)),
        "network": bool(WEB.search(full)),
        "unordered": isinstance(node, ast.Call) and bool(NO_ORDER.search(full)),
    }
    for kind, is_there in kinds.items():
        if is_there:
            found.setdefault(kind, f"{written.lstrip('.')}()")


def _tree(code: str) -> ast.Module | None:
    python = python_of(code)
    try:
        return ast.parse(python) if python is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
