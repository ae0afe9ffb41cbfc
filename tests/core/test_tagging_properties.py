"""What holds of tags whatever the rules, names and versions, in whatever order things happen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.oci import Tag
from releaser.core.steps import TagKind
from releaser.core.tag_rules import Flavor, Rule, RuleType
from releaser.core.tagging import (
    RESERVED_TAG,
    Outcome,
    Policy,
    RolledBack,
    Safety,
    Situation,
    SkippedTag,
    WantedTag,
    evaluate,
    newer_in_line,
    newest_in_line,
    released,
)
from releaser.core.version import Version
from releaser.errors import SpecError
from tests.build import COMMIT, prereleases, versions
from tests.metadata_action import MetadataAction
from tests.tag_strategies import events, flavors, names, rules

some_rules = st.lists(rules(), max_size=4).map(tuple)


def outcome(policy: Policy, event: EventFacts, version: Version | None) -> Outcome:
    source = SourceFacts(commit=COMMIT, branch=event.branch)
    return evaluate(policy, Situation(version, source, event, "api", "shop"))


# -- legal and honest ------------------------------------------------------------------------


@given(some_rules, events, flavors, st.none() | versions | prereleases)
def test_every_tag_is_legal_and_none_is_releaser_s_own(
    some: tuple[Rule, ...], event: EventFacts, flavor: Flavor, version: Version | None
) -> None:
    try:
        found = outcome(Policy(some, flavor), event, version)
    except SpecError as error:
        assert "is not a legal tag" in error.message  # noqa: PT017 - one of both ways out
        return
    tags = [str(one.tag) for one in found.wanted]
    assert all(Tag(tag) for tag in tags)
    assert len(set(tags)) == len(tags)
    assert not any(RESERVED_TAG.fullmatch(tag) for tag in tags)
    assert all(one.reason for one in found.results)
    assert not any(one.kind is TagKind.IMMUTABLE and one.is_line for one in found.wanted)


@given(st.sampled_from(["branch", "tag", "pr"]), names, st.sampled_from(["", "x-", "x."]))
def test_no_name_of_an_event_is_an_error(kind: str, name: str, prefix: str) -> None:
    folder = {"branch": "heads", "tag": "tags", "pr": "pull"}[kind]
    rule = Rule.of([("type", "ref"), ("event", kind), ("prefix", prefix)])
    (first, *_) = outcome(
        Policy((rule,)), EventFacts("push", f"refs/{folder}/{name}"), None
    ).results
    assert first.reason
    if isinstance(first, WantedTag) and kind == "branch":
        assert first.kind is TagKind.FLOATING
        assert not first.is_line
        assert str(first.tag) != "latest"


@given(some_rules, prereleases, flavors)
def test_a_prerelease_moves_no_stable_line(
    some: tuple[Rule, ...], version: Version, flavor: Flavor
) -> None:
    event = EventFacts("push", f"refs/tags/v{version}", now=1)
    for one in outcome(Policy(some, flavor), event, version).wanted:
        if one.version == version and one.kind is TagKind.FLOATING:
            assert not one.is_line
            assert "latest" not in str(one.tag)
            by_hand = one.rule.startswith("type=raw")
            assert by_hand or not re.fullmatch(r"v?[0-9]+(\.[0-9]+)?", str(one.tag))


near = st.from_regex(r"[a-c.ü/-]{1,3}", fullmatch=True)


@given(near, near)
def test_two_branches_share_a_tag_only_where_their_slugs_are_the_same(one: str, two: str) -> None:
    rule = Rule.parse("type=ref,event=branch")
    tags = [
        [str(tag.tag) for tag in outcome(Policy((rule,)), EventFacts("push", ref), None).wanted]
        for ref in (f"refs/heads/{one}", f"refs/heads/{two}")
    ]
    slugs = [re.sub("[^A-Za-z0-9._-]+", "-", name).lstrip(".-")[:128] for name in (one, two)]
    assume(all(tags))
    assert (tags[0] == tags[1]) == (slugs[0] == slugs[1])


# -- measured against metadata-action --------------------------------------------------------

SAFER = re.compile(
    r"would look like|nothing of .* may stand|is a prerelease|is no line of compatible"
    r"|is cut out of"
    r"|the event is about no|the event has no base|says what time it is"
)


def is_tag(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", text) is not None


def is_theirs(rule: Rule) -> bool:
    """Whether the other one knows all that a rule uses: a bare version is ours alone."""
    return rule.type is not RuleType.RAW or "version" not in (rule.get("value") or "")


@settings(max_examples=300)
@given(
    st.lists(rules().filter(is_theirs), max_size=4).map(tuple), events, flavors, st.booleans()
)  # fmt: skip
@example((Rule.parse("type=ref,event=branch,prefix=x"),), EventFacts("", "refs/heads/.y"), Flavor(),
    True)  # fmt: skip
def test_what_is_given_is_metadata_action_s(
    some: tuple[Rule, ...], event: EventFacts, flavor: Flavor, safe: bool
) -> None:
    """Each rule gives their tag, or none for a reason that the table of differences has."""
    event = replace(event, sha=COMMIT)
    policy = Policy(some, flavor, Safety(safe, safe))
    theirs = MetadataAction(policy.ordered, flavor, event)
    legal = [value is None or is_tag(value[0]) for value in theirs.values]
    try:
        found = outcome(policy, event, None)
    except SpecError:
        assert not all(legal)
        return
    results = found.results[: len(some)]
    for value, is_legal, ours in zip(theirs.values, legal, results, strict=True):
        if isinstance(ours, WantedTag) and is_legal:
            assert value is not None
            assert str(ours.tag) == value[0]
        elif value is not None and is_legal:
            assert isinstance(ours, SkippedTag)
            assert SAFER.search(ours.reason)
    latest = found.results[len(some) :]
    assert [str(one.tag) for one in latest if isinstance(one, WantedTag)] in (
        [], [theirs.latest]
    )  # fmt: skip
    if all(isinstance(one, WantedTag) or value is None
           for value, one in zip(theirs.values, results, strict=True)) and all(legal):  # fmt: skip
        held_back = theirs.latest is None or not isinstance(latest[0], WantedTag)
        by_rules = {value[0] for value in theirs.values if value is not None}
        left_out = {theirs.latest} - by_rules if held_back else set()
        ours_in_order = [str(one.tag) for one in found.wanted]
        assert ours_in_order == [tag for tag in theirs.tags if tag not in left_out]


# -- lines -----------------------------------------------------------------------------------

POLICY = Policy.of(
    [
        "type=semver,pattern={{version}}",
        "type=semver,pattern={{major}}.{{minor}}",
        "type=semver,pattern=v{{major}}",
        "type=pep440,pattern={{major}}.{{minor}},prefix=py",
    ],
    ["suffix=-slim"],
)


@given(st.lists(versions | prereleases, max_size=8))
def test_in_any_order_every_line_ends_at_its_highest_version(order: list[Version]) -> None:
    held: dict[str, Version] = {}
    for version in order:
        wanted = outcome(POLICY, EventFacts("push", f"refs/tags/v{version}"), version).wanted
        spelled = [one.template for one in wanted if one.kind is TagKind.IMMUTABLE]
        out = released(held, image="api", project="shop", spellings=spelled)
        for one in wanted:
            if newest_in_line(one, out) is None:
                held[str(one.tag)] = version
    stable = [version for version in order if not version.prerelease]
    assert held.get("latest") == max(stable, default=None)
    for version in stable:
        minor = [one for one in stable if (one.major, one.minor) == (version.major, version.minor)]
        assert held[f"{version.major}.{version.minor}-slim"] == max(minor)
        assert held[f"py{version.major}.{version.minor}-slim"] == max(minor)
        assert held[f"{version}-slim"] == version
        major = [one for one in stable if one.major == version.major]
        assert held.get(f"v{version.major}-slim") == (max(major) if version.major else None)


few = st.lists(versions, max_size=6).map(lambda found: tuple(sorted(set(found))))


@given(some_rules, flavors, versions, few, few)
def test_versions_in_git_only_hold_back(
    some: tuple[Rule, ...], flavor: Flavor, version: Version, out: Sequence[Version],
    tagged: tuple[Version, ...],
) -> None:  # fmt: skip
    try:
        wanted = outcome(Policy(some, flavor), EventFacts("push", f"refs/tags/v{version}"), version)
    except SpecError:
        return
    for one in wanted.wanted:
        without, both = newest_in_line(one, out), newest_in_line(one, out, tagged)
        if without is not None:
            assert both is not None
            assert both.version >= without.version
        assert both == newest_in_line(one, out, tagged + tagged[-1:])
        assert not isinstance(both, RolledBack)
        if both is not None:
            assert both.version > (one.version or version)
            assert both.version in (tagged if both.in_git else out)
            assert newer_in_line(one.template, one.version or version, (both.version,))
