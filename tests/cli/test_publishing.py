"""The commands that come after a release, on fakes: what is printed, reports and exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from releaser.cli import app, commands, promoting, pruning, releasing, rolling_back, verifying
from releaser.cli.secrecy import keep_secret
from releaser.core.oci import Repository
from releaser.core.withdrawal import Withdrawals, withdrawal_reference
from releaser.errors import RegistryError, SetupError
from releaser.interfaces import NO_JOURNAL
from releaser.pipeline import Project
from tests.world import RELEASED, World

SPEC = """\
version: 1
project: shop
registries: {staging: staging.example/shop, prod: prod.example/shop}
defaults: {push_to: [staging]}
images:
  api: {context: api}
"""
FILES = {"api/Dockerfile": "FROM scratch\nCOPY f /\n", "api/f": "api"}
STAGING, PROD = "staging.example/shop/api", "prod.example/shop/api"
MODULES = [commands, releasing, verifying, promoting, rolling_back, pruning]

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """A world that the commands run in instead of this machine; 1.4.2 is released."""
    world = World(SPEC, FILES)
    for module in MODULES:
        monkeypatch.setattr(module, "load_project", lambda *_: world.project)
        monkeypatch.setattr(module, "adapters", lambda *_, **__: world.adapters)
    monkeypatch.setattr(releasing, "opened", lambda *_: NO_JOURNAL)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CI", "1")
    for name in ("RELEASER_VERSION", "GITHUB_EVENT_NAME", "GITHUB_REF", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return world


@pytest.fixture
def ran(made: World, capsys: pytest.CaptureFixture[str]) -> Ran:  # noqa: ARG001 - runs in it
    """Runs a command line: its code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = app.run(arguments)
        return code, *capsys.readouterr()

    assert run("release", "--push", "--report", "release.json")[0] == 0
    return run


def report(name: str = "report.json") -> dict[str, Any]:
    """The report that was written."""
    found: dict[str, Any] = json.loads(Path(name).read_text())
    return found


def release(world: World, ran: Ran, version: str) -> None:
    """Release a version with content of its own."""
    world.files["/project/api/f"] = version
    commit = sha256(version.encode()).hexdigest()[:40]
    world.source = replace(RELEASED, tags=(f"v{version}",), commit=commit)
    assert ran("release", "--push", "--report", f"{version}.json")[0] == 0


class TestVerify:
    def test_all_right(self, ran: Ran) -> None:
        expected = (0, "shop: 4 tags of 1 image, all right\n", "")
        assert ran("verify", "--version", "1.4.2") == expected
        code, out, _ = ran("verify", "--report", "release.json", "--deep")
        assert (code, out) == (0, "shop: 6 tags of 1 image, all right\n")

    def test_differences(self, made: World, ran: Ran) -> None:
        del made.registry.repositories[Repository.parse(STAGING)].tags["1.4"]
        code, out, err = ran("verify", "--version", "v1.4.2", "api")
        assert (code, err) == (1, "")
        assert out.startswith(f"missing: {STAGING}:1.4: expected sha256:")
        code, out, _ = ran("verify", "--version", "1.4.2", "--format", "json")
        assert code == 1
        [one] = json.loads(out)["differences"]
        assert (one["what"], one["found"]) == ("missing", "nothing")

    def test_what_would_not_be_said(self, made: World, ran: Ran) -> None:
        error = RegistryError("it is down")
        made.registry.fail("manifest", f"{STAGING}:1.4", error, times=None)
        code, out, err = ran("verify", "--version", "1.4.2")
        assert code == 6
        assert f"unknown: {STAGING}:1.4: it is down\n" in out
        assert "a registry would not say" in err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "something to compare with"),
            (["--version", "1.4.2", "--report", "release.json"], "something to compare with"),
            (["--version", "latest"], "is not a version"),
            (["--report", "missing.json"], "is no file"),
            (["--version", "1.4.2", "web"], "unknown image"),
            (["--version", "1.4.2", "--registry", "prud"], "unknown registry"),
        ],
    )
    def test_wrong_command_lines(self, ran: Ran, arguments: list[str], message: str) -> None:
        code, out, err = ran("verify", *arguments)
        assert (code, out) == (2, "")
        assert message in err


