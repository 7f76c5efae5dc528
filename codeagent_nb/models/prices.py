"""What a model's tokens cost: a price that the user gives, or the list price. Knows no client, and asks no server.

List prices are those of `genai-prices`, which come with that package; none is guessed.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from codeagent_nb.models.types import PricedClient, RequestUsage

MILLION = 1_000_000

PRICE = re.compile(r"\s*\$?([0-9]*\.?[0-9]+)\s*/\s*\$?([0-9]*\.?[0-9]+)\s*")


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost, in US dollars per million.

    Args:
        prompt: Those of prompts.
        completion: Those of replies.

    Raises:
        ValueError: One of them is less than 0.
    """

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        if not (0 <= self.prompt < math.inf and 0 <= self.completion < math.inf):
            raise ValueError(f"a price must be 0 or more; it is {self.prompt!r}/{self.completion!r}")

    @classmethod
    def read(cls, text: str) -> "Price":
        """Return the price that a text such as `0.40/1.60` names: of prompts, and of replies.

        Raises:
            ValueError: It is none.
        """
        found = PRICE.fullmatch(text)
        if not found:
            raise ValueError(
                f"{text!r} is no price; write US dollars per million tokens of prompts and of replies, e.g. 0.40/1.60"
            )
        return cls(float(found[1]), float(found[2]))

    def cost(self, usage: RequestUsage) -> float:
        """Return what a call costs, in US dollars."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / MILLION


def price_of(client: object) -> Callable[[RequestUsage], float | None] | None:
    """Return what tells the US dollars that a client's call costs; None if it does not know."""
    return client.cost if isinstance(client, PricedClient) else None


def list_cost(model: str, url: str, usage: RequestUsage) -> float | None:
    """Return what a call of a model costs at list price, in US dollars; None if that is not known.

    Discounts, for a prompt that the server has in its cache say, are left out: the bill may be lower. The first call
    takes a quarter of a second, as the list is read.

    Args:
        model: Its name at the server.
        url: The server's: the same name elsewhere may cost something else, or nothing.
        usage: The tokens.
    """
    import genai_prices

    tokens = genai_prices.Usage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
    try:
        found = genai_prices.calc_price(tokens, model, provider_api_url=url)
    except (LookupError, ValueError):  # neither server nor model, or a price that needs to know more than tokens
        return None
    return float(found.total_price)
