"""What is known to work best with a model, by what it says of itself. Pure; knows no client and no loop."""

import re
from dataclasses import dataclass

from codeagent_nb.models.types import ModelInfo

SMALL = 9.0
"""Billions of parameters up to which a model is small. The largest that was measured to lose by more turns has 8."""

SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?e?(\d+(?:\.\d+)?)([bm])(?![a-z0-9])")
"""`7b`, `1.5b`, `8x7b`, `e4b`, `270m`: so their names tell how large open models are."""

LARGE = re.compile(
    r"(?<![a-z])(?:gpt-?[3-9](?:\.\d|o|-|$)|gpt-oss|chatgpt|o[1-9](?![a-z0-9])|claude|gemini|deepseek-(?:v\d|chat|reasoner)|grok|kimi"
    r"|mistral-(?:large|medium)|magistral-medium|command-(?:r|a)|qwen-?(?:max|plus|turbo)|qwen3-coder-plus|glm-[4-9]|llama-?4"
    r"|sonar|nova-(?:pro|premier)|jamba-large|minimax)"
)
"""Families of which even the smallest that is offered is large."""

NANO = re.compile(r"gemini-nano|deepseek-r1-distill|deepseek-v2-lite")


@dataclass(frozen=True, slots=True)
class Profile:
    """How a model is worked with, where the user says nothing else.

    Args:
        max_steps: Pieces of code that may succeed, one after another, before the model has to answer.
        repairs_afresh: Whether failed code is written again, without it in the prompt.
    """

    max_steps: int
    repairs_afresh: bool


ONE_STEP = Profile(max_steps=1, repairs_afresh=True)
STEP_BY_STEP = Profile(max_steps=12, repairs_afresh=False)


def profile_of(info: ModelInfo) -> Profile:
    """Return the profile of a model; one that is small, or of which nothing is known, takes one step.

    With the embedded model each further turn is another chance to lose what was found (effectiveness, measured).
    """
    family = str(info.get("family") or "").lower().replace("_", "-")
    sizes = [
        float(each or 1) * float(size) / (1 if unit == "b" else 1_000) for each, size, unit in SIZE.findall(family)
    ]
    if sizes:
        return STEP_BY_STEP if max(sizes) > SMALL else ONE_STEP
    return STEP_BY_STEP if LARGE.search(family) and not NANO.search(family) else ONE_STEP
