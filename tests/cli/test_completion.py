"""What a shell is offered, by the protocol of the scripts that it is given."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from releaser.cli.app import run
from releaser.cli.completion import SHELLS, script
from tests.git_repository import Repo, set_apart

PROGRAM = Path(sys.executable).with_name("releaser")
SPEC = """\
version: 1
registries: {staging: staging.example/shop, prod: prod.example/shop}
include: ["more/*.yaml"]
vars:
  python: 3.12
  channel: {default: stable, description: which packages are used}
groups: {backend: [api, worker]}
profiles: {production: }
images:
  api: {context: services/api}
  worker: {context: services/worker}
  tools:
    matrix: {python: [3.11, 3.12]}
    context: images/tools
"""
MORE = "profiles: {slim: }\nimages: {extra: }\nvars: {flavor: x}\n"
Offered = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "more").mkdir()
    (tmp_path / "images.yaml").write_text(SPEC)
    (tmp_path / "more" / "images.yaml").write_text(MORE)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    set_apart(monkeypatch)
    for name in [*os.environ]:
        if name.startswith("RELEASER_"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def offered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Offered:
    """What bash is offered for the last of some words; nothing is said besides."""
    assert folder.is_dir()

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("_RELEASER_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["releaser", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit) as left:
            run([])
        out, err = capsys.readouterr()
        assert left.value.code == 0
        assert err == ""
        return out.split()

    return ask


# By the shells' own protocol, in processes of their own.


def asked(folder: Path, **environment: str) -> str:
    given = {**os.environ, **environment}
    done = subprocess.run(
        [PROGRAM], cwd=folder, env=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_zsh(folder: Path) -> None:
    text = asked(
        folder, _RELEASER_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="releaser build api wo"
    )
    assert text.strip() == "_arguments '*: :((\"worker\"))'"


def test_fish(folder: Path) -> None:
    text = asked(
        folder,
        _RELEASER_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="releaser build ",
    )
    assert text.split() == [
        "api",
        "worker",
        "tools-3.11",
        "tools-3.12",
        "extra",
        "backend",
        "tools",
    ]


def bash_words(folder: Path, *words: str, before: str = "") -> list[str]:
    """What the script for bash offers for the last of ``words``, which are divided as by bash."""
    bash = shutil.which("bash")
    assert bash, "bash is part of every system that runs these tests"
    typed = f"COMP_WORDS=({shlex.join(['releaser', *words])}); COMP_CWORD={len(words)}"
    program = f"{script('bash')}\n{before}{typed}; _releaser_completion releaser\n"
    done = subprocess.run(
        [bash, "--norc", "-c", program + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        cwd=folder,
        env={**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["build", "to"], ["tools-3.11", "tools-3.12", "tools"]),
        (["build", "--profile", "=", "pr"], ["production"]),
        (["build", "--profile", "=", ""], ["production", "slim"]),
        (["build", "--var", "python", "=", "3", "ex"], ["extra"]),
    ],
)
def test_a_real_bash_with_the_script_that_it_is_given(
    folder: Path, words: list[str], expected: list[str]
) -> None:
    assert bash_words(folder, *words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["build", "--var", "py"], ["compopt-onospace", "python="]),
        (["build", "--var", ""], ["python=", "channel=", "flavor="]),
        (["build", "ap"], ["api"]),
        (["init", "--from", "../mo"], ["compopt-onospace", "../more/"]),
    ],
)
def test_a_name_that_is_only_begun_gets_no_space(
    folder: Path, words: list[str], expected: list[str]
) -> None:
    said = "compopt() { printf 'compopt%s%s\\n' \"$@\"; }\n"
    assert bash_words(folder / "deep", *words, before=said) == expected


# Scripts.


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--show-completion", shell]) == 0
    out = capsys.readouterr().out
    assert "_RELEASER_COMPLETE" in out
    assert f"complete_{'powershell' if shell == 'pwsh' else shell}" in out


def test_another_shell_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--show-completion", "tcsh"]) == 2
    assert "allowed: bash, zsh, fish" in capsys.readouterr().err


def test_bash_gets_our_script_however_it_is_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(["--install-completion", "bash"]) == 0
    written = tmp_path / ".bash_completions" / "releaser.sh"
    assert capsys.readouterr().out.startswith(f"bash completion installed in {written}")
    assert written.read_text() == script("bash") + "\n"
    assert str(written) in (tmp_path / ".bashrc").read_text()
    assert run(["--install-completion", "fish"]) == 0
    assert run(["--install-completion", "tcsh"]) == 2
    assert "allowed: bash, zsh, fish" in capsys.readouterr().err


# Names.


def test_commands(offered: Offered) -> None:
    assert offered("gr") == ["graph"]
    assert {"build", "schema", "validate"} <= set(offered(""))


def test_images_and_groups(offered: Offered) -> None:
    every = ["api", "worker", "tools-3.11", "tools-3.12", "extra", "backend", "tools"]
    for command in ("build", "plan", "why", "graph", "tags"):
        assert offered(command, "") == every
    assert offered("build", "tools-") == ["tools-3.11", "tools-3.12"]
    assert offered("build", "api", "backend", "") == [
        one for one in every if one not in {"api", "backend"}
    ]
    assert offered("promote", "1.4.2", "w") == ["worker"]


def test_profiles(offered: Offered) -> None:
    assert offered("build", "--profile", "") == ["production", "slim"]
    assert offered("build", "--profile", "slim", "--profile", "") == ["production"]


def test_variables(offered: Offered) -> None:
    assert offered("build", "--var", "") == ["python=", "channel=", "flavor="]
    assert offered("build", "--var", "fl") == ["flavor="]


def test_what_bash_divides_is_one_word(offered: Offered) -> None:
    assert offered("build", "--profile", "=", "pr") == ["production"]
    assert offered("build", "--profile", "=") == ["production", "slim"]
    assert offered("build", "--profile", "=", "slim", "--profile", "=") == ["production"]
    assert offered("build", "--profile=pr") == ["production"]
    assert offered("build", "--var", "=", "p") == ["python="]
    assert offered("graph", "--format", "=", "j") == ["json"]
    assert offered("build", "--var", "channel", "=", "a", ":", "b", "ex") == ["extra"]
    assert offered("promote", "1", "--to", "=", "st") == ["staging"]


def test_the_value_of_a_variable_is_not_known(offered: Offered) -> None:
    for words in (("py", "="), ("py", "=", "3"), ("=", "py", "="), ("=", "python", "="), ("x=",)):
        assert offered("build", "--var", *words) == []
    assert offered("build", "--var", "python", "=", "3", "ap") == ["api"]


def test_what_init_reads(offered: Offered, folder: Path) -> None:
    (folder / "deep" / "docker-bake.hcl").write_text("")
    (folder / "deep" / "b side.yml").write_text("")
    (folder / "deep" / ".hidden").write_text("")
    kinds = ["bake", "compose", "metadata-action-workflow"]
    assert offered("init", "--from", "b") == ["bake", "b", "side.yml"]
    assert offered("init", "--from", "") == [*kinds, "b", "side.yml", "docker-bake.hcl"]
    assert offered("init", "--from", "=", "d") == ["docker-bake.hcl"]
    assert offered("init", "--from", ".h") == [".hidden"]
    assert offered("init", "--from", "../") == ["../deep/", "../images.yaml", "../more/"]
    assert offered("init", "--from", "../m") == ["../more/"]
    assert offered("init", "--from", "nowhere/") == []


def test_an_image_that_is_not_enabled_is_not_offered(offered: Offered, folder: Path) -> None:
    (folder / "images.yaml").write_text(SPEC + "  off: {context: x, enabled: false}\n")
    assert "off" not in offered("build", "")


def test_registries(offered: Offered) -> None:
    for words in (("promote", "1", "--to"), ("promote", "1", "--from"), ("prune", "--registry")):
        assert offered(*words, "") == ["staging", "prod"]


def test_another_file(offered: Offered, folder: Path) -> None:
    (folder / "other.yaml").write_text("version: 1\nimages: {only-here: }\n")
    assert offered("build", "-f", "../other.yaml", "") == ["only-here"]


def test_versions_are_those_of_git_tags(
    offered: Offered, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repo(folder)
    repository.commit("one")
    repository.tag("v1.9.0", "v1.10.0", "v2.0.0-rc.1", "other", "api/v9.0.0")
    assert offered("promote", "") == ["2.0.0-rc.1", "1.10.0", "1.9.0"]
    assert offered("rollback", "--to", "1.1") == ["1.10.0"]
    assert offered("verify", "--version", "2") == ["2.0.0-rc.1"]
    (folder / "images.yaml").write_text(SPEC + 'versioning: {tag: "{{image}}/v{{version}}"}\n')
    assert offered("promote", "") == ["9.0.0"]
    monkeypatch.setenv("PATH", "/nowhere")
    assert offered("promote", "") == []


# Quietly nothing, or as much as can be had.


def test_a_wrong_spec_still_has_names(offered: Offered, folder: Path) -> None:
    (folder / "images.yaml").write_text(SPEC.replace("context: services/api", "contxt: x"))
    assert offered("build", "a") == ["api"]
    assert offered("build", "b") == ["backend"]
    (folder / "images.yaml").write_text(SPEC + "x-y: [\n")
    assert offered("build", "") == []


def test_a_variable_that_is_missing_is_no_trouble(offered: Offered, folder: Path) -> None:
    (folder / "images.yaml").write_text(
        "version: 1\nvars: {a: {required: true}}\nimages: {api: {target: '{{vars.a}}'}}\n"
    )
    assert offered("build", "") == ["api"]
    assert offered("build", "--var", "") == ["a="]


@pytest.mark.parametrize("content", [None, b"", b"5", b"\xff\xfe", b"images: 5\nvars: [", b"\0"])
def test_where_nothing_can_be_read_nothing_is_offered(
    offered: Offered, folder: Path, content: bytes | None
) -> None:
    (folder / "images.yaml").unlink()
    if content is not None:
        (folder / "images.yaml").write_bytes(content)
    for words in (("build",), ("build", "--profile"), ("build", "--var"), ("promote", "1", "--to")):
        assert offered(*words, "") == []
    assert offered("build", "-f", "nowhere.yaml", "") == []
    assert offered("build", "-f", ".", "") == []


def test_it_is_quick(offered: Offered) -> None:
    offered("build", "")
    began = time.process_time()
    offered("build", "")
    assert time.process_time() - began < 0.3
