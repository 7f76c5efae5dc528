"""Owns what a failed call means: try again (when?), ask differently, or give up. Does no I/O."""

import email.utils
import json
import random
import re
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codeagent_nb.errors import ModelError, ModelRefused, ModelUnavailable
from codeagent_nb.models.openai.stream import MALFORMED_CALL, NO_STREAM, StreamError

_PASSING = frozenset({408, 409, 425, 429})
_KEY_SHAPE = re.compile(r"\bsk-[\w*.-]{4,}")
_NO_SYSTEM_ROLE = re.compile(
    r"""\b(?:system|developer)\b.{0,20}\b(?:role|message|instruction|prompt)s?\b
            .{0,20}(?:\bnot|\bun|n't)\s?(?:be\s)?(?:supported|enabled|allowed|permitted|accepted)
    |(?:not|n't)\ (?:support|accept|allow|have|take)\b.{0,20}\b(?:system|developer)\b.{0,3}\b
            (?:role|message|instruction|prompt)
    |\brole\b.{0,20}\bnot\ support\b.{0,5}\bsystem
    |\bonly\b.{0,30}\buser\b.{0,20}\bassistant\b.{0,20}\broles?\b
    |\b(?:invalid|unrecognized|unexpected|unknown|unsupported)\b.{0,40}\brole\b.{0,20}\b(?:system|developer)\b
    |\brole\b.{0,5}\b(?:system|developer)\b.{0,20}(?:invalid|\bnot\b|n't|unsupported|unknown|unrecognized)
    |\b(?:invalid|unsupported)\ value\b.{0,5}\b(?:system|developer)\b
    |conversation\ roles\ must\ alternate""",
    re.IGNORECASE | re.VERBOSE,
)
_UNSUPPORTED = re.compile(
    r"unsupported|(?:not|n't) (?:be )?(?:support|permitted|allowed)|unrecognized|unknown|unexpected"
    r"|extra (?:inputs?|fields?)|does not exist|only the default|deprecated|cannot find field|cannot both",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context (?:size|length|window).{0,60}exceed|exceed.{0,60}context|maximum context"
    r"|(?:token count|input|prompt).{0,80}exceed|prompt is too long|too many tokens|\binputs?\b.{0,5} tokens?\b",
    re.IGNORECASE,
)
_LIMIT_OF_RATE = re.compile(
    r"rate.?limit|quota|per[ _-]?(?:second|minute|min|hour|day)|\bTP[MD]\b|\bresource.{0,3}exhausted", re.IGNORECASE
)
_KEY_REFUSED = re.compile(r"api.?key", re.IGNORECASE)
_CALL_IN_FENCE = "-> Ask again, and say that the code stands in a fenced block; or use another model."
_LONG_KEY = 12  # characters
_MAX_TEXT = 2000  # characters of a server's message that we look at
_MAX_QUOTE = 300  # characters of it that people see


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between tries.

    Args:
        first: Seconds before the second try; doubled for each further one.
        longest: Seconds, the most to wait by our own choice.
        jitter: Random share by which a wait is shortened, 0 to 1.
        longest_asked: Seconds, the most to wait because the server asked; if it asks for more, we give up.
    """

    first: float = 0.5
    longest: float = 8.0
    jitter: float = 0.25
    longest_asked: float = 60.0

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait after try number `attempt`, counted from 1."""
        full = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return full * (1 - self.jitter * random.random())  # noqa: S311 - not a secret


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed try.

    Args:
        text: What went wrong, without secrets.
        status: HTTP status, 0 when there was none.
        code: The server's own word for it, e.g. `insufficient_quota`.
        argument: The argument of the request that it names as the cause.
        retry_after: Seconds the server asked us to wait.
    """

    text: str
    status: int = 0
    code: str = ""
    retry_after: float | None = None
    argument: str = ""

    @property
    def quote(self) -> str:
        """Return the text at a length for people."""
        return self.text[:_MAX_QUOTE]

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        if self.code in {"insufficient_quota", NO_STREAM} or self.is_too_long:
            return False
        return self.status == 0 or self.status in _PASSING or self.status >= 500

    def rejects(self, *arguments: str) -> bool:
        """Return whether the server refused the request because of one of these arguments, by name."""
        return self.status in {400, 404, 422} and any(name in self.text for name in arguments)

    def unsupported(self, arguments: Iterable[str]) -> str:
        """Return which of these arguments the server does not know, or not with this model; "" if none."""
        if self.status not in {400, 404, 422} or not _UNSUPPORTED.search(self.text):
            return ""
        named = (name for name in arguments if re.search(rf"\b{re.escape(name)}\b", self.text))
        return self.argument if self.argument in arguments else next(named, "")

    @property
    def refuses_key(self) -> bool:
        """Whether the server does not accept the key; Gemini's status for that is 400."""
        return self.status == 401 or (self.status == 400 and bool(_KEY_REFUSED.search(self.text)))

    @property
    def is_too_long(self) -> bool:
        """Whether the prompt does not fit into the model's context; llama.cpp says so with status 500, too."""
        if self.code == "context_length_exceeded":
            return True
        # A limit of tokens for a minute passes with the minute, though it also names the input's tokens.
        is_rate = self.status == 429 or _LIMIT_OF_RATE.search(self.text)
        return not is_rate and bool(_TOO_LONG.search(self.text))

    @property
    def rejects_system_role(self) -> bool:
        """Whether the server refused the request because its model knows no system role, as Gemma's templates do."""
        return self.status >= 400 and bool(_NO_SYSTEM_ROLE.search(self.text))


