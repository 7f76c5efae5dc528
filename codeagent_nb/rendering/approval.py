"""Owns code that is to be approved as HTML: all of it, wrapped, with line numbers. Knows no widget and no front end."""

import html
from collections.abc import Sequence

from codeagent_nb.rendering.visible_code import Line, as_text, shown_blocks
from kernel_executor import CodeBlock

SPELLED = "background:#b3261e;color:#fff;border-radius:2px;padding:0 2px;font-weight:600"
ROWS_SEEN = 18
"""Rows that the box shows at once, if none is wrapped."""
NOTE = "color:var(--jp-error-color1,#b3261e)"
NUMBER = (
    "flex:none;width:4.5em;padding-right:.8em;text-align:right;user-select:none;"
    "color:var(--jp-ui-font-color2,#666);border-right:1px solid var(--jp-border-color2,#8884);margin-right:.8em"
)
TEXT = "white-space:break-spaces;overflow-wrap:anywhere;word-break:break-all;min-width:0;flex:1"
BOX = (
    "max-height:26em;overflow-y:scroll;overflow-x:hidden;border:1px solid var(--jp-border-color1,#888);"
    "font-family:var(--jp-code-font-family,monospace);font-size:13px;line-height:1.45;direction:ltr;"
    "unicode-bidi:bidi-override;padding:.3em 0;margin:.2em 0 .6em"
)


def approval_bundle(code_blocks: Sequence[CodeBlock]) -> dict[str, str]:
    """Return code that is to be approved as a display: HTML, and text for front ends without it."""
    return {"text/html": approval_html(code_blocks), "text/plain": as_text(code_blocks)}


def approval_html(code_blocks: Sequence[CodeBlock]) -> str:
    """Return code that is to be approved as HTML."""
    return "".join(block_html(block.title, block.notes, block.lines) for block in shown_blocks(code_blocks))


def block_html(title: str, notes: Sequence[str], lines: Sequence[Line]) -> str:
    """Return one block as HTML, in a box that scrolls and holds every line."""
    said = "".join(f'<div style="{NOTE}">▲ {html.escape(note)}</div>' for note in notes)
    code = "".join(map(_line, lines))
    more = f"<div>▼ {len(lines)} rows: scroll in the box to see all of them</div>" if len(lines) > ROWS_SEEN else ""
    return f'<div><b>{html.escape(title)}</b>{said}<div style="{BOX}" tabindex="0">{code}</div>{more}</div>'


def _line(line: Line) -> str:
    parts = (
        f'<span style="{SPELLED}">{html.escape(part.text)}</span>' if part.spelled else html.escape(part.text)
        for part in line.parts
    )
    text = f'<span style="{TEXT}">{"".join(parts) or "&nbsp;"}</span>'
    return f'<div style="display:flex"><span style="{NUMBER}">{line.number}</span>{text}</div>'
