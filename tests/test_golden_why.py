"""What ``releaser why`` says after each kind of change: a release, a change, the question again.

Each case has its text in tests/golden/why. The whole product runs, on fakes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from releaser.core.fingerprint import KINDS
from releaser.core.oci import Digest, Reference
from releaser.core.rebuild import ReasonCode
from releaser.core.record import Record
from releaser.reports.text import plan_text
from releaser.reports.why import why_json, why_text
from tests.world import BUSYBOX, World

GOLDEN = Path(__file__).parent / "golden" / "why"
SPEC = """\
version: 1
project: shop
registries: {main: registry.example/shop}
defaults: {tags: ["{{version}}", latest]}
images:
  base: {context: base}
  lib: {context: lib}
  api:
    context: services/api
    args: {PYTHON: "3.11", NPM_TOKEN: old-secret}
    labels: {team: red}
    secrets: [{id: pip, env: PIP}]
    ssh: [default]
    extra_hosts: {db: 10.0.0.1}
    additional_contexts: {shared: shared}
"""
FILES = {
    "base/Dockerfile": "FROM busybox:latest\nCOPY etc /etc\n",
    "base/etc/motd": "hello\n",
    "lib/Dockerfile": "FROM base\nCOPY lib /lib\n",
    "lib/lib/x.so": "x\n",
    "services/api/Dockerfile": (
        "ARG PYTHON=3\nARG NPM_TOKEN\nFROM lib\nARG PYTHON\nARG NPM_TOKEN\nCOPY src /src\n"
        "COPY --from=shared / /shared\nRUN --mount=type=secret,id=pip install $PYTHON\nRUN last\n"
    ),
    "services/api/src/app.py": "one\n",
    "services/api/src/run.sh": "run\n",
    "services/api/src/old.py": "old\n",
    "shared/conf": "conf\n",
}
API = "registry.example/shop/api"
Change = Callable[[World], None]


def text(path: str, content: str | None) -> Change:
    def change(world: World) -> None:
        if content is None:
            del world.files[f"/project/{path}"]
        else:
            world.files[f"/project/{path}"] = content

    return change


def spec(old: str, new: str) -> Change:
    def change(world: World) -> None:
        assert old in world.spec
        world.spec = world.spec.replace(old, new)

    return change


def dockerfile(path: str, old: str, new: str) -> Change:
    def change(world: World) -> None:
        before = world.files[f"/project/{path}"]
        assert old in before
        world.files[f"/project/{path}"] = before.replace(old, new)

    return change


def all_of(*changes: Change) -> Change:
    def change(world: World) -> None:
        for one in changes:
            one(world)

    return change


def base_moves(world: World) -> None:
    world.engine.bases[BUSYBOX] = Digest("sha256:" + "c" * 64)


def runnable(world: World) -> None:
    world.modes["/project/services/api/src/run.sh"] = 0o755


def forget_content(world: World) -> None:
    for repository in world.registry.repositories.values():
        for tag in [
            tag
            for tag in repository.tags
            if not tag.startswith("fp-record-") and tag.startswith("fp-")
        ]:
            del repository.tags[tag]
    world.engine.stored.clear()


def record(change: Callable[[Record], bytes]) -> Change:
    def write(world: World) -> None:
        at = Reference.parse(f"{API}:fp-record-api")
        found = world.registry.read_record(at)
        assert found is not None
        world.registry.write_record(at, change(Record.unpack(found)))
        text("services/api/src/app.py", "two\n")(world)

    return write


def forget_record(world: World) -> None:
    del world.registry.repositories[Reference.parse(API).repository].tags["fp-record-api"]
    text("services/api/src/app.py", "two\n")(world)


def old_scheme(kept: Record) -> bytes:
    made = tuple((k, "1" if k == "scheme" else v) for k, v in kept.ingredients)
    return Record(kept.image, kept.fingerprint, made, kept.version, kept.commit).pack()


def image_under_record(world: World) -> None:
    world.registry.seed_image(f"{API}:fp-record-api")
    text("services/api/src/app.py", "two\n")(world)


CASES: dict[str, Change] = {
    "file-changed": text("services/api/src/app.py", "two\n"),
    "file-added": text("services/api/src/new.py", "new\n"),
    "file-removed": text("services/api/src/old.py", None),
    "file-renamed": all_of(
        text("services/api/src/old.py", None), text("services/api/src/older.py", "old\n")
    ),
    "file-mode": runnable,
    "file-of-a-named-context": text("shared/conf", "other\n"),
    "many-files": all_of(
        *(text(f"services/api/src/{n:03}.py", f"{n}") for n in range(60)),
        text("services/api/src/app.py", "two\n"),
    ),
    "dockerfile": dockerfile("services/api/Dockerfile", "RUN last", "RUN one\nRUN two"),
    "dockerfile-comment": dockerfile("services/api/Dockerfile", "RUN last", "# a\nRUN last"),
    "arg": spec('PYTHON: "3.11"', 'PYTHON: "3.12"'),
    "arg-removed": spec('PYTHON: "3.11", ', ""),
    "arg-that-looks-secret": spec("old-secret", "new-secret"),
    "label": spec("team: red", "team: blue"),
    "secret": spec("{id: pip, env: PIP}", "{id: pip2, env: PIP}"),
    "ssh": spec("ssh: [default]", "ssh: [deploy]"),
    "host": spec("10.0.0.1", "10.0.0.2"),
    "network": spec("ssh: [default]", "ssh: [default]\n    network: none"),
    "provenance": spec("ssh: [default]", "ssh: [default]\n    provenance: true"),
    "platforms": spec("defaults: {", "defaults: {platforms: [linux/arm64], "),
    "base-moved": base_moves,
    "base-replaced": dockerfile("base/Dockerfile", "busybox:latest", "busybox:2"),
    "upstream-file": text("base/etc/motd", "good day\n"),
    "upstream-and-own": all_of(
        text("lib/lib/x.so", "y\n"), text("services/api/src/app.py", "two\n")
    ),
    "upstream-is-new": all_of(
        dockerfile("services/api/Dockerfile", "FROM lib", "FROM base"),
        text("base/etc/motd", "good day\n"),
    ),
    "unpinned-url": dockerfile(
        "services/api/Dockerfile", "RUN last", "ADD https://example.com/x.tar /x"
    ),
    "unpinned-url-again": all_of(
        dockerfile(
            "services/api/Dockerfile",
            "RUN last",
            "ADD https://user:hidden@example.com/x.tar?token=hidden /x",
        ),
        lambda world: released_again(world, "1.4.9"),
    ),
    "upstream-with-an-unpinned-url": dockerfile(
        "base/Dockerfile", "COPY etc", "ADD https://github.com/acme/x.git#main /x\nCOPY etc"
    ),
    "pinned-url": dockerfile(
        "services/api/Dockerfile",
        "RUN last",
        f"ADD --checksum=sha256:{'1' * 64} https://example.com/x.tar /x",
    ),
    "nothing": lambda _: None,
    "tags-only": spec("latest]", "latest, stable]"),
    "content-gone": forget_content,
    "no-record": forget_record,
    "records-off": all_of(
        spec("defaults:", "fingerprints: {records: false}\ndefaults:"),
        text("services/api/src/app.py", "two\n"),
    ),
    "record-damaged": record(lambda kept: kept.pack()[:-5]),
    "record-of-another-schema": record(lambda _: zlib.compress(b'{"schema": 7}')),
    "record-of-another-scheme": record(old_scheme),
    "image-where-the-record-was": image_under_record,
    "other-repository": spec("registry.example/shop", "registry.example/new"),
}


def released_again(world: World, version: str) -> None:
    assert world.release(version=version).error is None


def released() -> World:
    world = World(SPEC, FILES)
    world.engine.bases[Reference.parse("busybox:2")] = Digest("sha256:" + "d" * 64)
    assert world.release().error is None
    return world


def again(name: str) -> World:
    """The next release of what :data:`CASES` makes of the world."""
    world = released()
    CASES[name](world)
    return world


@pytest.mark.parametrize("name", CASES)
def test_why(name: str, golden: Callable[[Path, str], None]) -> None:
    plan = again(name).plan(version="1.5.0")
    shown = f"{why_text(plan, ['api'])}\n{plan_text(plan)}"
    golden(GOLDEN / f"{name}.txt", shown)


def test_why_of_a_first_build(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "first-build.txt", why_text(World(SPEC, FILES).plan(), ["api", "base"]))


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {*CASES, "first-build"}


def test_nothing_secret_is_said_or_kept() -> None:
    world = again("arg-that-looks-secret")
    plan = world.plan(version="1.5.0")
    said = why_text(plan, ["api"]) + json.dumps(why_json(plan, ["api"])) + plan.to_json()
    kept = world.registry.read_record(Reference.parse(f"{API}:fp-record-api"))
    assert kept is not None
    assert "-secret" not in said + zlib.decompress(kept).decode()


def test_logins_and_queries_of_urls_are_neither_said_nor_kept() -> None:
    world = again("unpinned-url-again")
    plan = world.plan(version="1.5.0")
    kept = world.registry.read_record(Reference.parse(f"{API}:fp-record-api"))
    assert kept is not None
    names = [name for name, _ in Record.unpack(kept).ingredients if name.startswith("url")]
    assert names == ["url https://example.com/x.tar?…"]
    assert "hidden" not in why_text(plan, ["api"]) + plan_text(plan) + plan.to_json()


def test_as_json_every_upstream_of_a_change_is_there() -> None:
    data = why_json(again("upstream-file").plan(version="1.5.0"), ["api"])
    images = data["images"]
    assert isinstance(images, list)
    assert [image["name"] for image in images] == ["api", "base", "lib"]
    (base,) = images[1]["changes"]
    assert (base["kind"], base["name"], base["how"]) == ("file", "base/etc/motd", "changed")
    assert base["before"] != base["after"]


def test_every_reason_for_a_build_has_a_case() -> None:
    seen = {
        image.reason.code for name in CASES for image in again(name).plan(version="1.5.0").images
    }
    settled = {ReasonCode.NOTHING_CHANGED, ReasonCode.NOT_NEEDED, ReasonCode.NOT_PUSHED}
    others = settled | {ReasonCode.NOT_IN_ENGINE, ReasonCode.NOT_ASKED}
    assert set(ReasonCode) == seen | others


def test_every_kind_of_ingredient_is_told_of_by_some_case() -> None:
    seen = {
        change.kind
        for name in CASES
        for image in again(name).plan(version="1.5.0").images
        if image.comparison
        for change in image.comparison.changes
    }
    assert seen == set(KINDS) - {"context"}