class TestPromote:
    def test_to_a_registry(self, made: World, ran: Ran) -> None:
        code, out, err = ran("promote", "1.4.2", "--to", "prod", "--report", "report.json")
        assert code == 0, err
        assert out.startswith("shop: promote 1.4.2: 1 to copy, 4 tags to write\n")
        assert f"  + {PROD}:latest\n" in out
        assert out.splitlines()[-1].startswith("shop: promoted in ")
        assert "copy to prod done" in err
        found = report()
        assert (found["command"], found["outcome"], found["pushed"]) == (
            "promote", "promoted", True,
        )  # fmt: skip
        references = found["images"][0]["references"]
        assert {one["outcome"] for one in references} == {"done"}
        assert made.registry.tag_of(f"{PROD}:1.4.2") == made.registry.tag_of(f"{STAGING}:1.4.2")
        # what a promotion reports can be verified
        code, out, _ = ran("verify", "--report", "report.json")
        assert (code, out) == (0, "shop: 4 tags of 1 image, all right\n")

    def test_a_dry_run_changes_nothing(self, made: World, ran: Ran) -> None:
        code, out, err = ran("promote", "1.4.2", "--to", "prod", "--dry-run")
        assert (code, err) == (0, "")
        assert f"  + {PROD}:latest\n" in out
        assert "promoted" not in out
        assert Repository.parse(PROD) not in {
            place for place, held in made.registry.repositories.items() if held.tags
        }
        code, out, _ = ran("promote", "1.4.2", "--to", "prod", "--dry-run", "--format", "json")
        assert json.loads(out)["outcome"] == "planned"

    def test_nothing_to_do(self, ran: Ran) -> None:
        assert ran("promote", "1.4.2", "--to", "stable")[0] == 0
        code, out, _ = ran("promote", "1.4.2", "--to", "stable")
        assert code == 0
        assert "nothing to do" in out

    def test_refused(self, made: World, ran: Ran) -> None:
        made.registry.seed_image(f"{PROD}:1.4.2", "other")
        arguments = ("promote", "1.4.2", "--to", "prod", "--report", "report.json")
        code, out, err = ran(*arguments)
        assert code == 3
        assert f"  ! {PROD}:1.4.2  refused: it names another content already" in out
        assert "names another content already" in err
        assert report()["outcome"] == "refused"
        assert ran(*arguments, "--dry-run")[0] == 3

    def test_a_registry_that_does_not_let_us(self, made: World, ran: Ran) -> None:
        made.registry.fail("check_push", PROD, SetupError("not allowed"), times=None)
        code, _, err = ran("promote", "1.4.2", "--to", "prod")
        assert (code, "not allowed" in err) == (4, True)
        assert made.registry.called("copy") == []

    def test_a_copy_that_fails(self, made: World, ran: Ran) -> None:
        made.registry.fail("copy", "*", RegistryError("it is full"))
        code, _, err = ran("promote", "1.4.2", "--to", "prod", "--report", "report.json")
        assert (code, "it is full" in err) == (1, True)
        assert report()["outcome"] == "failed"

    def test_json(self, ran: Ran) -> None:
        code, out, _ = ran("promote", "latest", "--to", "prod", "--format", "json")
        assert code == 0
        found = json.loads(out)
        assert found["asked"] == "latest"
        assert found["images"][0]["version"] == "1.4.2"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["1.4.2"], "goes to a tag or a registry"),
            (["1.4.2", "--to", "prud"], 'did you mean "prod"?'),
            (["1.4.2", "--to", "prod", "--from", "prod"], "is where the images come from"),
            (["1.4.2", "web", "--to", "prod"], "unknown image"),
            (["1.4.2", "--tag", "1.3"], "would look like a version"),
            ([], "missing argument"),
        ],
    )
    def test_wrong_command_lines(self, ran: Ran, arguments: list[str], message: str) -> None:
        code, out, err = ran("promote", *arguments)
        assert (code, out) == (2, "")
        assert message in err


