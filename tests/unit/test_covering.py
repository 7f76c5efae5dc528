"""What is hidden of folders that code only imports from: names, keys, links; what imports need stays."""

from pathlib import Path

import pytest

from kernel_executor.sandbox import covering
from kernel_executor.sandbox.bubblewrap import bubblewrap_arguments
from kernel_executor.sandbox.covering import MOST_COVERED, to_cover
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.policy import SandboxPolicy, System, with_covers

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nx\n"


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def covered(folder: Path, *spared: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in to_cover(folder, [folder / name for name in spared])}


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.local", "pkg/.env", "a/b/c/.netrc", ".pypirc", ".Renviron", "prod.env", "_netrc", "id_ed25519"),
        *("credentials", "credentials.json", "client_secret_1.json", "service-account.json", "service_account_x.json"),
        *("secrets.toml", "conf/secrets.yaml", "Secret.json", "keys.kdbx", "a.p12", "a.pfx", "x.tfstate", "kubeconfig"),
    ],
)
def test_secrets_by_their_names(tmp_path: Path, name: str) -> None:
    written(tmp_path, {name: "x", "module.py": "x"})
    assert covered(tmp_path) == {name}


@pytest.mark.parametrize(
    "name",
    [
        *("secrets.py", "credentials.py", "secret.pyi", "secrets.cpython-311-x86_64-linux-gnu.so", "environment.yml"),
        *(
            "numpy/.libs/libopenblas.so",
            "certifi/cacert.pem",
            "a.csv",
            "tokens.txt",
            "site-packages/x/.env",
            "py.typed",
        ),
    ],
)
def test_what_imports_need_stays(tmp_path: Path, name: str) -> None:
    written(tmp_path, {name: CERTIFICATE})
    assert covered(tmp_path) == set()


def test_a_private_key_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    written(tmp_path, {"server.pem": CERTIFICATE + KEY, "b.key": KEY, "c.pem": CERTIFICATE, "d.key": "primary"})
    (tmp_path / "none.pem").mkdir()
    assert covered(tmp_path) == {"server.pem", "b.key"}


def test_a_hidden_folder_is_covered_as_a_whole(tmp_path: Path) -> None:
    written(tmp_path, {".git/config": "x", ".aws/.env": "x", "pkg/.hg/x": "x"})
    assert covered(tmp_path) == {".git", ".aws", "pkg/.hg"}


def test_what_is_shown_for_another_reason_is_not(tmp_path: Path) -> None:
    written(tmp_path, {".venv/lib/x.py": "x", "work/.env": "x", ".env": "x"})
    assert covered(tmp_path, ".venv", "work") == {".env"}


def test_what_a_hidden_link_leads_to_is_covered(tmp_path: Path) -> None:
    project = tmp_path / "project"
    written(tmp_path, {"project/conf/prod.txt": "x", "elsewhere.txt": "x", "project/conf/shown.txt": "x"})
    (project / ".env").symlink_to("conf/prod.txt")
    (project / ".other").symlink_to(tmp_path / "elsewhere.txt")
    (project / ".gone").symlink_to("nowhere")
    (project / ".loop").symlink_to(".loop")
    assert covered(project) == {"conf/prod.txt"}


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    written(tmp_path, {"outside/.env": "x"})
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to("../outside")
    (tmp_path / "project" / "up").symlink_to("..")
    assert covered(tmp_path / "project") == set()


def test_a_bounded_number_of_entries_is_looked_at_outer_ones_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, {f"a/{number}.txt": "x" for number in range(50)} | {"b/.env": "x", ".env": "x"})
    monkeypatch.setattr(covering, "LOOKED_AT", 40)
    assert covered(tmp_path) == {".env"}


def test_what_cannot_be_listed_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").touch()
    assert to_cover(tmp_path / "archive.zip") == []
    assert to_cover(tmp_path / "missing") == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    written(tmp_path, {"project/.env": "x", "project/.git/config": "x", "project/.venv/lib/.hidden": "x"})
    written(tmp_path, {"project/notebooks/.env": "x", "project/granted/.env": "x"})
    return tmp_path / "project"


def policy_of(project: Path) -> SandboxPolicy:
    interpreter = Interpreter(prefixes=(project / ".venv",), paths=(project, project / ".venv" / "lib"))
    granted = (project / "granted",)
    return with_covers(SandboxPolicy(work_dir=project / "notebooks", readable=granted, interpreter=interpreter))


def test_installations_and_what_is_granted_are_shown_whole(project: Path) -> None:
    assert set(policy_of(project).covered) == {project / ".env", project / ".git"}


def test_a_cover_lies_on_the_folder_and_cannot_be_written_to(project: Path) -> None:
    words = bubblewrap_arguments(policy_of(project), System.now())
    at = words.index(str(project / ".env"))
    assert words[at - 2 : at] == ["--ro-bind", "/dev/null"]
    folder = words.index(str(project))
    assert folder < words.index(str(project / ".git")), "the outer one first"
    places = [at for at, word in enumerate(words) if word == str(project / ".git")]
    assert [words[at - 1] for at in places] == ["--tmpfs", "--remount-ro"]
    assert places[1] < len(words) - 1 - words[::-1].index("/"), "the root last: then all is set up"


def test_no_more_is_covered_than_a_sandbox_can_mount(tmp_path: Path) -> None:
    for number in range(3_000):
        (tmp_path / f"._{number}").touch()
        (tmp_path / f".hidden-{number}").touch()
    (tmp_path / ".env").touch()
    covered = to_cover(tmp_path)
    assert len(covered) == MOST_COVERED
    assert tmp_path / ".env" in covered
    assert not [path for path in covered if path.name.startswith("._")]
