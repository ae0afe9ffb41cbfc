"""Versions released in any order, to any registries, and every public tag compared after each.

The whole product runs on fakes. What must come out is said here a second time, in a few lines.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.plan import TagAction
from releaser.core.version import Version
from tests.world import BUSYBOX, World

REGISTRIES = {"one": "one.example/shop", "two": "two.example/acme"}
SPEC = """\
version: 1
project: shop
registries: {one: one.example/shop, two: two.example/acme}
tag_policies:
  release: |
    type=semver,pattern={{version}}
    type=semver,pattern={{major}}.{{minor}}
    type=semver,pattern={{major}}
images:
  api: {context: api, push_to: [PUSH_TO], tags: release}
  slim:
    context: slim
    push_to: [PUSH_TO]
    tags: ["{{version}}-slim", "{{major}}.{{minor}}-slim", "{{major}}-slim", latest]
"""
FILES = {
    f"{name}/{file}": text
    for name in ("api", "slim")
    for file, text in {"Dockerfile": f"FROM {BUSYBOX}\nCOPY . /\n", "f": ""}.items()
}
MARKS = {"api": "", "slim": "-slim"}

number = st.integers(0, 2)
some_versions = st.builds(
    Version, number, number, number, st.sampled_from([None, None, None, "rc.1", "rc.2", "beta"])
)
some_registries = st.sampled_from([("one", "two"), ("one", "two"), ("one",), ("two",)])
Order = list[tuple[Version, tuple[str, ...], bool]]
"""Versions, where each goes, and whether its git tag is kept: another checkout may not have it."""
releases: st.SearchStrategy[Order] = st.lists(
    st.tuples(some_versions, some_registries, st.booleans()), min_size=1, max_size=7
)


@dataclass
class Expected:
    """What each public tag must name: the version, by registry, image and tag."""

    git: set[Version]
    public: dict[tuple[str, str, str], Version] = field(default_factory=dict)

    def release(self, version: Version, registry: str, image: str) -> None:
        """Count in the release of a version."""
        mark = MARKS[image]
        if not version.prerelease:
            for tag, known in self._lines(version, registry, image):
                if max(known) == version:
                    self.public[registry, image, tag] = version
        self.public[registry, image, f"{version}{mark}"] = version

    def _lines(self, version: Version, registry: str, image: str) -> list[tuple[str, set[Version]]]:
        """The tags that a version may move, each with the versions that it stands for."""
        mark = MARKS[image]
        out = {
            found
            for (place, name, tag), found in self.public.items()
            if (place, name, tag) == (registry, image, f"{found}{mark}")
        }
        final = {one for one in out | self.git | {version} if not one.prerelease}
        major = {one for one in final if one.major == version.major}
        minor = {one for one in major if one.minor == version.minor}
        lines = [(f"{version.major}.{version.minor}{mark}", minor), ("latest", final)]
        return [*lines, (f"{version.major}{mark}", major)] if version.major else lines


def at(version: Version, git: set[Version]) -> SourceFacts:
    """A push of the version's git tag."""
    tag = f"v{version}"
    every = tuple(sorted({f"v{one}" for one in git} | {tag, "nightly", "v1"}))
    return SourceFacts(
        commit=hashlib.sha1(tag.encode(), usedforsecurity=False).hexdigest(),
        tags=(tag,),
        last_tag=tag,
        event=EventFacts("push", f"refs/tags/{tag}", default_branch="main"),
        past_tags=(tag,),
        all_tags=every,
    )


def release(world: World, version: Version, registries: tuple[str, ...], git: set[Version]) -> None:
    """Release a version whose content nothing else has."""
    world.spec = SPEC.replace("PUSH_TO", ", ".join(registries))
    world.source = at(version, git)
    for image in MARKS:
        world.files[f"/project/{image}/f"] = f"{image} {version}"
    result = world.release()
    assert result.error is None


def public(world: World) -> dict[tuple[str, str, str], str]:
    """The digest of every public tag, by registry, image and tag."""
    world.spec = SPEC.replace("PUSH_TO", "one, two")
    found = {}
    for reference, digest in world.public().items():
        path, _, tag = reference.rpartition(":")
        place, _, image = path.rpartition("/")
        name = next(one for one, prefix in REGISTRIES.items() if prefix == place)
        found[name, image, tag] = digest
    return found


@settings(max_examples=40)
@given(releases, st.sets(some_versions, max_size=3))
def test_every_public_tag_names_what_it_must_after_every_release(
    order: Order, unreleased: set[Version]
) -> None:
    """``unreleased`` have git tags from the start.

    Two registries that get a version at different times may have it built twice.
    """
    world, expected = World(SPEC, FILES), Expected(unreleased)
    first: dict[tuple[str, str, Version], str] = {}
    for version, registries, is_kept in order:
        expected.git -= {version}
        expected.git |= {version} if is_kept else set()
        release(world, version, registries, expected.git)
        for registry in registries:
            for image in MARKS:
                expected.release(version, registry, image)
        found = public(world)
        for place in registries:
            for image, mark in MARKS.items():
                named = found[place, image, f"{version}{mark}"]
                first.setdefault((place, image, version), named)
        assert found == {
            (place, image, tag): first[place, image, one]
            for (place, image, tag), one in expected.public.items()
        }
    for place in REGISTRIES:
        own = [digest for (name, _, _), digest in first.items() if name == place]
        assert len(set(own)) == len(own)


@settings(max_examples=30)
@given(st.lists(some_versions, min_size=1, max_size=7))
def test_lines_point_at_their_highest_version_after_every_release(order: list[Version]) -> None:
    """The same without any state: what is out, all of it everywhere, decides alone."""
    world = World(SPEC, FILES)
    out: set[Version] = set()
    for version in order:
        out.add(version)
        release(world, version, ("one", "two"), out)
        found = public(world)
        final = [one for one in out if not one.prerelease]
        for registry in REGISTRIES:
            tags = {tag: digest for (place, name, tag), digest in found.items()
                    if (place, name) == (registry, "api")}  # fmt: skip
            lines = {"latest": final}
            for one in final:
                lines.setdefault(f"{one.major}.{one.minor}", []).append(one)
                if one.major:
                    lines.setdefault(f"{one.major}", []).append(one)
            assert {tag: tags[tag] for tag in tags if tag not in map(str, out)} == {
                line: tags[str(max(versions))] for line, versions in lines.items() if versions
            }


@settings(max_examples=20)
@given(releases, some_versions)
def test_a_version_with_another_content_is_refused_and_nothing_is_written(
    order: Order, version: Version
) -> None:
    world, git = World(SPEC, FILES), {version}
    for one, registries, _ in [*order, (version, ("one", "two"), True)]:
        git.add(one)
        release(world, one, registries, git)
    before, built = public(world), len(world.builder.batches)
    world.files["/project/api/f"] = "another"
    plan = world.plan("api")
    refused = {
        str(one.reference.tag)
        for image in plan.images
        for one in image.references
        if one.action is TagAction.REFUSE
    }
    assert refused == {str(version)}
    assert (public(world), len(world.builder.batches)) == (before, built)
