"""Which names promise a key, token or password. Imports the standard library only: it is sent to kernels, too."""

import re
from functools import lru_cache

SECRET_NAME = re.compile(
    r"(?:^|_)(?!(?:MON|TUR|DON|HOC|JOC|WHIS)KEYS?\d*(?:_|$))"
    r"(?!(?:ALL|BAND|BY|COM|ENCOM|HIGH|LOW|MULTI|ONE|OVER|SINGLE|SUR|TRES|TWO|UNDER)PASS\d*(?:_|$))"
    r"(?:[^\W_]*(?:KEY|TOKEN|SECRET|PASSWORD|COOKIE)S?|[^\W_]*(?:PASSWD|PASSPHRASE|PASS)|PWD|CREDENTIALS?|PAT|DSN|JWT"
    r"|(?:DATABASE|DB)_UR[IL]|[^\W_]*AUTH(?=\d*$))\d*(?:_|$)",
    re.IGNORECASE,
)
"""Names whose values are keys to something."""

NOT_SECRET = frozenset({"PWD", "OLDPWD"})


@lru_cache(10_000)  # `cache` is of Python 3.9, and kernels may be older
def names_secret(name: str) -> bool:
    """Return whether a variable's name promises a key, token or password."""
    return name not in NOT_SECRET and bool(SECRET_NAME.search(name))
