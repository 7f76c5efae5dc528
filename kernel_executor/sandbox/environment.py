"""Which variables of our environment a kernel may see. Knows no process.

An allow-list, not a block-list: AutoGen's kernels inherit everything, a planted `OPENAI_*` key included (measured).
"""

from collections.abc import Mapping

from kernel_executor.search_paths import with_absolute_parts
from kernel_executor.secret_names import names_secret

ALLOWED_NAMES = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "TERM", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "R_HOME", "JAVA_HOME", "CUDA_HOME"),
        *("PYTHONHASHSEED", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONPATH", "PYTHONWARNINGS", "PYTHONPYCACHEPREFIX"),
        *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)
"""What programs need to find themselves, speak the user's language and use the machine as it is set up.

Not MPLBACKEND: where it is Agg (images of containers, CI), a kernel shows no plots; a script finds Agg by itself.
"""

ALLOWED_PREFIXES = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "VECLIB_", "NUMBA_")

UNSANDBOXED_NAMES = frozenset({"HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"})
"""Only of use where the home folder is visible."""


def without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """Return variables that a user adds.

    Raises:
        ValueError: One is named like a key.
    """
    if secrets := [name for name in env if names_secret(name)]:
        raise ValueError(
            f"env: {', '.join(secrets)} looks like a key or password, and executed code must not see them. "
            "Fetch what needs the key outside the kernel, or pass it under another name if it is harmless."
        )
    return dict(env)


def kernel_environment(host: Mapping[str, str], extra: Mapping[str, str], *, home: str | None) -> dict[str, str]:
    """Select what a kernel gets of the host's environment.

    Args:
        host: The host's variables.
        extra: Variables the user adds; they win.
        home: The home folder to show in a sandbox; None leaves the user's own.

    Raises:
        ValueError: A variable in `extra` is named like a key.
    """
    own = without_secrets(extra)
    allowed = {name: value for name, value in host.items() if _is_allowed(name, sandboxed=home is not None)}
    kept = with_absolute_parts(allowed)
    if home is not None:
        kept |= {"HOME": home, "IPYTHONDIR": f"{home}/.ipython", "MPLCONFIGDIR": f"{home}/.matplotlib"}
    return kept | own


def _is_allowed(name: str, *, sandboxed: bool) -> bool:
    if names_secret(name):
        return False
    if not sandboxed and name in UNSANDBOXED_NAMES:
        return True
    return name in ALLOWED_NAMES or name.startswith(ALLOWED_PREFIXES)
