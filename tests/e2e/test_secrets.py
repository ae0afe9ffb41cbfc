"""Secrets on a real engine: in no process list, no output and no image; a leak goes nowhere."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace, all_tags, manifest

Make = Callable[[EngineUnderTest], Workspace]
TOKEN = "tok-3n9-a/very+secret value"
LINES = ("MIIEvQIBADANBgkqhkiG9w0BAQ", "EFAASCBKcwggSjAgEAAoIBAQ")
KEY = f"-----BEGIN KEY-----\n{LINES[0]}\n{LINES[1]}\n-----END KEY-----\n"
HIDDEN = (TOKEN, *LINES)
SPEC = """\
version: 1
project: shop
registries: {main: REGISTRY/secrets-NONCE}
images:
  app:
    context: .
    labels: {nonce: NONCE}
    secrets: [{id: token, env: APP_TOKEN}, {id: key, file: app.key}]
    MORE
"""
MOUNTED = (
    "RUN --mount=type=secret,id=token,required --mount=type=secret,id=key,required "
    "cat /run/secrets/* && cat /run/secrets/key | base64 && base64 /run/secrets/token "
    "&& cat /run/secrets/* | wc -c > /length && : NONCE"
)


@pytest.fixture
def work(engine: EngineUnderTest, workspace: Make) -> Workspace:
    """A project of one image with a secret of each kind."""
    made = workspace(engine)
    made.extra["APP_TOKEN"] = TOKEN
    made.extra["XDG_STATE_HOME"] = str(made.folder.parent / "state")
    (made.folder / "app.key").write_text(KEY)
    return made


def write(work: Workspace, *lines: str, more: str = "") -> str:
    """Write the project; the repository of its image."""
    dockerfile = "\n".join(("FROM busybox:latest", "LABEL nonce=NONCE", *lines)) + "\n"
    work.write({"images.yaml": SPEC.replace("MORE", more), "Dockerfile": dockerfile})
    return f"{work.registry}/secrets-{work.nonce}/app"


STAGES = """\
FROM busybox:latest AS first
ARG T
RUN echo $T > /t
FROM busybox:latest
LABEL nonce=NONCE
COPY --from=first /etc /x"""
LEAKS = {
    "env": ("ARG T\nENV T=${T}", "", "env T"),
    "label": ("ARG T\nLABEL about=${T}", "", "label about"),
    "history": ("ARG T\nRUN echo $T > /dev/null", "", "history line"),
    "base64": ("ARG B\nLABEL about=${B}", "", "label about"),
    "attestation": (STAGES, "provenance: mode=max", "provenance"),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_uploaded_nowhere(work: Workspace, leak: str) -> None:
    lines, more, place = LEAKS[leak]
    encoded = "eDp0b2stM245LWEvdmVyeStzZWNyZXQgdmFsdWU6eQ=="  # x:TOKEN:y
    args = json.dumps({"T": TOKEN, "B": encoded})
    repository = write(work, lines, more=f"args: {args}\n    {more}")
    ran = work.run("release", "--push", "--version", "1.0.0", report=True)
    assert ran.code == 1, ran.err
    assert f'has the value of secret "token" in its {place}' in ran.err
    assert "RUN --mount=type=secret,id=token" in ran.err
    assert all_tags(repository) == []
    assert (ran.report["outcome"], ran.report["exit_code"]) == ("failed", 1)
    again = work.run("release", "--push", "--version", "1.0.0", report=True)
    assert again.code == 1
    assert all_tags(repository) == []
    for text in (ran.out, ran.err, json.dumps(ran.report), again.err):
        assert TOKEN not in text
        assert encoded not in text


def test_a_build_that_goes_nowhere_is_searched_too(work: Workspace) -> None:
    write(work, "ARG T", "ENV T=${T}", more=f"args: {json.dumps({'T': TOKEN})}")
    ran = work.run("release", "--version", "1.0.0")
    assert ran.code == 1
    assert 'secret "token" in its env T' in ran.err


def descendants(process: int) -> Iterator[int]:
    """The processes that stem from one, as /proc has them now."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    waiting = [process]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            yield child
            waiting.append(child)


def seen_of(process: subprocess.Popen[str]) -> tuple[set[bytes], set[bytes]]:
    """The arguments and the environments of all that a program started while it ran."""
    arguments: set[bytes] = set()
    environments: set[bytes] = set()
    while process.poll() is None:
        for child in (process.pid, *descendants(process.pid)):
            folder = Path(f"/proc/{child}")
            try:
                arguments.add((folder / "cmdline").read_bytes())
                environments.add((folder / "environ").read_bytes())
            except OSError:
                continue
        time.sleep(0.01)
    return arguments, environments