def fault_types() -> tuple[type[Exception], ...]:
    """List the exceptions of one try that `read_fault` understands."""
    import openai

    # openai 2 stands on httpx, openai 3 on httpx2; in a stream their errors come through unchanged.
    loaded = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    transport = (module.HTTPError for module in loaded if module is not None)
    return (openai.APIError, StreamError, *transport)


def read_fault(error: Exception, secret: str) -> Fault:
    """Reduce an exception of `fault_types` to what matters.

    Args:
        error: What was raised.
        secret: The key; it is cut out of every text.
    """
    import openai

    if isinstance(error, openai.APIStatusError):
        return _read_said(error.status_code, error.body, error.response.headers, secret)
    if isinstance(error, StreamError):
        return Fault(text=_clean(f"the server sent {error}", secret), status=error.status, code=error.code)
    if isinstance(error, openai.APITimeoutError) or "Timeout" in type(error).__name__:
        return Fault(text="no answer within the time-out")
    cause = error.__cause__ or error
    return Fault(text=_clean(f"{type(cause).__name__}: {cause}".rstrip(": "), secret))


def unavailable(where: str, fault: Fault, tries: int) -> ModelError:
    """Word the end of all tries."""
    asked = f", which asks to wait {fault.retry_after:.0f} s" if fault.retry_after else ""
    times = f" after {tries} tries" if tries > 1 else ""
    return ModelUnavailable(f"{where} gave no reply{times}{asked}: {fault.quote} {_patience(fault)}")


def refused(where: str, fault: Fault) -> ModelError:
    """Word a refusal, with what to do next."""
    return ModelRefused(f"{where} refused the request ({_status_name(fault)}): {fault.quote} {_advice(fault)}")


def broken_off(where: str, fault: Fault) -> ModelError:
    """Word the end of a stream in mid-reply."""
    advice = f" {_CALL_IN_FENCE}" if fault.code == MALFORMED_CALL else ""
    return ModelUnavailable(f"{where} broke off in mid-reply: {fault.quote}{advice}")


def _patience(fault: Fault) -> str:
    if fault.code == MALFORMED_CALL:
        return _CALL_IN_FENCE
    if fault.status == 0:
        return "-> Check that the server runs, its address (OPENAI_BASE_URL), and the network."
    return "-> Try again later, or use another model or server."


def _status_name(fault: Fault) -> str:
    return f"HTTP {fault.status}" if fault.status else "no status"


def _advice(fault: Fault) -> str:
    if fault.code == "insufficient_quota":
        return "-> The account has no credit left: see the provider's billing page."
    if fault.refuses_key or fault.status == 403:
        return "-> Check OPENAI_API_KEY, and that it belongs to this server."
    if fault.code == NO_STREAM:
        return "-> Check the address (OPENAI_BASE_URL): with many servers it ends in /v1."
    if fault.status == 404:
        return "-> Check the model's name (CODEAGENT_MODEL) and the address (OPENAI_BASE_URL)."
    if fault.is_too_long or "context" in fault.text:
        return "-> If the prompt is too long: reset the conversation, or limit the model context."
    return "-> Check the model's name and the arguments given for it."


def read_answer(status: int, body: bytes, headers: Mapping[str, str], secret: str) -> Fault:
    """Reduce an answer that is an error to what matters.

    Args:
        status: Of HTTP.
        body: What the server says of it.
        headers: With the time to wait, if there is one.
        secret: The key; it is cut out of every text.
    """
    text = body.decode(errors="replace").strip()
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text
    return _read_said(status, said, headers, secret)


def _read_said(status: int, said: object, headers: Mapping[str, str], secret: str) -> Fault:
    body = _error_body(said)
    fields = body if isinstance(body, dict) else {}
    message = fields.get("message") if isinstance(body, dict) else body
    # Servers built on FastAPI put the reason under "detail", and others elsewhere: then take all they said.
    text = str(message or (json.dumps(body) if body else "no reason given"))
    argument = str(fields.get("param") or "")
    named = f" ({argument})" if argument not in text else ""
    return Fault(
        text=_clean(text + named, secret),
        status=status,
        code=str(fields.get("code") or fields.get("type") or ""),
        retry_after=_retry_after(headers),
        argument=argument,
    )


def _error_body(body: object) -> object:
    """Return what a server said of an error; Gemini puts it into a list (SkyrimNet-GamePlugin#77)."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    return body["error"] if isinstance(body, dict) and "error" in body else body


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read the header in its three forms: milliseconds, seconds, a date."""
    if (value := _number(headers.get("retry-after-ms"))) is not None:
        return value / 1000
    said = headers.get("retry-after")
    if (value := _number(said)) is not None:
        return value
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except ValueError:
        return None


def _number(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _clean(text: str, secret: str) -> str:
    # A key like "x" or "none", for a server that has none, must not cut its letters out of every word.
    bound = r"\b" if len(secret) < _LONG_KEY else ""
    without = re.sub(f"{bound}{re.escape(secret)}{bound}", "***", text) if secret else text
    return _KEY_SHAPE.sub("sk-***", " ".join(without.split()))[:_MAX_TEXT]
