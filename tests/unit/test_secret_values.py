"""Which values of an environment are secret: those of keys, those inside addresses; no weak ones."""

import subprocess
import traceback

import pytest

from codeagent_nb.log.redaction import Redactor, Secrets
from codeagent_nb.masking.values import in_addresses, is_weak, of_environment, weak_names

TOKEN = "ghp-abcdef0123456789"


def secrets(**environment: str) -> set[str]:
    return {value for _, value in of_environment(environment)}


@pytest.mark.parametrize(
    "name", ["SSHPASS", "DBPASS", "JWT", "COOKIE", "BASIC_AUTH", "MYAUTH", "MY_TOKEN", "SENTRY_DSN"]
)
def test_the_value_of_a_variable_named_like_a_key_is_secret(name: str) -> None:
    assert secrets(**{name: TOKEN}) == {TOKEN}


@pytest.mark.parametrize(
    ("name", "address", "inside"),
    [
        ("DATABASE_URL", "postgres://user:pa55w0rd@host/db", {"pa55w0rd", "postgres://user:pa55w0rd@host/db"}),
        ("HTTP_PROXY", "http://me:s3cr%40tpw@proxy:3128", {"s3cr%40tpw", "s3cr@tpw"}),
        ("ANYTHING", "amqp://me:pa55@w0rd@host", {"pa55@w0rd"}),
        ("GIT_REMOTE", f"https://{TOKEN}@github.com/x/y.git", {TOKEN}),
        ("ENDPOINT", f"https://host/path?a=1&api_key={TOKEN}#x", {TOKEN}),
        ("BLOB", f"https://host/c?sv=2020&sig={TOKEN}", {TOKEN}),
        ("SENTRY_DSN", f"https://{TOKEN}@host/1", {TOKEN, f"https://{TOKEN}@host/1"}),
    ],
)
def test_what_is_secret_in_an_address_is_a_secret_by_itself(name: str, address: str, inside: set[str]) -> None:
    assert secrets(**{name: address}) == inside


@pytest.mark.parametrize(
    "address",
    ["sqlite:///data.db", "https://host/path?page=2", "ssh://deployer@host", "ssh://git@host/x", "http://host:80"],
)
def test_an_address_without_a_key_is_none(address: str) -> None:
    assert secrets(DATABASE_URL=address, OTHER=address) == set()
    assert list(in_addresses(address)) == []


@pytest.mark.parametrize(
    "value",
    [
        "password",
        "production",
        "changeme",
        "true",
        "12345",
        "0000-0000-0000",
        "********",
        "my-secret-key",
        "Password123",
        "postgres_dev_1",
        "customer_id",
        "created_at",
        "/usr/lib/git-core/git-gui--askpass",
        "~/.config/My App 2/key-file_1.pem",
    ],
)
def test_a_weak_value_masks_nothing_and_is_told(value: str) -> None:
    assert is_weak(value)
    assert secrets(DB_PASSWORD=value) == set()
    assert weak_names({"DB_PASSWORD": value, "APP_ENV": value, "OPENAI_API_KEY": TOKEN}) == ["DB_PASSWORD"]
    assert Secrets({"DB_PASSWORD": value}).text(f"the word {value}") == f"the word {value}"


@pytest.mark.parametrize(
    "value",
    [
        "pa55w0rd",
        "correct horse battery",
        "hunter2hunter2",
        "Xk29vQ1z",
        "elephants",
        "blue_elephants_fly",
        "/q8Zk3mN0pL5xW7vB2cD/9rT",
    ],
)
def test_any_other_value_is_strong_enough_to_be_masked(value: str) -> None:
    assert not is_weak(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_ASKPASS", "git-credential-4f2a"),
        ("SSH_KEY_PATH", "keys/id_rsa_4f2a"),
        ("MY_KEY_FILE", "id_rsa_4f2a9c"),
        ("MY_KEY_DIR", "keys-4f2a9c"),
        ("MAX_TOKENS", "123456789"),
        ("MAX_TOKEN", "12345678901"),
    ],
)
def test_a_place_or_a_number_of_something_is_no_secret(name: str, value: str) -> None:
    assert secrets(**{name: value}) == set()
    assert secrets(MY_TOKEN=value) == {value}  # the control


