"""The list of versions that were rolled back: what it keeps, and what it makes of lines of tags."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.oci import Repository, Tag
from releaser.core.record import UnreadableError
from releaser.core.spec import ImageSpec, Spec
from releaser.core.steps import TagKind
from releaser.core.tagging import (
    RESERVED_TAG,
    Newer,
    RolledBack,
    WantedTag,
    full_tags,
    highest_in_line,
    newest_in_line,
    tags_of,
    versions_among,
)
from releaser.core.version import Version
from releaser.core.withdrawal import Withdrawal, Withdrawals, withdrawal_reference

NUMBERS = st.integers(0, 3)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS)
LISTS = st.builds(
    Withdrawals,
    st.text(max_size=5),
    st.lists(st.builds(Withdrawal, VERSIONS, st.text(max_size=9), st.text(max_size=9))).map(tuple),
)
REPOSITORY = Repository("r.example", "shop/api")


def version(text: str) -> Version:
    return Version.parse(text)


def wanted(template: str, of: str) -> WantedTag:
    return WantedTag(Tag("x"), TagKind.FLOATING, template, template, version(of), True, 1)


@given(LISTS)
def test_what_is_packed_is_unpacked(found: Withdrawals) -> None:
    assert Withdrawals.unpack(found.pack()) == found
    assert found.pack() == found.pack()


@given(st.binary(max_size=40))
def test_anything_else_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        Withdrawals.unpack(data)
    with pytest.raises(UnreadableError):
        Withdrawals.unpack(zlib.compress(data))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"schema": 2, "image": "api", "withdrawn": []}', "schema 2"),
        ('{"schema": 1, "image": "api"}', "no versions"),
        ('{"schema": 1, "image": "api", "withdrawn": [7]}', "entry"),
        ('{"schema": 1, "image": "api", "withdrawn": [{"version": "x", "at": "", "reason": ""}]}',
         "entry"),
        ('{"schema": 1, "image": "api", "withdrawn": [{"version": "1.0.0", "at": ""}]}', "entry"),
        ('{"schema": 1, "withdrawn": []}', "no list"),
    ],
)  # fmt: skip
def test_why_it_is_unreadable(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        Withdrawals.unpack(zlib.compress(text.encode()))


def test_a_list_that_is_too_large() -> None:
    with pytest.raises(UnreadableError):
        Withdrawals.unpack(zlib.compress(b" " * (5 * 1024 * 1024)))


def test_versions_come_and_go() -> None:
    first = Withdrawal(version("1.4.2"), "then", "it leaks")
    found = Withdrawals("api").adding([first, Withdrawal(version("1.4.1"))])
    assert [str(one.version) for one in found.entries] == ["1.4.1", "1.4.2"]
    again = found.adding([Withdrawal(version("1.4.2"), "now")])
    assert again == found  # what is known keeps its time and reason
    assert found.without([version("1.4.1")]).entries == (first,)


def test_where_it_is_kept() -> None:
    assert str(withdrawal_reference(REPOSITORY, "api")) == "r.example/shop/api:fp-rollback-api"
    long = withdrawal_reference(REPOSITORY, "a" * 200)
    assert len(str(long.tag)) == 128
    for tag in ("fp-rollback-api", "fp-record-api", "fp-0123456789abcdef"):
        assert RESERVED_TAG.fullmatch(tag)
    assert not RESERVED_TAG.fullmatch("fp-rollbacks")


@pytest.mark.parametrize(
    ("rule", "of", "withdrawn", "expected"),
    [
        ("latest", "1.4.2", (), "1.5.0 is newer"),
        ("latest", "1.4.2", ("1.5.0",), "None"),
        ("latest", "1.4.2", ("1.5.0", "1.4.2"), "1.4.2 was rolled back"),
        ("latest", "1.4.2", ("1.4.2",), "1.5.0 is newer"),
        ("{{major}}.{{minor}}", "1.4.2", ("1.4.2",), "1.4.2 was rolled back"),
        ("{{major}}.{{minor}}", "1.4.1", ("1.4.2",), "None"),
        ("{{major}}.{{minor}}", "1.4.3", ("1.4.2",), "None"),
        ("{{major}}", "1.4.1", ("1.4.2", "1.5.0"), "None"),
    ],
)
def test_what_keeps_a_line_where_it_is(
    rule: str, of: str, withdrawn: tuple[str, ...], expected: str
) -> None:
    out = [version(one) for one in ("1.4.1", "1.4.2", "1.5.0")]
    gone = [version(one) for one in withdrawn]
    assert str(newest_in_line(wanted(rule, of), out, (), gone)) == expected
    assert str(newest_in_line(wanted(rule, of), (), out, gone)) == (
        f"{expected} (a git tag)" if "newer" in expected else expected
    )


@given(st.lists(VERSIONS, unique=True), st.sets(VERSIONS), VERSIONS)
def test_a_line_is_at_the_highest_that_is_left(
    out: list[Version], gone: set[Version], of: Version
) -> None:
    released = sorted(out)
    one = wanted("{{major}}", str(of))
    left = [v for v in released if v.major == of.major and v not in gone]
    assert highest_in_line(one, released, gone) == (left[-1] if left else None)
    stays = newest_in_line(one, released, (), gone)
    if isinstance(stays, Newer):
        assert stays.version == left[-1] > of
    else:
        assert all(v <= of for v in left)
        assert stays == (RolledBack(of) if of in gone else None)


def spec(*tags: str) -> Spec:
    fields = {"tags": tags} if tags else {}
    return Spec(version="1", project="shop", images={"api": ImageSpec.model_validate(fields)})


@pytest.mark.parametrize(
    ("tags", "of", "expected"),
    [
        ((), "1.4.2", "1.4.2 1.4 1 latest"),
        ((), "0.4.2", "0.4.2 0.4 latest"),
        ((), "1.5.0-rc.1", "1.5.0-rc.1"),
        (("{{version}}-alpine", "{{major}}-alpine", "edge"), "1.4.2", "1.4.2-alpine 1-alpine"),
        (("latest", "sha-{{sha}}", "{{branch}}"), "1.4.2", "latest"),
        (("{{major}}.{{minor}}.{{patch}}", "{{date 'YYYY'}}"), "1.4.2", "1.4.2"),
        (("type=semver,pattern=v{{version}}",), "1.4.2", "v1.4.2 latest"),
    ],
)
def test_the_tags_of_a_version(tags: tuple[str, ...], of: str, expected: str) -> None:
    found = tags_of(spec(*tags), "api", version(of))
    assert " ".join(str(one.tag) for one in found) == expected
    lines = {"1.4", "1", "0.4", "1-alpine", "latest"}
    assert [str(one.tag) for one in full_tags(found)] == [
        tag for tag in expected.split() if tag not in lines
    ]


def test_the_versions_among_tags() -> None:
    tags = ("1.4.2-alpine", "1.4.1", "1.5.0-rc.1-alpine", "1.6.0-slim", "latest", "fp-x")
    found = versions_among(tags, spec("{{version}}-alpine"), "api")
    assert [str(one) for one in found] == ["1.4.1", "1.4.2"]
