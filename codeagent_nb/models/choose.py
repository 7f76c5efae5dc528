"""Owns the choice of a model from a name and the environment. Knows no agent and starts nothing."""

from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

from codeagent_nb.errors import NoModelConfigured, WeightsError
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient
from codeagent_nb.models.types import ChatCompletionClient

LOCAL_NAME = "local"
DEFAULT_OPENAI_MODEL = "gpt-4.1-mini"
OPENAI_URL = "https://api.openai.com/v1"
_NO_KEY = "none"  # servers without keys still want the header

_INSTALL = "pip install 'codeagent-nb[local]'"
_FETCH = "codeagent-nb model fetch"


def _three_ways() -> str:
    fetch = _FETCH if find_spec("xllamacpp") else f"{_INSTALL}\n     and then {_FETCH}"
    return f"""No model is configured. One of these gives you one:
  1. OpenAI: set OPENAI_API_KEY.
  2. Any OpenAI-compatible server (Ollama, vLLM, LM Studio): set OPENAI_BASE_URL and CODEAGENT_MODEL, e.g.
     OPENAI_BASE_URL=http://localhost:11434/v1 CODEAGENT_MODEL=qwen2.5-coder:7b
  3. The embedded model, no key and no network needed once it is here: {fetch}"""


def choose_model(name: str | None, env: Mapping[str, str]) -> ChatCompletionClient:
    """Return a client for the named model, or for what the environment offers.

    Args:
        name: Name of a model, `local` for the embedded one; None to look at the environment.
        env: `CODEAGENT_MODEL`, `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `CODEAGENT_MODEL_PATH`, `XDG_CACHE_HOME`.

    Raises:
        NoModelConfigured: Nothing says which model to use, or half of it is missing; it says what to do.
        WeightsError: The embedded model was asked for, and its file is missing or wrong.
    """
    wanted = name or env.get("CODEAGENT_MODEL") or None
    if wanted == LOCAL_NAME:
        return _local_or_why(env)
    if env.get("OPENAI_API_KEY") or env.get("OPENAI_BASE_URL"):
        return _remote(wanted, env.get("OPENAI_API_KEY") or _NO_KEY, env.get("OPENAI_BASE_URL") or OPENAI_URL)
    if wanted is not None:
        raise NoModelConfigured(
            f"Model {wanted!r} is named, but no server is. Set OPENAI_API_KEY for OpenAI's models, or "
            f"OPENAI_BASE_URL for another server, or use the name {LOCAL_NAME!r} for the embedded model."
        )
    local = _local(env)
    if local is None:
        raise NoModelConfigured(_three_ways())
    return local


def usable_models(env: Mapping[str, str]) -> list[str]:
    """Return the names of models that can be had here, the default first; asks no server."""
    wanted = env.get("CODEAGENT_MODEL", "")
    local = [LOCAL_NAME] if find_spec("xllamacpp") is not None and weights.find(env) is not None else []
    if not (env.get("OPENAI_API_KEY") or env.get("OPENAI_BASE_URL")):
        return local
    fallback = "" if env.get("OPENAI_BASE_URL") else DEFAULT_OPENAI_MODEL  # another server has models of its own
    if wanted == LOCAL_NAME:
        return [*local, *filter(None, [fallback])]
    return [*filter(None, [wanted or fallback]), *local]


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError as error:
        raise NoModelConfigured(f"OPENAI_BASE_URL is not the address of a server ({error}): {url!r}") from error


def _remote(wanted: str | None, key: str, url: str) -> ChatCompletionClient:
    host = _host(url)
    if wanted is None and host != urlsplit(OPENAI_URL).hostname:
        raise NoModelConfigured(
            f"OPENAI_BASE_URL names a server ({host}), but no model is named. Set CODEAGENT_MODEL to one "
            "that this server has."
        )
    return OpenAIChatCompletionClient(wanted or DEFAULT_OPENAI_MODEL, api_key=key, base_url=url)


def _local(env: Mapping[str, str]) -> ChatCompletionClient | None:
    if find_spec("xllamacpp") is None:
        return None
    path = weights.find(env)
    return LocalChatCompletionClient(path) if path else None


def _local_or_why(env: Mapping[str, str]) -> ChatCompletionClient:
    if find_spec("xllamacpp") is None:
        raise NoModelConfigured(f"The embedded model needs: {_INSTALL}")
    local = _local(env)
    if local is None:
        raise WeightsError(f"The embedded model's file is not here. Run: {_FETCH} (1.1 GB)")
    return local