class TestRollback:
    def test_there_and_back(self, made: World, ran: Ran) -> None:
        release(made, ran, "1.5.0")
        old, new = (made.registry.tag_of(f"{STAGING}:{tag}") for tag in ("1.4.2", "1.5.0"))
        code, out, err = ran("rollback", "--to", "1.4.2", "--dry-run")
        assert (code, err) == (0, "")
        assert out.startswith("shop: roll back: 2 tags to move\n")
        assert "api in staging  withdraws 1.5.0\n" in out
        assert made.registry.tag_of(f"{STAGING}:latest") == new
        code, out, err = ran("rollback", "--to", "v1.4.2", "--reason", "it leaks")
        assert code == 0, err
        assert out.splitlines()[-1].startswith("shop: rolled back in ")
        assert made.registry.tag_of(f"{STAGING}:latest") == old
        assert ran("release", "--push")[0] == 0
        assert made.registry.tag_of(f"{STAGING}:latest") == old
        assert "1.5.0 was rolled back" in ran("plan", "--version", "1.5.0")[1]
        assert ran("verify", "--version", "1.5.0")[0] == 0
        code, out, _ = ran("rollback", "--restore", "1.5.0", "--format", "json")
        assert code == 0
        found = json.loads(out)
        assert (found["outcome"], found["images"][0]["restored"]) == ("rolled-back", ["1.5.0"])
        assert made.registry.tag_of(f"{STAGING}:latest") == new

    def test_the_reason_is_kept_without_secrets(
        self, made: World, ran: Ran, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release(made, ran, "1.5.0")
        monkeypatch.setenv("TOKEN", "hunter2hunter2")
        made.spec = SPEC.replace("{context: api}", "{context: api, secrets: [{id: t, env: TOKEN}]}")

        def loaded(*_: object) -> Project:
            keep_secret(made.project)
            return made.project

        monkeypatch.setattr(rolling_back, "load_project", loaded)
        why = "hunter2hunter2 leaks"
        code, out, err = ran("rollback", "--to", "1.4.2", "--reason", why, "--format", "json")
        assert code == 0, err
        data = made.registry.read_record(withdrawal_reference(Repository.parse(STAGING), "api"))
        assert data is not None
        [one] = Withdrawals.unpack(data).entries
        assert one.reason == json.loads(out)["images"][0]["all_withdrawn"][0]["reason"]
        assert "hunter2" not in one.reason
        assert one.reason.endswith(" leaks")

    def test_by_a_report_without_anything_to_undo(self, made: World, ran: Ran) -> None:
        release(made, ran, "1.5.0")
        assert ran("release", "--push", "--report", "again.json")[0] == 0
        before = made.registry.named()
        code, out, err = ran("rollback", "--report", "again.json")
        assert (code, out) == (3, "")
        assert "there is nothing to undo" in err
        assert "releaser rollback --withdraw 1.5.0" in err
        assert made.registry.named() == before

    def test_by_a_report(self, made: World, ran: Ran) -> None:
        old = made.registry.tag_of(f"{STAGING}:latest")
        release(made, ran, "1.5.0")
        code, out, err = ran("rollback", "--report", "1.5.0.json")
        assert code == 0, err
        assert made.registry.tag_of(f"{STAGING}:latest") == old
        assert "nothing to do" in ran("rollback", "--report", "1.5.0.json")[1]
        assert "withdraws 1.5.0" in out

    def test_one_version_alone(self, made: World, ran: Ran) -> None:
        release(made, ran, "1.5.0")
        code, out, _ = ran("rollback", "--withdraw", "1.4.2", "api")
        assert code == 0
        assert "no other version of its line is left" in out

    def test_a_version_that_is_not_there(self, ran: Ran) -> None:
        code, _, err = ran("rollback", "--to", "1.0.0")
        assert (code, '1.0.0 of image "api" is not in staging' in err) == (3, True)

    def test_of_a_promotion_only_registry(self, made: World, ran: Ran) -> None:
        assert ran("promote", "1.4.2", "--to", "prod")[0] == 0
        release(made, ran, "1.5.0")
        assert ran("promote", "1.5.0", "--to", "prod")[0] == 0
        assert ran("rollback", "--to", "1.4.2", "--registry", "prod")[0] == 0
        old, new = (made.registry.tag_of(f"{PROD}:{tag}") for tag in ("1.4.2", "1.5.0"))
        assert made.registry.tag_of(f"{PROD}:latest") == old
        assert made.registry.tag_of(f"{STAGING}:latest") == new

    def test_what_was_rolled_back_is_not_promoted(self, made: World, ran: Ran) -> None:
        release(made, ran, "1.5.0")
        assert ran("rollback", "--to", "1.4.2")[0] == 0
        code, out, err = ran("promote", "1.5.0", "--to", "prod")
        assert (code, out) == (3, "")
        assert '1.5.0 of image "api" was rolled back in staging' in err
        assert ran("rollback", "--restore", "1.5.0")[0] == 0
        assert ran("promote", "1.5.0", "--to", "prod")[0] == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "needs one of"),
            (["--to", "1.4.1", "--restore", "1.4.2"], "needs one of"),
            (["--to", "1.4"], "is not a version"),
            (["--to", "1.5.0-rc.1"], "no line of versions is at"),
            (["--report", "missing.json"], "is no file"),
            (["--report", "release.json", "web"], "unknown image"),
            (["--to", "1.4.2", "--registry", "prud"], "unknown registry"),
        ],
    )
    def test_wrong_command_lines(self, ran: Ran, arguments: list[str], message: str) -> None:
        code, out, err = ran("rollback", *arguments)
        assert (code, out) == (2, "")
        assert message in err


