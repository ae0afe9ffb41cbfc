"""Which tags a version gets, of which kind, and which of them may move."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core import template
from releaser.core.facts import SourceFacts, event_of
from releaser.core.oci import Tag
from releaser.core.steps import TagKind
from releaser.core.tagging import (
    DEFAULT_TAGS,
    PLACEHOLDERS,
    RESERVED_TAG,
    Policy,
    Situation,
    SkippedTag,
    WantedTag,
    default_tags,
    evaluate,
    newer_in_line,
    released,
    slug,
    values,
)
from releaser.core.version import Version, dirty
from releaser.errors import SpecError
from tests.build import COMMIT, SOURCE, branches, prereleases, versions

IMMUTABLE, FLOATING = TagKind.IMMUTABLE, TagKind.FLOATING
CHANGED = SourceFacts(commit=COMMIT, branch="main", changes=("app.py",))
DETACHED = SourceFacts(commit=COMMIT)
NO_COMMIT = SourceFacts()


def outcome(
    rules: tuple[str, ...], version: str | None = "1.4.2", source: SourceFacts = SOURCE
) -> tuple[tuple[WantedTag, ...], tuple[SkippedTag, ...]]:
    parsed = Version.parse(version) if version else None
    return evaluated(rules, parsed, source)


def evaluated(
    rules: Iterable[str], version: Version | None, source: SourceFacts
) -> tuple[tuple[WantedTag, ...], tuple[SkippedTag, ...]]:
    found = evaluate(Policy.of(rules), Situation(version, source, event_of(source), "api", "shop"))
    return found.wanted, found.skipped


def tag(rule: str, version: str | None = "1.4.2", source: SourceFacts = SOURCE) -> str:
    """The tag that a rule gives, or in brackets why it gives none."""
    wanted, skipped = outcome((rule,), version, source)
    return str(wanted[0].tag) if wanted else f"({skipped[0].reason})"


def newest(rule: str, version: str, tags: list[str], *spellings: str) -> str | None:
    """The newer version on the line of ``rule`` that ``tags`` show, if there is one."""
    held = released(tags, image="api", project="shop", spellings=spellings)
    found = newer_in_line(rule, Version.parse(version), held)
    return str(found) if found else None


def on(branch: str) -> SourceFacts:
    return SourceFacts(commit=COMMIT, branch=branch)


# -- templates -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "rule", "version"),
    [
        ("1.4.2", "{{version}}", "1.4.2"),
        ("1.4.2", "{{ version }}", "v1.4.2"),
        ("v1.4.2", "v{{version}}", "1.4.2"),
        ("1.4.2-alpine", "{{version}}-alpine", "1.4.2"),
        ("1.4.2", "{{major}}.{{minor}}.{{patch}}", "1.4.2"),
        ("1.4", "{{major}}.{{minor}}", "1.4.2"),
        ("1", "{{major}}", "1.4.2"),
        ("latest", "latest", "1.4.2"),
        ("2.0.0-rc.1", "{{version}}", "2.0.0-rc.1"),
        ("rc.1-2.0.0-rc.1", "{{prerelease}}-{{version}}", "2.0.0-rc.1"),
        ("(2.0.0-rc.1 is a prerelease)", "{{major}}.{{minor}}", "2.0.0-rc.1"),
        ("(2.0.0-rc.1 is a prerelease)", "{{major}}", "2.0.0-rc.1"),
        ("(2.0.0-rc.1 is a prerelease)", "latest", "2.0.0-rc.1"),
        ("(2.0.0-rc.1 is a prerelease)", "{{prerelease}}", "2.0.0-rc.1"),
        ("(it comes out empty)", "{{prerelease}}", "1.4.2"),
        ("(there is no version)", "{{version}}", None),
        ("(there is no version)", "{{major}}", None),
        ("latest", "latest", None),
        ("(0 is no line of compatible versions)", "{{major}}", "0.4.2"),
        ("(0 is no line of compatible versions)", "v{{ major }}-alpine", "0.4.2"),
        ("0.4", "{{major}}.{{minor}}", "0.4.2"),
        ("latest", "latest", "0.4.2"),
        ("sha-abc1234", "sha-{{sha}}", None),
        ("abc1234", "{{short_sha}}", "1.4.2"),
        (COMMIT, "{{commit}}", "1.4.2"),
        ("main", "{{branch}}", None),
        ("main", "{{branch}}", "2.0.0-rc.1"),
        ("shop-api", "{{project}}-{{image}}", None),
        ("nightly", "nightly", "2.0.0-rc.1"),
    ],
)
def test_a_rule_gives(expected: str, rule: str, version: str | None) -> None:
    assert expected == tag(rule, version)


@pytest.mark.parametrize(
    ("expected", "rule", "source"),
    [
        ("(HEAD is on no branch)", "{{branch}}", DETACHED),
        ("(HEAD is on no branch)", "{{branch}}-{{sha}}", DETACHED),
        ("sha-abc1234", "sha-{{sha}}", DETACHED),
        ("(there is no commit)", "sha-{{sha}}", NO_COMMIT),
        ("(there is no commit)", "{{commit}}", NO_COMMIT),
        ("1.4.2", "{{version}}", NO_COMMIT),
        ("(the tree has changes that the commit does not)", "sha-{{sha}}", CHANGED),
        ("(the tree has changes that the commit does not)", "{{version}}-{{short_sha}}", CHANGED),
        ("main", "{{branch}}", CHANGED),
    ],
)
def test_a_rule_gives_by_source(expected: str, rule: str, source: SourceFacts) -> None:
    assert expected == tag(rule, "1.4.2", source)


def test_the_default_rules_of_a_release() -> None:
    wanted, skipped = outcome(DEFAULT_TAGS)
    assert [str(one.tag) for one in wanted] == [
        "1.4.2", "1.4", "1", "latest", "sha-abc1234", "main",
    ]  # fmt: skip
    assert skipped == ()


def test_the_default_rules_without_a_version_or_a_repository() -> None:
    rules = default_tags(None)
    wanted, skipped = outcome(rules, None, NO_COMMIT)
    assert wanted == ()
    assert [one.rule for one in skipped] == list(rules)
    assert set(DEFAULT_TAGS) - set(rules) == {"latest"}
    assert default_tags(Version(1, 0, 0)) == DEFAULT_TAGS


def test_a_tag_is_given_once_and_by_the_first_rule() -> None:
    wanted, _ = outcome(("{{version}}", "latest", "{{major}}.{{minor}}.{{patch}}", "latest"))
    assert [(str(one.tag), one.rule) for one in wanted] == [
        ("1.4.2", "{{version}}"),
        ("latest", "latest"),
    ]


def test_the_placeholders_are_those_of_the_template_language() -> None:
    assert set(template.PLAN_NAMES) == PLACEHOLDERS
    known = values(Version.parse("1.4.2"), SOURCE, image="api", project="shop")
    assert known.keys() == PLACEHOLDERS


@pytest.mark.parametrize(
    ("message", "hint", "rule", "version"),
    [
        ('"versoin" is not defined', "did you mean {{version}}?", "{{versoin}}", "1.4.2"),
        ('"a b" is not a legal tag', None, "a b", None),
        ('"1.4.2+linux" is not a legal tag', "build metadata", "{{version}}", "1.4.2+linux"),
        ('"-1.4.2" is not a legal tag', None, "-{{version}}", "1.4.2"),
        ("releaser keeps for itself", "choose another", "fp-0123456789abcdef", None),
        ("does not close it", "write a name", "{{version", "1.4.2"),
    ],
)
def test_a_rule_is_wrong(message: str, hint: str | None, rule: str, version: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        tag(rule, version)
    assert message in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


# -- branches --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "branch"),
    [
        ("feature-x", "feature/x"),
        ("a-b", "a///b"),
        ("fix-the-bug", "fix the bug"),
        ("release-1.4", "release/1.4"),
        ("_x", "_x"),
        ("hidden", "..hidden"),
        ("x" * 128, "x" * 250),
        ('(nothing of branch "ü" may stand in a tag)', "ü"),
        ('(nothing of branch "---" may stand in a tag)', "---"),
        ('(branch "latest" would look like a version)', "latest"),
        ('(branch "/latest" would look like a version)', "/latest"),
        ('(branch "1.4.2" would look like a version)', "1.4.2"),
        ('(branch "v1" would look like a version)', "v1"),
        ("1.x", "1.x"),
        ("123-fix-login", "123-fix-login"),
        ('(branch "1.4-alpine" would look like a version)', "1.4-alpine"),
        ('(branch "1.4-fix" would look like a version)', "1.4-fix"),
        (
            '(branch "fp-0123456789abcdef" would look like a tag of releaser\'s own)',
            "fp-0123456789abcdef",
        ),
        ('(branch "fp-record-api" would look like a tag of releaser\'s own)', "fp-record-api"),
        ("fp-0123456789abcdef0", "fp-0123456789abcdef0"),
        ("v", "v"),
        ("x1.4", "x1.4"),
    ],
)
def test_a_branch_gives(expected: str, branch: str) -> None:
    assert expected == tag("{{branch}}", None, on(branch))
    assert expected == tag("{{ branch }}", None, on(branch))


def test_a_branch_cannot_pass_for_a_version_behind_other_text() -> None:
    assert tag("v{{branch}}", None, on("1.4")) == '(branch "1.4" would look like a version)'
    assert tag("{{branch}}-{{sha}}", None, on("1.4")) == "1.4-abc1234"


def test_a_long_branch_leaves_room_for_the_rest() -> None:
    found = tag("pr-{{branch}}-{{sha}}", None, on("x" * 250))
    assert found.startswith("pr-xxx")
    assert found.endswith("x-abc1234")
    assert len(found) == 128


def test_a_slug_never_begins_with_a_dot_or_a_dash() -> None:
    assert slug("-.x") == "x"


# -- kinds and widths ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "width", "is_line", "rule"),
    [
        (IMMUTABLE, 0, False, "{{version}}"),
        (IMMUTABLE, 0, False, "v{{version}}-alpine"),
        (IMMUTABLE, 0, False, "{{major}}.{{minor}}.{{patch}}"),
        (IMMUTABLE, 0, False, "sha-{{sha}}"),
        (IMMUTABLE, 0, False, "{{branch}}-{{commit}}"),
        (FLOATING, 1, True, "{{major}}.{{minor}}"),
        (FLOATING, 1, True, "{{major}}.{{minor}}-alpine"),
        (FLOATING, 2, True, "{{major}}"),
        (FLOATING, 2, True, "{{branch}}-{{major}}"),
        (FLOATING, 3, False, "{{branch}}"),
        (FLOATING, 3, False, "nightly"),
        (FLOATING, 9, True, "latest"),
    ],
)
def test_kinds_and_widths(kind: TagKind, width: int, is_line: bool, rule: str) -> None:
    ((found,), _) = outcome((rule,))
    assert (kind, width, is_line) == (found.kind, found.width, found.is_line)


@pytest.mark.parametrize(
    ("kind", "version", "source"),
    [
        pytest.param(FLOATING, str(dirty(Version.parse("1.4.2"))), CHANGED, id="marked dirty"),
        pytest.param(FLOATING, "1.4.2-rc.1.dirty", CHANGED, id="a prerelease marked dirty"),
        pytest.param(IMMUTABLE, "1.4.2-rc.1", SOURCE, id="prerelease"),
        pytest.param(IMMUTABLE, "1.4.2", CHANGED, id="a release commanded from a dirty tree"),
    ],
)
def test_a_full_version_may_move_only_where_it_is_marked_dirty(
    kind: TagKind, version: str, source: SourceFacts
) -> None:
    ((found,), _) = outcome(("{{version}}",), version, source)
    assert kind is found.kind


# -- lines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newer", "rule", "version", "tags"),
    [
        pytest.param(None, "latest", "1.4.2", "", id="nothing there"),
        pytest.param(None, "latest", "1.4.2", "1.4.1 1.0.0 0.9.0", id="all older"),
        pytest.param(None, "latest", "1.4.2", "1.4.2", id="itself"),
        pytest.param("2.0.1", "latest", "1.9.1", "1.9.0 2.0.0 2.0.1", id="a backport and latest"),
        pytest.param(None, "{{major}}", "1.9.1", "1.9.0 2.0.1", id="a backport moves its major"),
        pytest.param(None, "{{major}}.{{minor}}", "1.9.1", "1.9.0 2.0.1", id="and its minor"),
        pytest.param("1.9.0", "{{major}}", "1.8.5", "1.9.0 1.8.4", id="a backport of a minor"),
        pytest.param(None, "{{major}}.{{minor}}", "1.8.5", "1.9.0 1.8.4", id="moves its minor"),
        pytest.param("1.10.0", "{{major}}", "1.9.0", "1.10.0 1.2.0", id="by number, not by text"),
        pytest.param(None, "latest", "1.4.2", "2.0.0-rc.1 3.0.0-dev.1", id="prereleases"),
        pytest.param("2.0.0", "latest", "1.4.2", "v2.0.0", id="a tag with v"),
        pytest.param(None, "latest", "1.4.2", "latest main sha-abc1234 2 2.0 fp-0123", id="others"),
        pytest.param(None, "{{major}}.{{minor}}", "1.4.2", "1.40.0 11.4.9", id="no mere prefixes"),
    ],
)  # fmt: skip
def test_the_newest_of_a_line(newer: str | None, rule: str, version: str, tags: str) -> None:
    assert newer == newest(rule, version, tags.split())


@pytest.mark.parametrize(
    ("newer", "spelling", "tags"),
    [
        ("1.5.0", "{{version}}-alpine", "1.5.0-alpine"),
        ("1.5.0", "{{ version }}-alpine", "1.5.0-alpine"),
        ("1.5.0", "{{image}}-{{version}}", "api-1.5.0"),
        ("1.5.0", "{{version}}-alpine", "1.5.0"),
        (None, "{{version}}-alpine", "1.5.0-debian"),
        (None, "{{version}}-{{sha}}", "1.5.0-abc1234"),
        (None, "{{major}}.{{minor}}.{{patch}}", "1.5.0-alpine"),
        (None, "{{version}}-alpine", "2.0.0-alpine"),
    ],
)
def test_versions_are_found_as_the_image_spells_them(
    newer: str | None, spelling: str, tags: str
) -> None:
    assert newer == newest("{{major}}-alpine", "1.4.2", tags.split(), spelling)


def test_a_repository_of_ten_thousand_tags_is_read_in_a_moment() -> None:
    tags = [f"1.{n // 100}.{n % 100}" for n in range(5000)] + [f"fp-{n:016x}" for n in range(5000)]
    began = time.process_time()
    assert newest("{{major}}.{{minor}}", "1.2.3", tags) == "1.2.99"
    assert newest("latest", "1.2.3", tags, "{{version}}-slim") == "1.49.99"
    assert newest("latest", "2.0.0", tags) is None
    assert time.process_time() - began < 2


# -- properties ------------------------------------------------------------------------------

parts = st.sampled_from([f"{{{{{name}}}}}" for name in sorted(PLACEHOLDERS)])
rules = st.lists(parts, min_size=1, max_size=3, unique=True).map(".".join)
sources = st.builds(
    SourceFacts,
    commit=st.none() | st.just(COMMIT),
    branch=st.none() | branches,
    changes=st.sampled_from([(), ("app.py",)]),
)


@given(st.lists(rules | st.sampled_from(DEFAULT_TAGS)), st.none() | versions | prereleases, sources)
def test_each_rule_gives_a_legal_tag_or_a_reason(
    some: list[str], version: Version | None, source: SourceFacts
) -> None:
    try:
        wanted, skipped = evaluated(some, version, source)
    except SpecError as error:
        assert "is not a legal tag" in error.message  # noqa: PT017 - one of both ways out
        return
    assert all(Tag(str(one.tag)) == one.tag for one in wanted)
    assert not any(RESERVED_TAG.fullmatch(str(one.tag)) for one in wanted)
    assert len({one.tag for one in wanted}) == len(wanted)
    assert {one.rule for one in wanted} | {one.rule for one in skipped} <= set(some)
    assert all(one.reason for one in skipped)


@given(st.none() | versions | prereleases, sources)
def test_the_default_rules_always_give_legal_tags(
    version: Version | None, source: SourceFacts
) -> None:
    wanted, skipped = evaluated(DEFAULT_TAGS, version, source)
    assert len(wanted) + len(skipped) == len(DEFAULT_TAGS)


@given(st.lists(rules | st.sampled_from(DEFAULT_TAGS)), prereleases, sources)
def test_a_prerelease_gives_no_line_of_versions(
    some: list[str], version: Version, source: SourceFacts
) -> None:
    try:
        wanted, _ = evaluated(some, version, source)
    except SpecError:
        return
    assert not any(one.is_line for one in wanted)


@given(
    st.sampled_from(["{{major}}.{{minor}}", "{{major}}", "latest"]),
    versions,
    st.lists(versions | prereleases),
)
def test_a_line_moves_only_forward(rule: str, version: Version, others: list[Version]) -> None:
    found = newest(rule, str(version), [str(other) for other in others])
    on_line = [
        other
        for other in others
        if not other.prerelease
        and (rule == "latest" or other.major == version.major)
        and ("minor" not in rule or other.minor == version.minor)
    ]
    highest = max([version, *on_line])
    assert found == (str(highest) if highest > version else None)


@pytest.mark.parametrize("branch", ["sha-abc1234", "abc1234", "sha-" + "a" * 40])
def test_a_branch_never_moves_a_commit_s_tag(branch: str) -> None:
    source = SourceFacts(commit=COMMIT, branch=branch)
    assert tag("{{branch}}", "1.4.2", source).endswith("would look like a commit)")
