"""What must be in registries, said a second time: a world to publish in, and the oracle of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from releaser.core.events import RunResult
from releaser.core.oci import Digest, Repository
from releaser.core.plan import Plan
from releaser.core.version import Version
from releaser.core.wish import GoBack, Wish, Withdraw
from releaser.pipeline import Check, verify
from releaser.reports.run import Run, as_json
from tests.fakes.registry import FakeRegistry
from tests.world import World

SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop, prod: prod.example/shop}
defaults: {push_to: [main], tags: ["{{version}}", "{{major}}.{{minor}}", "{{major}}", latest]}
images: {base: {context: base}, api: {context: api}}
"""
FILES = {
    "base/Dockerfile": "FROM busybox:latest\nCOPY f /\n",
    "api/Dockerfile": "FROM base\nCOPY f /\n",
    "base/f": "",
    "api/f": "",
}
IMAGES = ("base", "api")


class GoneError(Exception):
    """The process is gone: whatever it still tries comes to nothing."""


class Dying:
    """The registries as a process sees them that dies before one of its calls, and what then is
    done instead of dying (``do``) where it does not."""

    def __init__(self, inner: FakeRegistry, left: int, do: Callable[[], None] | None) -> None:
        self._inner, self._left, self._do = inner, left, do
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)

        def called(*arguments: object, **named: object) -> object:
            with self._lock:
                self._left -= 1
                left = self._left
            if left == 0 and self._do:
                self._do()
            if left <= 0 and not self._do:
                raise GoneError
            return found(*arguments, **named)

        return called


def repository(registry: str, name: str) -> Repository:
    return Repository.parse(f"{registry}.example/shop/{name}")


def lines_of(version: Version) -> tuple[str, ...]:
    if version.prerelease:
        return ()
    return f"{version.major}.{version.minor}", str(version.major), "latest"


class Ledger:
    """``started`` are the versions that anybody began to release; ``first`` is what each full
    version named when it was first seen; ``disturbed`` are lines that may be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(SPEC, FILES)
        self.registry = self.world.registry
        self.started: set[Version] = set()
        self.first: dict[str, str] = {}
        self.disturbed: set[str] = set()
        self.withdrawn: dict[tuple[str, str], set[Version]] = {}
        self.foreign: set[Digest] = set()

    def tags(self, registry: str, name: str) -> dict[str, str]:
        held = self.registry.repositories.get(repository(registry, name))
        found = held.tags.items() if held else ()
        return {tag: str(digest) for tag, digest in found if not tag.startswith("fp-")}

    def out(self, registry: str, name: str) -> set[Version]:
        found = (Version.find(tag) for tag in self.tags(registry, name) if tag.count(".") >= 2)
        return {version for version in found if version}

    def heads(self, registry: str, name: str) -> dict[str, Version]:
        """The version that each line belongs at, where any is left for it."""
        gone = self.withdrawn.get((registry, name), set())
        found: dict[str, Version] = {}
        for version in sorted(self.out(registry, name) - gone):
            found |= dict.fromkeys(lines_of(version), version)
        return found

    def wrong(self, registry: str, name: str) -> set[str]:
        """The lines that are not where they belong."""
        tags = self.tags(registry, name)
        heads = self.heads(registry, name).items()
        place = repository(registry, name)
        return {f"{place}:{line}" for line, at in heads if tags.get(line) != tags[str(at)]}

    def everywhere(self, registry: str) -> list[Version]:
        """The versions of which a registry has all images."""
        first, *others = (self.out(registry, name) for name in IMAGES)
        return sorted(first.intersection(*others))

    def anywhere(self, registry: str) -> set[Version]:
        """The versions of which a registry has any image."""
        return set[Version]().union(*(self.out(registry, name) for name in IMAGES))

    def settled(self, registry: str, versions: Iterable[Version], *, own: bool = True) -> None:
        """A run about ``versions`` has ended well: their lines are right, where they lead
        (``own``) or anyway."""
        for name in IMAGES:
            heads = self.heads(registry, name)
            for version in versions:
                mine = [one for one in lines_of(version) if not own or heads.get(one) == version]
                self.disturbed -= {f"{repository(registry, name)}:{line}" for line in mine}

    def disturb(self, version: Version) -> None:
        places = [repository("main", name) for name in IMAGES]
        self.disturbed |= {f"{place}:{line}" for place in places for line in lines_of(version)}

    def told(self, registry: str, name: str) -> str:
        """What there is, for people."""
        tags = self.tags(registry, name)
        full = {tags[str(version)]: version for version in self.out(registry, name)}
        lines = {tag: str(full.get(tags[tag], "?")) for tag in tags if tag.count(".") < 2}
        gone = [str(one) for one in self.withdrawn.get((registry, name), ())]
        return f"{name} in {registry}: {lines}, out {sorted(map(str, full.values()))} less {gone}"

    def next_of(self, bump: str) -> Version:
        last = max(self.started, default=Version(1, 0, 0))
        match bump:
            case "major":
                return Version(last.major + 1, 0, 0)
            case "minor":
                return Version(last.major, last.minor + 1, 0)
            case _:
                return Version(last.major, last.minor, last.patch + (not last.prerelease))

    def older(self, which: int) -> Version:
        """The next patch of any line."""
        lines = sorted({(one.major, one.minor) for one in self.started})
        major, minor = lines[which % len(lines)]
        own = [one.patch for one in self.started if (one.major, one.minor) == (major, minor)]
        return Version(major, minor, max(own) + 1)

    @staticmethod
    def follow(
        gone: set[Version], wish: Wish, version: Version, out: set[Version]
    ) -> set[Version]:  # fmt: skip
        """Count in a rollback; the versions whose lines it puts right."""
        match wish:
            case GoBack():
                about = {one for one in out if one >= version and not one.prerelease}
                gone |= about
                gone.discard(version)
                return about
            case Withdraw():
                gone.add(version)
            case _:
                gone.discard(version)
        return {version}

    # -- what is said of it

    def is_reported(self, plan: Plan, result: RunResult, *, alone: bool = True) -> None:
        """The report says of each reference what the registry says.

        Of a run that was not ``alone``: of those that it wrote and that nobody else may write.
        """
        named = self.registry.named()
        report = as_json(Run("release", True, plan, result, result.error))
        for one in report["images"]:  # type: ignore[attr-defined]
            for said in one["references"]:
                if alone or (said["written"] and said["kind"] == "immutable"):
                    assert named.get(said["reference"]) == said["digest"], said

    def is_verified(self, registry: str, version: Version) -> None:
        """Verification finds what is different here, and nothing else."""
        check = Check(registries=(registry,), version=str(version))
        found = verify(self.world.project, self.world.adapters, check)
        assert found.unsaid == ()
        expected, strange = set(), False
        for name in IMAGES:
            place, tags = repository(registry, name), self.tags(registry, name)
            wrong = self.wrong(registry, name)
            for tag in (str(version), *lines_of(version)):
                if tag not in tags:
                    expected.add(("missing", f"{place}:{tag}"))
                elif f"{place}:{tag}" in wrong:
                    expected.add(("not the highest version", f"{place}:{tag}"))
                strange |= tags.get(tag) in {str(one) for one in self.foreign}
        said = {(one.what, one.where) for one in found.differences}
        tags_said = {one for one in said if "@" not in one[1]}
        assert tags_said == expected, (said, [self.told(registry, name) for name in IMAGES])
        assert strange or said == tags_said