class TestPrune:
    @pytest.fixture
    def old(self, made: World, ran: Ran) -> str:
        """A release candidate that two others have followed; the tag of its content."""
        before: set[str] = set()
        found = ""
        for version in ("1.5.0-rc.1", "1.5.0-rc.2", "1.5.0-rc.3"):
            release(made, ran, version)
            now = set(made.registry.repositories[Repository.parse(STAGING)].tags)
            found = found or next(tag for tag in now - before if re.fullmatch("fp-[0-9a-f]+", tag))
            before = now
        made.spec = SPEC.replace(
            "api: {context: api}", "api: {context: api, tags: ['{{version}}']}"
        )
        return found

    def test_a_dry_run_is_the_default(self, made: World, ran: Ran, old: str) -> None:
        code, out, err = ran("prune", "--keep-last", "1", "--commits")
        assert code == 0
        assert err == "nothing was removed: add --yes to do it\n"
        assert "  - 1.5.0-rc.1 " in out
        assert "  = 1.5.0-rc.3 " in out
        assert old in made.registry.repositories[Repository.parse(STAGING)].tags
        assert made.registry.called("untag") == []

    @pytest.mark.usefixtures("old")
    def test_yes_does_it(self, made: World, ran: Ran) -> None:
        arguments = ["--keep-last", "1", "--keep", "*rc.2", "--yes", "--report", "report.json"]
        code, out, err = ran("prune", *arguments)
        assert code == 0, err
        assert out.splitlines()[-1].startswith("shop: pruned in ")
        tags = made.registry.repositories[Repository.parse(STAGING)].tags
        assert {tag for tag in tags if "rc" in tag and "record" not in tag} == {
            "1.5.0-rc.2", "1.5.0-rc.3",
        }  # fmt: skip
        [found] = report()["repositories"]
        gone = {one["tag"] for one in found["tags"] if one["removed"]}
        assert gone == {"1.5.0-rc.1"}
        assert {one["action"] for one in found["tags"]} == {"keep", "remove"}
        code, out, err = ran("prune", *arguments)
        assert (code, "nothing to do" in out) == (0, True)

    @pytest.mark.usefixtures("old")
    def test_a_registry_that_does_not_delete(self, made: World, ran: Ran) -> None:
        made.registry.deletes = False
        assert ran("prune", "--keep-last", "1")[0] == 0
        code, _, err = ran("prune", "--keep-last", "1", "--yes")
        assert (code, err.count("does not delete")) == (4, 1)

    @pytest.mark.usefixtures("old")
    def test_json(self, ran: Ran) -> None:
        code, out, _ = ran("prune", "--keep-within", "30d", "--format", "json")
        found = json.loads(out)
        assert (code, found["outcome"], found["command"]) == (0, "planned", "prune")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "nothing says what to keep"),
            (["--keep", "*"], "nothing says what to keep"),
            (["--keep-within", "soon"], "is not an age"),
            (["--keep-last", "-1"], "keep-last"),
            (["--keep-last", "1", "--keep", ""], "1 to 128 characters"),
            (["--keep-last", "1", "web"], "unknown image"),
            (["--keep-last", "1", "--registry", "prud"], "unknown registry"),
        ],
    )
    def test_wrong_command_lines(self, ran: Ran, arguments: list[str], message: str) -> None:
        code, out, err = ran("prune", *arguments)
        assert (code, out) == (2, "")
        assert message in err


class TestStrangers:
    """Under a pull request nothing is published by any command."""

    COMMANDS = (
        ["promote", "1.4.2", "--to", "stable", "--report", "report.json"],
        ["rollback", "--withdraw", "1.4.2"],
        ["prune", "--yes", "--keep-last", "0", "--report", "report.json"],
    )

    @pytest.mark.parametrize("command", COMMANDS)
    def test_refused(
        self, made: World, ran: Ran, monkeypatch: pytest.MonkeyPatch, command: list[str]
    ) -> None:
        before = made.registry.named()
        monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
        monkeypatch.setenv("GITHUB_REF", "refs/pull/1/merge")
        code, _, err = ran(*command)
        assert code == 3
        assert "the event is push of refs/pull/1/merge" in err
        assert "--allow-event" in err
        assert made.registry.named() == before
        if "--report" in command:
            assert report()["outcome"] == "refused"
        assert "the event is" not in ran(*command, "--allow-event")[2]

    def test_a_look_is_free(self, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request_review")
        assert ran("promote", "1.4.2", "--to", "stable", "--dry-run")[0] == 0
        assert ran("prune", "--keep-last", "0")[0] == 0
