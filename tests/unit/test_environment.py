"""Which variables reach a kernel: an allow-list, and never a key."""

import pytest
from hypothesis import given, strategies as st

from kernel_executor.sandbox.environment import ALLOWED_NAMES, kernel_environment
from kernel_executor.secret_names import names_secret

SECRETS = [
    *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HF_TOKEN", "PGPASSWORD"),
    *("DB_PASSWORD", "my_secret", "SECRET_KEY_BASE", "AZURE_CLIENT_SECRET", "SENTRY_DSN", "NPM_TOKENS", "apikey"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "SSH_PASSPHRASE", "MYSQL_PWD", "GH_PAT", "SMTP_PASS"),
    *("OPENAI_API_KEY2", "APIKEYS", "ACCESS_KEYS", "TOKEN_1", "GITHUB_TOKEN2", "PASSWORD1", "MONKEY_KEY", "OPENAIKEY"),
    *(
        "SSHPASS",
        "DBPASS",
        "DATABASE_URL",
        "JWT",
        "COOKIE",
        "SESSION_COOKIES",
        "MYAUTH",
        "BASIC_AUTH",
        "AUTH2",
        "DB_URI",
    ),
]
HARMLESS = [
    "PATH",
    "PWD",
    "OLDPWD",
    "KEYBOARD",
    "MONKEY_NAME",
    "TURKEYS_2",
    "TOKENIZERS_PARALLELISM",
    "COMPASS",
    "BYPASS",
    "LOWPASS_HZ",
    "SSH_AUTH_SOCK",
    "XAUTHORITY",
    "GIT_AUTHOR_NAME",
    "BASE_URL",
    "PATTERN",
    "LANG",
]


@pytest.mark.parametrize("name", SECRETS)
def test_names_of_keys_are_known(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_names_are_not_taken_for_keys(name: str) -> None:
    assert not names_secret(name)


@given(st.from_regex(r"[A-Z_]{0,10}", fullmatch=True), st.sampled_from(["KEY", "TOKEN", "SECRET", "PASSWORD"]))
def test_whatever_ends_like_a_key_is_one_in_any_case(prefix: str, ending: str) -> None:
    assert names_secret(f"{prefix}_{ending}")
    assert names_secret(f"{prefix}_{ending}".lower())


NAMES = st.one_of(
    st.sampled_from([*SECRETS, *HARMLESS, *sorted(ALLOWED_NAMES), "HOME"]), st.text("ABC_XYZ", min_size=1)
)


@given(st.dictionaries(NAMES, st.text(max_size=5)), st.sampled_from([None, "/tmp/home"]))
def test_no_key_and_nothing_unknown_passes(host: dict[str, str], home: str | None) -> None:
    """AutoGen's kernels inherit everything, a planted `OPENAI_*` key included (measured)."""
    passed = kernel_environment(host, {}, home=home)
    assert not [name for name in passed if names_secret(name)]
    assert set(passed) <= {*ALLOWED_NAMES, "HOME", "IPYTHONDIR", "MPLCONFIGDIR"}


def test_the_users_language_and_thread_settings_pass() -> None:
    host = {"LC_ALL": "de_DE.UTF-8", "OMP_NUM_THREADS": "2", "TZ": "UTC", "PATH": "/bin", "EDITOR": "vi"}
    assert kernel_environment(host, {}, home=None) == {key: value for key, value in host.items() if key != "EDITOR"}


def test_the_home_folder_is_shown_only_without_a_sandbox() -> None:
    host = {"HOME": "/home/me", "TMPDIR": "/var/tmp/me"}
    assert kernel_environment(host, {}, home=None) == host
    assert kernel_environment(host, {}, home="/tmp/home")["HOME"] == "/tmp/home"
    assert "TMPDIR" not in kernel_environment(host, {}, home="/tmp/home")


def test_what_the_user_adds_wins() -> None:
    assert kernel_environment({"TZ": "UTC"}, {"TZ": "CET", "MINE": "1"}, home=None) == {"TZ": "CET", "MINE": "1"}


def test_a_key_among_what_the_user_adds_is_refused_with_the_next_step() -> None:
    with pytest.raises(ValueError, match=r"API_KEY looks like a key.*outside the kernel"):
        kernel_environment({}, {"MY_API_KEY": "x"}, home=None)
