"""The version that an image has: a person's, a tag's, a file's, one between tags, one it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.facts import EventFacts, SourceFacts, event_of
from releaser.core.git_tags import TagTemplate
from releaser.core.version import Version
from releaser.core.versioning.current import Checkout, Current, Since
from tests.build import COMMIT

OLD = "0123456" + "0" * 33
SHARED, OWN = TagTemplate(), TagTemplate("{{image}}/v{{version}}")
AFTER = SourceFacts(COMMIT, "main", (), "v1.2.3", 4, past_tags=("v1.2.3",))
HERE = SourceFacts(COMMIT, "main", ("v1.2.3",), "v1.2.3", past_tags=("v1.2.3",))
DIRTY = ("app.py",)


def current(
    source: SourceFacts,
    event: EventFacts | None = None,
    template: TagTemplate = SHARED,
    declared: str | None = None,
    commanded: str | None = None,
    since: Since | None = None,
) -> Current:
    checkout = Checkout(source, event or event_of(source), template)
    said = Version.parse(declared) if declared else None
    own = Version.parse(commanded) if commanded else None
    return checkout.current("api" if template.is_per_image else "", since, said, own)


def push(ref: str, **more: object) -> EventFacts:
    return replace(EventFacts("push", ref), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expected", "source", "commanded"),
    [
        ("2.0.0", AFTER, "v2.0.0"),
        ("2.0.0", replace(AFTER, changes=DIRTY), "2.0.0"),
        ("None", SourceFacts(), None),
        ("0.0.0-dev.7.gabc1234", SourceFacts(COMMIT, distance=7), None),
        ("1.2.3", HERE, None),
        ("1.2.4-dev.4.gabc1234", AFTER, None),
        ("1.2.3-dirty", replace(HERE, changes=DIRTY), None),
        ("1.2.4-dev.4.gabc1234.dirty", replace(AFTER, changes=DIRTY), None),
        ("1.10.0", SourceFacts(COMMIT, tags=("v1.10.0", "v1.9.0", "nightly")), None),
    ],
)
def test_shared_by_all(expected: str, source: SourceFacts, commanded: str | None) -> None:
    assert str(current(source, commanded=commanded).version) == expected


def test_the_tag_of_the_event_counts_and_not_another_one_beside_it() -> None:
    both = replace(HERE, tags=("v1.2.3", "v1.2.4"), last_tag="v1.2.4")
    assert str(current(both).version) == "1.2.4"
    assert str(current(both, push("refs/tags/v1.2.3")).version) == "1.2.3"
    assert str(current(both, push("refs/tags/nightly")).version) == "1.2.4"


def test_a_pretended_tag_need_not_be_there() -> None:
    found = current(AFTER, push("refs/tags/v3.0.0-rc.1"))
    assert found == Current(Version.parse("3.0.0-rc.1"), commit=COMMIT)


def test_without_a_ci_system_a_tag_at_head_is_a_release() -> None:
    assert current(HERE).is_release
    assert not current(HERE, push("refs/heads/main")).is_release
    assert not current(HERE, push("refs/tags/v1.2.3")).is_release  # the event's own tag says it
    assert not current(AFTER).is_release
    assert current(AFTER, commanded="2.0.0").is_release


# -- versions of each image's own


TAGGED = Since("api/v1.0.0", 0, None, OLD)


def test_an_image_without_a_change_keeps_its_version() -> None:
    found = current(AFTER, template=OWN, since=TAGGED)
    assert found == Current(
        Version(1, 0, 0), is_release=True, is_kept=True, commit=OLD, needs_history=True
    )


def test_an_image_that_changed_gets_one_between() -> None:
    found = current(AFTER, template=OWN, since=Since("api/v1.0.0", 2, OLD, "f" * 40))
    assert found == Current(Version.parse("1.0.1-dev.2.g0123456"), commit=OLD, needs_history=True)


def test_the_tag_of_another_image_leaves_this_one_as_it_is() -> None:
    source = replace(AFTER, tags=("worker/v2.0.0",))
    about = push("refs/tags/worker/v2.0.0")
    found = current(source, about, OWN, since=TAGGED)
    assert (str(found.version), found.is_release, found.is_kept) == ("1.0.0", True, True)
    both = replace(source, tags=("api/v1.1.0", "worker/v2.0.0"))
    found = current(both, about, OWN, since=TAGGED)
    assert (str(found.version), found.is_release, found.is_kept) == ("1.1.0", True, False)


def test_a_push_to_a_branch_releases_no_kept_version() -> None:
    found = current(AFTER, push("refs/heads/main"), OWN, since=TAGGED)
    assert (str(found.version), found.is_release) == ("1.0.0", False)


def test_a_dirty_tree_keeps_nothing() -> None:
    found = current(replace(AFTER, changes=DIRTY), template=OWN, since=TAGGED)
    assert (str(found.version), found.is_kept) == ("1.0.0-dirty", False)


def test_an_image_that_was_never_tagged_counts_all_commits() -> None:
    since = Since(None, 9, COMMIT)
    assert str(current(AFTER, template=OWN, since=since).version) == "0.0.0-dev.9.gabc1234"


# -- versions that a file declares


@pytest.mark.parametrize(
    ("expected", "source", "event"),
    [
        ("1.3.0", AFTER, None),
        ("1.3.0", AFTER, push("refs/heads/main", default_branch="main")),
        ("1.3.0-dev.4.gabc1234", AFTER, push("refs/heads/topic")),
        ("1.3.0", AFTER, push("refs/heads/master")),
        ("1.3.0-dev.4.gabc1234", replace(AFTER, branch=None), None),
        ("1.3.0-dev.4.gabc1234", AFTER, push("refs/heads/topic", default_branch="main")),
        ("1.3.0-dev.4.gabc1234", AFTER, push("refs/pull/12/merge", default_branch="main")),
        ("1.3.0", AFTER, push("refs/tags/v1.3.0", default_branch="main")),
        ("1.3.0", replace(AFTER, tags=("v1.3.0",)), push("refs/heads/x", default_branch="main")),
        ("1.3.1-dev.4.gabc1234", replace(AFTER, past_tags=("v1.3.0",)), None),
        ("1.3.0", SourceFacts(), None),
        ("1.3.0-dirty", replace(AFTER, changes=DIRTY), None),
    ],
)
def test_a_file_says_the_next_version(
    expected: str, source: SourceFacts, event: EventFacts | None
) -> None:
    assert str(current(source, event, declared="1.3.0").version) == expected


def test_a_file_may_say_a_prerelease() -> None:
    aside = push("refs/heads/topic", default_branch="main")
    assert str(current(AFTER, declared="1.3.0-rc.1").version) == "1.3.0-rc.1"
    found = current(AFTER, aside, declared="1.3.0-rc.1")
    assert str(found.version) == "1.3.0-rc.1.dev.4.gabc1234"


numbers = st.integers(0, 30)


@given(st.builds(Version, numbers, numbers, numbers), st.integers(1, 500), st.integers(1, 500))
def test_between_tags_versions_grow_and_stay_below_the_next_release(
    last: Version, first: int, more: int
) -> None:
    def at(distance: int) -> Version:
        source = SourceFacts(COMMIT, last_tag=f"v{last}", distance=distance)
        found = current(source).version
        assert found is not None
        return found

    following = Version(last.major, last.minor, last.patch + 1)
    assert last < at(first) < at(first + more) < following