def test_a_release_shows_its_secrets_to_nobody(work: Workspace) -> None:
    repository = write(work, MOUNTED)
    report, journal = work.folder.parent / "report.json", work.folder.parent / "journal.jsonl"
    assert work.run("plan", "--version", "1.0.0", "-o", "../plan.json").code == 0
    out, err = work.folder.parent / "out", work.folder.parent / "err"
    more = ("--report", str(report), "--journal", str(journal), "--verbose")
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            work.command("release", "--push", "--version", "1.0.0", *more),
            cwd=work.folder, env=work.environment(), stdout=stdout, stderr=stderr, text=True,
        )  # fmt: skip
        arguments, environments = seen_of(process)
    assert process.returncode == 0, err.read_text()
    assert any(b"buildx" in one for one in arguments)
    for value in HIDDEN:
        assert not any(value.encode() in one for one in arguments)
    # Of a variable BuildKit reads the value from the environment; of a file there is only its path.
    assert not any(value.encode() in one for value in HIDDEN[1:] for one in environments)
    said = "".join(
        path.read_text() for path in (out, err, report, journal, work.folder.parent / "plan.json")
    )
    assert said.count("***") >= 4
    reference = f"{repository}:1.0.0"
    _, body = manifest(reference)
    work.engine.docker("pull", "-q", reference)
    said += body.decode() + work.engine.docker("image", "inspect", reference)
    said += work.engine.docker("history", "--no-trunc", reference)
    for value in HIDDEN:
        assert value not in said
    assert work.engine.docker("run", "--rm", reference, "cat", "/length") == str(
        len(TOKEN) + len(KEY)
    )


def test_a_failed_build_tells_no_secret(work: Workspace) -> None:
    write(work, MOUNTED, "RUN --mount=type=secret,id=token cat /run/secrets/token && false")
    ran = work.run("release", "--push", "--version", "1.0.0", "--format", "markdown", report=True)
    assert ran.code == 1
    assert "***" in ran.err
    for text in (ran.out, ran.err, json.dumps(ran.report)):
        assert not any(value in text for value in HIDDEN)


# -- build output that speaks to whoever prints it

COMMANDS = {"set-output", "add-mask", "stop-commands", "endgroup", "group", "error", "set-env"}
SPOKEN = (
    "::set-output name=a::b",
    "   ::add-mask::x",
    "\\t::endgroup::",
    "##[group]x",
    "behind ##[error]x",
    "#\\033[1m#[endgroup]",
    "::stop-commands::x",
    "10%%\\r::error::over",
    "\\033[31m::set-env name=PATH::/x",
    "\\033]0;title\\007\\302\\233\\342\\200\\256turned",
)


def obeyed(line: str) -> str | None:
    """The command that GitHub's runner would take a line for (actions/runner, ActionCommand)."""
    trimmed = line.lstrip()
    if trimmed.startswith("::") and "::" in trimmed[2:]:
        name = trimmed[2:].partition("::")[0].partition(" ")[0]
        if name in COMMANDS:
            return name
    found = re.search(r"##\[([^\]]*)\]", line)
    name = found[1].partition(" ")[0] if found else ""
    return name if name in COMMANDS else None


def test_the_runner_of_the_test_obeys() -> None:
    assert [obeyed(one) for one in SPOKEN[:2]] == ["set-output", "add-mask"]
    assert [obeyed(one) for one in SPOKEN[3:5]] == ["group", "error"]
    assert obeyed("app  | ::set-output name=a::b") is None


@pytest.mark.parametrize("builder", ["buildx", "docker-api"])
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_build_output_commands_nobody(
    engine: EngineUnderTest, workspace: Make, builder: str, ends: str
) -> None:
    work = workspace(engine)
    printed = "".join(f"{one}\\n" for one in SPOKEN)
    work.write(
        {
            "images.yaml": "version: 1\nproject: shop\nimages:\n"
            "  app: {context: ., labels: {nonce: NONCE}}\n",
            "Dockerfile": "FROM busybox:latest\nLABEL nonce=NONCE\n"
            f"RUN : NONCE; printf '{printed}'" + (" && false" if ends == "badly" else "") + "\n",
        }
    )  # fmt: skip
    work.extra |= {"GITHUB_ACTIONS": "true", "CI": "true"}
    options = ("--version", "1.0.0", "--verbose", "--engine", builder)
    for output in ("text",) if ends == "well" else ("text", "markdown"):
        ran = work.run("build", *options, "--format", output, report=True)
        assert ran.code == (0 if ends == "well" else 1), ran.err
        for text in (ran.out, ran.err):
            assert [line for line in text.splitlines() if obeyed(line)] == []
            assert not set(text) & {"\x1b", "\x07", "\r", "\x9b", "\u202e"}
    if ends == "badly":
        assert "::set-output name=a::b" in ran.err  # shown, and not obeyed
