"""Where a server is, and who we are there. Knows the shape of addresses and secrets; opens no connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from kernel_executor.secret_names import names_secret

KERNEL_VARIABLE_LIMIT = 4_096
"""Characters of a variable's value; Enterprise Gateway refuses more."""

UNSAFE = frozenset("`$\n\r\0")
"""Characters that Enterprise Gateway refuses in a value, for it is put into a shell's command or a manifest."""

LONG = 16
"""Characters of a value in an address that may be a secret, whatever it is called."""

NO_ADDRESS = "the server's address must be a URL, such as https://hub.example.org/user/me"


@dataclass(frozen=True, slots=True)
class Token:
    """A secret that is written nowhere but into the header it is for."""

    _secret: str = field(repr=False)

    def __post_init__(self) -> None:
        # A header with an outer blank is refused as it is sent, by an error that repeats all of it.
        if not self._secret.isascii() or not self._secret.isprintable() or self._secret != self._secret.strip():
            raise ValueError("the token has characters that no header can hold: was more than the token copied?")

    @property
    def headers(self) -> dict[str, str]:
        """The header that every server takes: Kernel Gateway refuses `Bearer` (measured)."""
        return {"Authorization": f"token {self._secret}"} if self._secret else {}

    def absent_from(self, text: str) -> str:
        """Return a text that a server or a library wrote, without the secret, however it is quoted there."""
        secret = self._secret
        written = {secret, repr(secret)[1:-1], secret.replace("\\", "\\\\"), quote(secret, safe=""), escape(secret)}
        for each in sorted(written - {""}, key=len, reverse=True):  # the longest first: others are a part of it
            text = text.replace(each, "[token]")
        return text


class SecretInAddress(ValueError):  # noqa: N818 - named after what was found
    """A server's address has a token or a password in it; the message does not repeat it."""


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a server, without a secret in it.

    Args:
        url: Up to and without `/api`; behind a JupyterHub, up to the user's name or the named server's.
    """

    url: str

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:  # its words repeat the address, in which a secret may stand
            is_address = False
        if not is_address or not {"..", "."}.isdisjoint(unquote(parts.path).split("/")):
            raise ValueError(NO_ADDRESS) from None
        if "@" in parts.netloc or _has_secret(parts.query) or _has_secret(parts.fragment):
            # Neither is repeated here: an exception goes to logs and notebooks.
            raise SecretInAddress("the server's address has a secret in it: leave it out, and pass it as token=")
        path = parts.path.rstrip("/")
        for end in ("/lab", "/tree", "/api"):  # as copied from a browser
            path = path.removesuffix(end)
        object.__setattr__(self, "url", urlunsplit((parts.scheme, parts.netloc, path, "", "")))

    def address(self, *parts: str) -> str:
        """Return the address of something in the API."""
        return "/".join([self.url, "api", *(quote(part, safe="") for part in parts)])

    def websocket(self, kernel_id: str, session: str) -> str:
        """Return the address of a kernel's channels, for one session; it has no secret in it, either."""
        scheme = "wss" if self.url.startswith("https") else "ws"
        address = self.address("kernels", kernel_id, "channels").split(":", 1)[1]
        return f"{scheme}:{address}?{urlencode({'session_id': session})}"

    def __str__(self) -> str:
        return self.url


def _has_secret(query: str) -> bool:
    pairs = parse_qsl(query, keep_blank_values=True)
    return any(name.lower().startswith("tok") or names_secret(name) or len(value) >= LONG for name, value in pairs)


def checked_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return variables for a kernel of an Enterprise Gateway, if it will take them.

    Raises:
        ValueError: It would not; the message names the variable, and not its value.
    """
    for name, value in env.items():
        if not name.startswith("KERNEL_") or not name.replace("_", "").isalnum() or not name.isascii():
            raise ValueError(f"{name!r}: a server takes only variables whose names begin with KERNEL_")
        if not isinstance(value, str):
            raise ValueError(f"{name} must be a str, and is {type(value).__name__}")  # noqa: TRY004 - one kind for all
        if len(value) > KERNEL_VARIABLE_LIMIT:
            raise ValueError(f"{name} has more than {KERNEL_VARIABLE_LIMIT:,} characters")
        if UNSAFE & set(value):
            raise ValueError(f"{name} has a character that gateways refuse: no `, $, line end or NUL")
    return dict(env)
