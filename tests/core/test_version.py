from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.version import Version, between_tags, dirty
from releaser.errors import SpecError

ORDERED = [
    "0.0.0-dev.1.gabc", "0.1.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
    "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0",
]  # fmt: skip


@pytest.mark.parametrize("text", ["1.4.2", "0.0.0", "1.0.0-rc.1", "1.0.0+build.5", "1.0.0-a.b+c"])
def test_a_version_is_what_it_prints(text: str) -> None:
    assert str(Version.parse(text)) == text
    assert str(Version.parse(f"v{text}")) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "v", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3-ü", "1.2.3-01", "vv1.2.3", "1.2.3.4",
        " 1.2.3", "1.2.3\n", "1.2.3-" + "a" * 200, "V1.2.3", "latest", "1.2.x", "-1.2.3",
        "\u0661.2.3",
    ],
)  # fmt: skip
def test_other_text_is_no_version(text: str) -> None:
    with pytest.raises(SpecError, match="is not a version"):
        Version.parse(text)


def test_versions_sort_as_semver_says() -> None:
    versions = [Version.parse(text) for text in ORDERED]
    assert [min(pair) for pair in pairwise(versions)] == versions[:-1]
    assert sorted(versions, reverse=True) == versions[::-1]
    assert len(set(versions)) == len(versions)


def test_build_metadata_does_not_count() -> None:
    assert Version.parse("1.0.0+a") == Version.parse("1.0.0+b")
    assert hash(Version.parse("1.0.0+a")) == hash(Version.parse("1.0.0+b"))
    assert Version.parse("1.0.0") != "1.0.0"


@pytest.mark.parametrize(
    ("last", "version"),
    [
        ("1.2.3", "1.2.4-dev.3.gabc1234"),
        ("1.3.0-rc.1", "1.3.0-rc.1.dev.3.gabc1234"),
        (None, "0.0.0-dev.3.gabc1234"),
    ],
)
def test_a_commit_between_tags(last: str | None, version: str) -> None:
    parsed = Version.parse(last) if last else None
    assert str(between_tags(parsed, 3, "abc1234def")) == version


@given(
    st.tuples(*[st.integers(0, 99)] * 3),
    st.sampled_from([None, "rc.1", "alpha"]),
    st.lists(st.integers(1, 500), min_size=2, max_size=5, unique=True),
)
def test_commits_sort_between_their_tags(
    numbers: tuple[int, ...], prerelease: str | None, distances: list[int]
) -> None:
    last = Version(numbers[0], numbers[1], numbers[2], prerelease)
    following = Version(numbers[0], numbers[1], numbers[2] + (prerelease is None))
    between = [between_tags(last, distance, "0123abc") for distance in sorted(distances)]
    assert sorted([following, *reversed(between), last]) == [last, *between, following]


def test_a_dirty_tree_is_no_release() -> None:
    assert str(dirty(Version.parse("1.2.3"))) == "1.2.3-dirty"
    assert str(dirty(Version.parse("1.2.3-dev.1"))) == "1.2.3-dev.1.dirty"
    assert dirty(Version.parse("1.2.3")) < Version.parse("1.2.3")
