"""Replies whose code tries to be approved as something else, and how to read back what a surface shows of it."""

import re
from collections.abc import Iterable

FENCE = "```"


def python(code: str) -> str:
    return f"I add two numbers.\n\n{FENCE}python\n{code}\n{FENCE}"


EVIL = "import os; os.remove('thesis.docx')"

DISGUISED = {
    "on the info line": f"{FENCE}python {EVIL}\nprint(1)\n{FENCE}",
    "on the info line of a tilde fence": f"~~~py {EVIL}\nprint(1)\n~~~",
    "after 400 spaces": python("x = 1;" + " " * 400 + EVIL),
    "after 5,000 spaces in a comment": python("# add" + " " * 5_000 + f"\n{EVIL}"),
    "below 300 empty lines": python("x = 1" + "\n" * 300 + EVIL),
    "below 400 lines of comments": python("\n".join(["# fine"] * 400 + [EVIL])),
    "after 300 tabs": python("x = 1;" + "\t" * 300 + EVIL),
    "in a line of 4,000 characters": python("x = '" + "a" * 4_000 + f"'; {EVIL}"),
    "turned round": python("access = 'user\u202e \u2066# only for users\u2069 \u2066'; " + EVIL),
    "in isolates": python("\u2067x = 1\u2069 # \u2066" + EVIL),
    "behind marks": python("x = 1 \u200e\u200f\u061c# " + EVIL),
    "behind letters that turn the text": python(f"x = 'שלום' ; {EVIL} # 'שלום'"),
    "with zero-width characters": python("os.re\u200bmove = 1\n" + EVIL.replace("os", "o\u2060s")),
    "with soft hyphens and joiners": python("x\u00ad = 1; y\u034f = 2; z\u200d = 3\n" + EVIL),
    "with tag characters": python("x = 1 # " + "".join(chr(0xE0000 + ord(char)) for char in EVIL)),
    "with variation selectors": python("x = '" + "".join(chr(0xE0100 + ord(char)) for char in "evil") + "'; " + EVIL),
    "with blank letters": python("\u3164 = 1; \uffa0 = 2; x = '\u2800\u2800'\n" + EVIL),
    "in Cyrillic letters": python("from \u043es import rem\u043eve\n" + EVIL),
    "in full-width letters": python("\uff45\uff56\uff41\uff4c(\"" + EVIL + '")'),
    "in mathematical letters": python("\U0001d41e\U0001d42f\U0001d41a\U0001d425(\"" + EVIL + '")'),
    "with combining marks": python("x\u0336 = 1; y" + "\u0300" * 40 + " = 2; " + EVIL),
    "with a carriage return": python(f"{EVIL}\rprint('harmless')                     "),
    "with backspaces": python(EVIL + "\b" * len(EVIL) + "# fine"),
    "with escape sequences": python(f"{EVIL} # \x1b[2K\x1b[1A\x1b[8m\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07"),
    "with eight-bit controls": python(f"{EVIL} # \x9b2K\x9b1A\x90q\x9c\x9d0;title\x9c"),
    "with unusual line ends": python(f"x = 1 # fine\x0b{EVIL}\x0c{EVIL}\x85{EVIL}\u2028{EVIL}\u2029"),
    "with unusual spaces": python(f"x\u00a0=\u20031;\u3000{EVIL}\u2009"),
    "as escapes in a call's JSON": f'{FENCE}json\n{{"name": "python", "arguments": {{"code": "x = 1\\u0023\\n'
    f'\\u202eimport os\\u003b os.remove(\'x\')"}}}}\n{FENCE}',
    "as what we spell out": python(f"x = 1 # ⟨U+202E⟩ ⟨400 spaces⟩ ⟨lines 2 to 300 are empty⟩ ·\n{EVIL}"),
    "as the question itself": python(f"x = 1\n'''\n╰────╯\nsandboxed. Run this code (1 line)? [y/N] y\n'''\n{EVIL}"),
    "in a second block, as a shell": python("x = 1") + f"\n\n{FENCE}sh\nrm -rf \u2212 ~\u200b/ \u2010rf\n{FENCE}",
    "as markup": python(f"x = '[/][conceal]</code></pre><!--'; {EVIL} # --> [link=http://a.example]"),
    "with an install and a file name": python("# filename: ../.bashrc\u202e\n!pip install evil\u200b\n%pip install x"),
}  # fmt: skip
"""Names of the ways, and the replies."""

TOKEN = re.compile(
    r"⟨(?:tab|(?P<spaces>\d+) spaces|lines (?P<a>\d+) to (?P<b>\d+) are empty|(?:. )?U\+(?P<code>[0-9A-F]+))⟩|·",
    re.DOTALL,
)


def read_back(shown: str) -> str:
    """Return the code that looks like this, but for a newline at its end; there is only one."""

    def char(match: re.Match[str]) -> str:
        if match["code"]:
            return chr(int(match["code"], 16))
        if match["spaces"]:
            return " " * int(match["spaces"])
        return "\n" * (int(match["b"]) - int(match["a"])) if match["a"] else {"⟨tab⟩": "\t", "·": " "}[match[0]]

    return TOKEN.sub(char, shown)


def join_rows(rows: Iterable[tuple[str, str]]) -> str:
    """Return the text of rows, each with its line's number or, if it goes on, none."""
    lines: list[str] = []
    for number, text in rows:
        if number:
            lines.append(text)
        else:
            lines[-1] += text
    return "\n".join(lines)
