"""Write docs/dialects.md from what the tests of `tests/servers` last said: `python tools/make_dialects.py`.

`make dialects` runs them and writes their results to build/dialects.xml, which is read here.
"""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build" / "dialects.xml"
TABLE = ROOT / "docs" / "dialects.md"
HEAD = """# Servers that speak OpenAI's API

Written by `make dialects`, from the last results of `tests/servers`: our client against one small server for each
dialect. What a server sends and refuses comes from its documentation and from issues of it, which its module names.

**yes**: the client has what is meant; where the server refuses something, after it left that out or asked otherwise.
**-**: not with this server, for the reason below.
"""
MEANING = {
    "text": "streamed text, every character",
    "tokens": "what the reply cost",
    "reasoning": "thoughts, apart from the text",
    "system message": "reaches the model, also one without a system role",
    "decision": "JSON of a schema, in the strongest way the server knows",
    "arguments": "`temperature`, `max_tokens`, `top_k`: left out or renamed where they are refused",
    "call": "a call that the server took out of the text runs all the same",
    "cut off": "code that was cut off by the token limit does not run",
    "wrong key": "refused at once, with what to check",
    "wrong model": "refused at once, with what to check",
    "wrong path": "refused at once, with what to check",
    "too long": "a prompt that is too long is told as one",
    "busy": "tried again",
    "broken stream": "told in the server's words",
}


def results() -> dict[str, dict[str, str]]:
    """Return for each case what came of it with each dialect."""
    found: dict[str, dict[str, str]] = {}
    for test in ET.parse(RESULTS).iter("testcase"):  # noqa: S314 - our own file
        match = re.fullmatch(r"test_(\w+)\[(.+)\]", test.attrib["name"])
        if match is None or not test.attrib["classname"].endswith("test_dialects"):
            continue
        skipped = test.find("skipped")
        failed = test.find("failure") is not None or test.find("error") is not None
        said = "**fails**" if failed else f"- {skipped.attrib['message']}" if skipped is not None else "yes"
        found.setdefault(match[1].replace("_", " "), {})[match[2]] = said
    return found


def table(found: dict[str, dict[str, str]]) -> str:
    """Return the document."""
    dialects = list(dict.fromkeys(name for row in found.values() for name in row))
    rows = [f"| | {' | '.join(dialects)} |", f"|---|{'---|' * len(dialects)}"]
    for case, row in found.items():
        cells = [row.get(name, "").partition(" ")[0] for name in dialects]
        rows.append(f"| **{case}**: {MEANING[case]} | {' | '.join(cells)} |")
    reasons = [
        f"- {name}, {case}: {said.removeprefix('- ')}."
        for case, row in found.items()
        for name, said in row.items()
        if said.startswith("- ")
    ]
    return "\n".join([HEAD, *rows, "", *reasons, ""])


if __name__ == "__main__":
    TABLE.write_text(table(results()), encoding="utf-8")
    print(f"wrote {TABLE.relative_to(ROOT)}")
