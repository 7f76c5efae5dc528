"""Owns the choice of a model from a name and the environment. Knows no agent and starts nothing."""

from collections.abc import Mapping
from importlib.util import find_spec

from codeagent_nb.errors import NoModelConfigured, WeightsError
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.openai.addresses import (
    NO_KEY,
    OPENAI_HOST,
    OPENAI_URL,
    host_of,
    is_address,
    without_password,
)
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient
from codeagent_nb.models.types import ChatCompletionClient

LOCAL_NAME = "local"
DEFAULT_OPENAI_MODEL = "gpt-4.1-mini"

_INSTALL = "pip install 'codeagent-nb[local]'"
_FETCH = "codeagent-nb model fetch"


def _three_ways() -> str:
    fetch = _FETCH if find_spec("xllamacpp") else f"{_INSTALL}\n     and then {_FETCH}"
    return f"""No model is configured. One of these gives you one:
  1. OpenAI: set OPENAI_API_KEY.
  2. Any OpenAI-compatible server (Ollama, vLLM, LM Studio): set OPENAI_BASE_URL and CODEAGENT_MODEL, e.g.
     OPENAI_BASE_URL=http://localhost:11434/v1 CODEAGENT_MODEL=qwen2.5-coder:7b
  3. The embedded model, no key and no network needed once it is here: {fetch}"""


VARIABLES = ("CODEAGENT_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEAGENT_MODEL_PATH", "XDG_CACHE_HOME")
"""What the choice depends on."""


def choose_model(name: str | None, env: Mapping[str, str], *, max_retries: int = 4) -> ChatCompletionClient:
    """Return a client for the named model, or for what the environment offers.

    Args:
        name: Name of a model, `local` for the embedded one; None to look at the environment.
        env: With `VARIABLES`.
        max_retries: Further tries of a server that does not reply.

    Raises:
        NoModelConfigured: Nothing says which model to use, or half of it is missing; it says what to do.
        WeightsError: The embedded model was asked for, and its file is missing or wrong.
    """
    wanted = name or env.get("CODEAGENT_MODEL") or None
    if wanted == LOCAL_NAME:
        return _local_or_why(env)
    if env.get("OPENAI_API_KEY") or env.get("OPENAI_BASE_URL"):
        host = _host(env)
        if wanted is None and env.get("OPENAI_BASE_URL") and host != OPENAI_HOST:
            raise NoModelConfigured(
                f"OPENAI_BASE_URL names a server ({host}), but no model is named. Set CODEAGENT_MODEL to one "
                "that this server has: codeagent-nb model list shows them."
            )
        return _client(wanted or DEFAULT_OPENAI_MODEL, env, max_retries)
    if wanted is not None:
        raise NoModelConfigured(
            f"Model {wanted!r} is named, but no server is. Set OPENAI_API_KEY for OpenAI's models, or "
            f"OPENAI_BASE_URL for another server, or use the name {LOCAL_NAME!r} for the embedded model."
        )
    local = _local(env)
    if local is None:
        raise NoModelConfigured(_three_ways())
    return local


def server_client(env: Mapping[str, str]) -> OpenAIChatCompletionClient | None:
    """Return a client for whatever the configured server says of itself, None where there is none.

    Raises:
        NoModelConfigured: Its address is none.
    """
    if not (env.get("OPENAI_API_KEY") or env.get("OPENAI_BASE_URL")):
        return None
    _host(env)
    return _client(env.get("CODEAGENT_MODEL") or DEFAULT_OPENAI_MODEL, env, max_retries=0)


def default_model(env: Mapping[str, str]) -> str:
    """Return the name of the model that is used where none is named, "" if there is none."""
    if wanted := env.get("CODEAGENT_MODEL"):
        return wanted
    return next(iter(usable_models(env)), "") if not env.get("OPENAI_BASE_URL") or _is_openai(env) else ""


def usable_models(env: Mapping[str, str]) -> list[str]:
    """Return the names of models that can be had here, the default first; asks no server."""
    wanted = env.get("CODEAGENT_MODEL", "")
    local = [LOCAL_NAME] if _has_local(env) else []
    if not (env.get("OPENAI_API_KEY") or env.get("OPENAI_BASE_URL")):
        return local
    fallback = DEFAULT_OPENAI_MODEL if _is_openai(env) else ""  # another server has models of its own
    if wanted == LOCAL_NAME:
        return [*local, *filter(None, [fallback])]
    return [*filter(None, [wanted or fallback]), *local]


def _client(name: str, env: Mapping[str, str], max_retries: int) -> OpenAIChatCompletionClient:
    key, url = env.get("OPENAI_API_KEY", "").strip() or NO_KEY, env.get("OPENAI_BASE_URL") or OPENAI_URL
    return OpenAIChatCompletionClient(name, api_key=key, base_url=url, max_retries=max_retries)


def _is_openai(env: Mapping[str, str]) -> bool:
    return host_of(env.get("OPENAI_BASE_URL") or OPENAI_URL) == OPENAI_HOST


def _host(env: Mapping[str, str]) -> str:
    url = env.get("OPENAI_BASE_URL") or OPENAI_URL
    if not is_address(url):
        raise NoModelConfigured(
            f"OPENAI_BASE_URL is not the address of a server: {without_password(url)!r}. It starts with http:// or "
            "https:// and names a host, e.g. http://localhost:11434/v1"
        )
    return host_of(url)


def _local(env: Mapping[str, str]) -> ChatCompletionClient | None:
    if find_spec("xllamacpp") is None:
        return None
    path = weights.find(env)
    return LocalChatCompletionClient(path) if path else None


def _has_local(env: Mapping[str, str]) -> bool:
    try:
        return find_spec("xllamacpp") is not None and weights.find(env) is not None
    except WeightsError:  # what is wrong with its file is no reason against the others
        return False


def _local_or_why(env: Mapping[str, str]) -> ChatCompletionClient:
    if find_spec("xllamacpp") is None:
        raise NoModelConfigured(f"The embedded model needs: {_INSTALL}")
    local = _local(env)
    if local is None:
        raise WeightsError(f"The embedded model's file is not here. Run: {_FETCH} (1.1 GB)")
    return local