def test_the_password_of_an_address_is_secret_though_the_variable_names_a_place() -> None:
    assert "pa55w0rd" in secrets(KEY_FILE="https://me:pa55w0rd@host/x")
    assert secrets(MAX_TOKENS="123456789012") == {"123456789012"}


def test_each_line_of_a_key_of_many_lines_is_secret() -> None:
    pem = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"
    assert {"MIIEvQIBADANBg", "kqhkiG9w0BAQEF"} < secrets(SSH_KEY=pem)
    assert "-----BEGIN KEY-----" not in secrets(SSH_KEY=pem)


def test_what_was_a_secret_stays_one_when_its_variable_changes() -> None:
    environment = {"MY_TOKEN": "first-0123456789"}
    seen = Secrets(environment)
    environment["MY_TOKEN"] = "second-0123456789"
    assert seen.text("first-0123456789 second-0123456789") == "[redacted MY_TOKEN] [redacted MY_TOKEN]"
    del environment["MY_TOKEN"]
    assert seen.text("second-0123456789") == "[redacted MY_TOKEN]"
    assert Secrets(environment).text("second-0123456789") == "second-0123456789"  # the control: it has seen nothing


def test_secrets_that_are_known_are_not_looked_up_again() -> None:
    seen = Secrets({"MY_TOKEN": TOKEN})
    assert seen.look() is seen.redactor


def test_an_exception_loses_secrets_with_its_whole_chain() -> None:
    first, second = ValueError(f"bad {TOKEN}"), KeyError(TOKEN)
    group = ExceptionGroup("both", [OSError(5, TOKEN), ValueError(TOKEN)])
    first.__cause__, second.__context__, first.__context__ = second, group, first
    first.add_note(f"the key was {TOKEN}")
    Secrets({"MY_TOKEN": TOKEN}).take_out_of(first)
    told = f"{first} {first.__notes__} {second} {group.exceptions}"
    assert TOKEN not in told
    assert told.count("[redacted MY_TOKEN]") == 5


class ServiceError(Exception):
    def __init__(self, body: object) -> None:
        super().__init__("refused")
        self.body = body


@pytest.mark.parametrize(
    "error",
    [
        OSError(2, "no such file", f"/tmp/{TOKEN}"),
        OSError(2, "no such file", "a", None, f"/tmp/{TOKEN}"),
        Exception((TOKEN,)),
        Exception({"a": [{TOKEN}]}),
        Exception({TOKEN: TOKEN.encode()}),
        SyntaxError("bad", ("f", 1, 1, TOKEN)),
        SystemExit(TOKEN),
        subprocess.CalledProcessError(1, ["curl", TOKEN], output=TOKEN),
        ServiceError({"detail": [TOKEN]}),
        ImportError("no module", name=TOKEN, path=TOKEN),
    ],
)
def test_an_exception_loses_secrets_wherever_it_holds_them(error: BaseException) -> None:
    Secrets({"MY_TOKEN": TOKEN}).take_out_of(error)
    printed = "".join(traceback.format_exception(error))
    held = [getattr(error, name, None) for name in ("filename", "filename2", "text", "code", "name", "path")]
    assert TOKEN not in f"{printed} {error!r} {vars(error)} {held}"
    assert "[redacted MY_TOKEN]" in f"{printed} {error!r} {vars(error)} {held}"


def test_an_exception_without_secrets_holds_the_very_same() -> None:
    body = {"detail": ["x"]}
    error = ServiceError(body)
    Secrets({"MY_TOKEN": TOKEN}).take_out_of(error)
    assert error.body is body


def test_a_redactor_that_knows_nothing_changes_nothing() -> None:
    assert Redactor(()).text(TOKEN) == TOKEN
