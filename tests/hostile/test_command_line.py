"""Command lines that are wrong, and surroundings that no program is written for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git_repository import Repo
from tests.hostile.conftest import Ended, Shop, check_words
from tests.registry_server import Exchange, Reply, ScriptedRegistry, scripted_registry

ROOT = Path(__file__).parents[2]
PLAN = ("plan", "--version=1.0.0")


def shell(shop: Shop, script: str, *, code: int, **environment: str) -> Ended:
    """Run a script of bash in which ``releaser`` is the program, as a process of its own."""
    program = f'releaser() {{ "{sys.executable}" -m releaser "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", program + script],
        cwd=shop.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    ended = Ended(done.returncode, out, err, 0.0)
    assert done.returncode == code, ended
    check_words(ended)
    return ended


# -- the spec -------------------------------------------------------------------------------------


def test_c01_no_spec(shop: Shop) -> None:
    (shop.folder / "images.yaml").unlink()
    Repo(shop.folder)
    ended = shop.refused("plan")
    ended.says("no images.yaml here or above", f"looked from: {shop.folder}", "hint: write one")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param(".", '"." is a folder', id="C2-folder"),
        pytest.param("pipe", '"pipe" is no regular file', id="C2-fifo"),
        pytest.param("/dev/zero", "is no regular file", id="C2-zero"),
        pytest.param("/dev/stdin", "", id="C2-stdin"),
        pytest.param("-", '"-" does not exist', id="C2-dash"),
        pytest.param("", "is a folder", id="C2-empty"),
        pytest.param("no/such", '"no/such" does not exist', id="C2-missing"),
        pytest.param("images.yaml/x", "does not exist", id="C2-below-a-file"),
        pytest.param("a\0b", "", id="C2-zero-byte"),
        pytest.param("x" * 300, "cannot be read: file name too long", id="C2-long"),
    ],
)
def test_a_spec_that_is_none(shop: Shop, name: str, message: str) -> None:
    os.mkfifo("pipe")
    ended = shop.refused("validate", "--file", name).says(message)
    assert ended.seconds < 5


# -- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["plan", "--dryrun"], "no such option: --dryrun", id="C3-unknown"),
        pytest.param(["release", "--pus"], 'did you mean "--push"?', id="C3-abbreviated"),
        pytest.param(["plan", "-x"], "no such option: -x", id="C3-short"),
        pytest.param(["plan", "--format=yaml"], "'text', 'json', 'markdown'", id="C3-choice"),
        pytest.param(["build", "--engine=podman"], "'buildx', 'docker-api'", id="C3-engine"),
        pytest.param(["plan", "--var=x"], '"x" is not NAME=VALUE', id="C3-var"),
        pytest.param(["plan", "--var==x"], "is not NAME=VALUE", id="C3-var-without-a-name"),
        pytest.param(["plan", "--var=a=1"], 'unknown variable "a"', id="C3-unknown-var"),
        pytest.param([*PLAN, "nope"], 'unknown image "nope"', id="C4-unknown"),
        pytest.param([*PLAN, ""], 'unknown image ""', id="C4-empty"),
        pytest.param([*PLAN, "--", "-x"], 'unknown image "-x"', id="C4-dash"),
        pytest.param([*PLAN, "n*"], 'no image matches "n*"', id="C4-glob"),
        pytest.param([*PLAN, "["], 'no image matches "["', id="C4-bracket"),
        pytest.param([*PLAN, "$(id)"], 'unknown image "$(id)"', id="C4-shell"),
        pytest.param([*PLAN, "a\n::error::b"], 'unknown image "a ::error::b"', id="C4-lines"),
        pytest.param([*PLAN, "\x1b(B"], 'unknown image "\\x1b(B"', id="C4-escapes"),
        pytest.param([*PLAN, "a" * 5_000], 'unknown image "aaa', id="C4-long"),
        pytest.param(["build", "--jobs=0"], "it must be 1 or more", id="C7-zero"),
        pytest.param(["build", "--jobs=-1"], "it must be 1 or more", id="C7-negative"),
        pytest.param(["build", "--jobs=1000000"], "it must be 256 or less", id="C7-huge"),
        pytest.param(["build", "--jobs=two"], "it must be a whole number", id="C7-word"),
        pytest.param(["build", "--jobs=0x10"], "it must be a whole number", id="C7-hex"),
        pytest.param(["build", "--jobs=1e3"], "it must be a whole number", id="C7-float"),
        pytest.param(["build", "--jobs="], "it must be a whole number", id="C7-empty"),
    ],
)
def test_an_option(shop: Shop, arguments: list[str], message: str) -> None:
    shop.refused(*arguments).says(message)


VERSIONS = [
    ("empty", ""), ("v", "v"), ("1", "1"), ("1.2", "1.2"), ("leading-zero", "01.2.3"),
    ("dash", "1.2.3-"), ("letter", "1.2.3-ü"), ("line-break", "1.2.3\n"), ("space", "1.2.3 "),
    ("digits", "٣.1.2"), ("option", "-1.2.3"), ("shell", "1.2.3$(id)"), ("comma", "1.2.3,x"),
    ("zero-byte", "1.2.3\0"), ("latest", "latest"), ("zero-in-prerelease", "1.2.3-01"),
]  # fmt: skip


@pytest.mark.parametrize("text", [pytest.param(text, id=f"C5a-{name}") for name, text in VERSIONS])
def test_a_version(shop: Shop, text: str) -> None:
    ended = shop.refused("plan", f"--version={text}")
    ended.says("is not a version", "hint: a version is MAJOR.MINOR.PATCH")


def test_c05a_a_version_without_an_end(shop: Shop) -> None:
    ended = shop.refused("plan", "--version=1.2.3-" + "a" * 5_000)
    assert len(ended.err) < 3_000


def test_c05a_a_version_of_the_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASER_VERSION", "1.2.3;id")
    shop.refused("plan").says('"1.2.3;id" is not a version')


def test_c05b_a_version_that_no_tag_can_spell(shop: Shop) -> None:
    shop.refused("plan", "--version=1.2.3+b").says('"1.2.3+b" is not a legal tag', "{{version}}")


def test_c06_push_and_dry_run(shop: Shop) -> None:
    with scripted_registry() as server:
        publishing(shop, server.host)
        ended = shop.refused("release", "--push", "--dry-run", "--version=1.0.0", code=4)
        ended.says("no Docker engine answers")
        assert not server.asked("PUT")


# -- saved plans ----------------------------------------------------------------------------------

PLANS = [
    ("truncated", b'{"schema": 1, "images": [', "it is not JSON"),
    ("empty", b"", "it is not JSON"),
    ("bytes", b"\xff\xfe\xff", "is no plan"),
    ("list", b"[]", "is no plan"),
    ("schema", b'{"schema": 99, "images": []}', 'a plan of schema "99"'),
    ("no-schema", b'{"images": []}', "a plan of schema"),
    ("escape", b'{"schema": "\\u001b[31m", "images": []}', 'schema "\\x1b[31m"'),
    ("lists", b"[" * 1_000_000, "it is not JSON"),
    ("maps", b'{"a":' * 100_000, "it is not JSON"),
    ("digits", b'{"schema": ' + b"9" * 10_000 + b"}", "it is not JSON"),
    ("nan", b'{"schema": NaN, "images": []}', "a plan of schema"),
    ("offline", b'{"schema": 1, "images": [], "offline": true}', "was made offline"),
    ("report", b'{"schema": 1, "command": "release"}', "is no plan"),
]


@pytest.mark.parametrize(
    ("content", "message"), [pytest.param(*more, id=f"C8a-{name}") for name, *more in PLANS]
)
def test_a_plan(shop: Shop, content: bytes, message: str) -> None:
    shop.write("plan.json", content)
    ended = shop.refused("release", "--plan=plan.json").says("plan.json", message)
    assert ended.seconds < 10


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("no.json", '"no.json" is no file', id="C8b-missing"),
        pytest.param(".", '"." is no file', id="C8b-folder"),
        pytest.param("pipe", '"pipe" is no file', id="C8b-fifo"),
        pytest.param("/dev/zero", '"/dev/zero" is no file', id="C8b-zero"),
        pytest.param("big.json", "longer than 64 MiB", id="C8b-big"),
    ],
)
def test_a_plan_that_is_no_file(shop: Shop, path: str, message: str) -> None:
    os.mkfifo("pipe")
    with Path("big.json").open("wb") as file:
        file.truncate(1 << 40)
    assert shop.refused("release", "--plan", path).says(message).seconds < 10


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        pytest.param({"images": []}, 3, "api: ", id="C8c-nothing"),
        pytest.param({"images": [1, {"name": 3}, {}]}, 2, 'unknown image "3"', id="C8c-types"),
        pytest.param({"images": [{"name": "-x"}]}, 2, 'unknown image "-x"', id="C8c-option"),
        pytest.param({"images": [{"name": "api", "commanded": True, "version": "$(id)"}]}, 2,
                     '"$(id)" is not a version', id="C8c-version"),
        pytest.param({"images": [{"name": "api", "commanded": True, "version": "1.0.0",
                                  "fingerprint": "\u001b[31m", "references": [[], 5]}]}, 3,
                     "\\x1b[31m", id="C8c-escapes"),
    ],
)  # fmt: skip
def test_a_plan_that_somebody_wrote(
    shop: Shop, content: dict[str, object], code: int, message: str
) -> None:
    """A saved plan can be refused; it cannot make anything happen."""
    shop.write("plan.json", json.dumps({"schema": 1, "project": "shop", **content}))
    shop.refused("release", "--plan=plan.json", code=code).says(message)


# -- streams, terminals, locales ------------------------------------------------------------------

RUN = "releaser plan --version=1.0.0"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param(f"{RUN} <&-", 0, id="C9a-no-stdin"),
        pytest.param(f"{RUN} >&- 2>&- <&-", 0, id="C9a-nothing"),
        pytest.param("releaser plan --version=x 2>&-", 2, id="C9a-no-stderr"),
        pytest.param(f"COLUMNS=1 NO_COLOR=1 {RUN}", 0, id="C9b-width-1"),
        pytest.param(f"COLUMNS=x LINES=-1 TERM=nonsense {RUN}", 0, id="C9b-nonsense"),
    ],
)
def test_streams(shop: Shop, script: str, code: int) -> None:
    if code and "2>&-" in script:
        program = f'"{sys.executable}" -m releaser'
        done = subprocess.run(
            ["bash", "-c", script.replace("releaser", program, 1)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code
    else:
        shell(shop, script, code=code)


def test_c09c_a_stdout_that_is_full(shop: Shop) -> None:
    ended = shell(shop, f"{RUN} >/dev/full", code=4)
    ended.says("the machine refuses: no space left on device", "hint: make room on the disk")


POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_c10_a_locale_without_letters(shop: Shop) -> None:
    shop.spec("context: .", 'targget: "ü→名"')
    ended = shell(shop, RUN, code=2, **POSIX)
    assert (
        '4:5: unknown field "targget"' in ended.err or '5:5: unknown field "targget"' in ended.err
    )
    shop.spec("context: .", 'labels: {a: "ü→名"}')
    shell(shop, f"{RUN} && {RUN} nöpe", code=2, **POSIX).says("unknown image")


def test_c10_arguments_that_are_no_text(shop: Shop) -> None:
    shell(shop, f"{RUN} $'n\\xffpe'", code=2).says('unknown image "n\\udcffpe"')
    shell(shop, "releaser validate -f $'n\\xff.yaml'", code=2).says("does not exist")
    shell(shop, "releaser plan --version=$'1.0.0-\\xff'", code=2).says("is not a version")


# -- the machine ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", ["validate", 'validate -f "$D/images.yaml"', 'plan -f "$D/images.yaml"']
)
def test_c11a_a_working_folder_that_is_gone(shop: Shop, arguments: str) -> None:
    script = f"D=$PWD; mkdir gone; cd gone; rmdir ../gone; releaser {arguments}"
    shell(shop, script, code=4).says("the working folder cannot be used", "no such file")


def test_c11a_help_needs_no_folder(shop: Shop) -> None:
    shell(shop, "mkdir gone; cd gone; rmdir ../gone; releaser --help", code=0)


def test_c11b_a_folder_that_nobody_may_write(shop: Shop) -> None:
    assert shop.run(*PLAN).code == 0
    written = {path.name for path in shop.folder.iterdir()}
    assert written == {"images.yaml", "Dockerfile"}
    shop.refused(*PLAN, "-o", "/proc/plan.json", code=4).says("cannot be written")
    shop.refused(*PLAN, "-o", "nowhere/plan.json").says("cannot be written")
    shop.refused("build", "--report=/proc/x/report.json").says("cannot be written")


@pytest.mark.parametrize("home", ["", "HOME=/dev/null", "HOME=.", "HOME="])
def test_c12_no_home(shop: Shop, home: str) -> None:
    kept = 'PATH="$PATH" PYTHONPATH="$PYTHONPATH" DOCKER_HOST="$DOCKER_HOST"'
    command = f'env -i {kept} {home} "{sys.executable}" -m releaser plan --version=1.0.0'
    shell(shop, command, code=0)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        pytest.param("ssh://-oProxyCommand=touch${IFS}pwned", "makes no sense", id="C13-option"),
        pytest.param("ssh://h;touch pwned", "", id="C13-shell"),
        pytest.param("ftp://x", "ftp:// is not a way to an engine", id="C13-scheme"),
        pytest.param("tcp://user:hunter2@127.0.0.1:1", "holds a password", id="C13-password"),
        pytest.param("tcp://[::1", "malformed", id="C13-brackets"),
        pytest.param("tcp://127.0.0.1:99999", "malformed", id="C13-port"),
        pytest.param("tcp://127.0.0.1:1", "connection refused", id="C13-refused"),
        pytest.param("unix:///dev/null", "no Docker engine answers", id="C13-device"),
        pytest.param("unix://", "no Docker engine answers", id="C13-no-path"),
    ],
)
def test_an_engine_that_is_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, host: str, message: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    ended = shop.refused("build", "--version=1.0.0", code=4).says("DOCKER_HOST", message)
    assert "hunter2" not in ended.err
    assert not (shop.folder / "pwned").exists()


# -- logins, proxies ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[ScriptedRegistry]:
    """A registry that asks everybody who they are."""
    with scripted_registry() as found:
        found.rule("*", "/v2/", ask, times=None)
        yield found


def ask(_exchange: Exchange) -> Reply:
    return Reply(401, {"WWW-Authenticate": 'Basic realm="shop"'})


def publishing(shop: Shop, host: str) -> None:
    head = f"version: 1\nregistries: {{r: {host}/x}}\n"
    shop.write("images.yaml", head + "images: {api: {context: .}}\n")


CONFIGS = [
    ("truncated", b'{"auths": {"x": {'), ("list", b"[]"), ("bytes", b"\xff"),
    ("auths", b'{"auths": []}'), ("bomb", b"[" * 100_000), ("store", b'{"credsStore": 5}'),
    ("program", b'{"credsStore": "../../bin/x"}'), ("option", b'{"credsStore": "-x"}'),
]  # fmt: skip


@pytest.mark.parametrize(
    "content", [pytest.param(content, id=f"C14a-{name}") for name, content in CONFIGS]
)
def test_logins_that_cannot_be_read(shop: Shop, server: ScriptedRegistry, content: bytes) -> None:
    publishing(shop, server.host)
    shop.write("../docker/config.json", content)
    ended = shop.refused("release", "--push", "--version=1.0.0", code=4)
    assert "cannot be used" in ended.err or "credential" in ended.err, ended.err
    assert not server.asked("PUT")


def test_c14b_a_fifo_for_logins(shop: Shop, server: ScriptedRegistry) -> None:
    publishing(shop, server.host)
    (shop.folder.parent / "docker").mkdir()
    os.mkfifo(shop.folder.parent / "docker" / "config.json")
    ended = shop.refused("release", "--push", "--version=1.0.0", code=4)
    ended.says("config.json cannot be used", "it is no regular file")


@pytest.mark.parametrize("proxy", ["nonsense", "http://127.0.0.1:1", "socks5://x", "ftp://["])
def test_c15_proxies(shop: Shop, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("NO_PROXY", ":,,*.")
    with scripted_registry() as server:
        publishing(shop, server.host)
        assert shop.run(*PLAN).code == 0
        assert server.log


# -- CI -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {"GITHUB_ACTIONS": "true"},
        {"GITHUB_REF": ""},
        {"GITHUB_REF": "refs/heads/x\n::error::"},
        {"GITHUB_REF": "refs/tags/v9.9.9", "GITHUB_EVENT_PATH": "/dev/zero"},
        {"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": "/nowhere"},
        {"GITLAB_CI": "true"},
        {"GITLAB_CI": "true", "CI_COMMIT_TAG": "v9.9.9\x1b[31m"},
        {"GITHUB_OUTPUT": "/nowhere/x", "GITHUB_STEP_SUMMARY": "/proc/x", "GITHUB_ENV": "/"},
    ],
)
def test_c16a_half_of_a_ci_system(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    Repo(shop.folder).commit()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = shop.run("plan")
    assert ended.code == 0
    assert ended.seconds < 10


def test_c16b_a_ref_that_is_forged(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(shop.folder)
    commit = repo.commit()
    monkeypatch.setenv("GITHUB_REF", "refs/tags/v9.9.9")
    monkeypatch.setenv("GITHUB_SHA", "f" * 40)
    ended = shop.run("plan")
    ended.says("the CI system speaks of commit ffffffffffff")
    assert "9.9.9" not in ended.out
    with scripted_registry() as server:
        publishing(shop, server.host)
        monkeypatch.setenv("GITHUB_SHA", commit)
        ended = shop.refused("release", "--push", "--version=1.0.0", code=3)
        ended.says('the event is about tag "v9.9.9", which this clone lacks')
        assert not server.asked("PUT")


@pytest.mark.parametrize(
    "event", ["pull_request", "pull_request_target", "pull_request_review", "PULL_REQUEST", "push"]
)
def test_c16c_an_event_of_strangers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    commit = Repo(shop.folder).commit()
    for name, value in {
        "EVENT_NAME": event, "REF": "refs/pull/7/merge", "SHA": commit,
        "HEAD_REF": "main", "BASE_REF": "main",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"GITHUB_{name}", value)
    with scripted_registry() as server:
        publishing(shop, server.host)
        ended = shop.refused("release", "--push", "--version=1.0.0", code=3)
        ended.says(f"the event is {event}", "--allow-event")
        for command in (
            ["promote", "1.0.0", "--to=x"],
            ["rollback", "--to=1.0.0"],
            ["prune", "--yes"],
        ):
            shop.refused(*command, code=3).says(f"the event is {event}", "--allow-event")
        assert not server.asked("PUT")


# -- limits ---------------------------------------------------------------------------------------


def test_c17_few_open_files(shop: Shop) -> None:
    Repo(shop.folder).commit()
    shell(shop, f"ulimit -n 32; {RUN}", code=0)


def test_c17_too_few_open_files(shop: Shop) -> None:
    Repo(shop.folder).commit()
    ended = shell(shop, f"ulimit -n 8; {RUN}", code=4)
    ended.says("the machine refuses: too many open files", "hint: raise the limit")


def test_c18_two_runs_in_one_folder(shop: Shop) -> None:
    names = [f"plan{number}.json" for number in range(2)]
    shop.write(".dockerignore", "*.json\n")
    both = " & ".join(f"{RUN} -o {name}" for name in names)
    shell(shop, f"{both} & wait", code=0)
    plans = {(shop.folder / name).read_text() for name in names}
    assert len(plans) == 1
