"""Every type of rule at every kind of event, and where metadata-action's outcome is another.

A case gives the rules as they would be pasted, the event, and the tags in order; where ours differ
on purpose, metadata-action's stand beside them with the reason.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from releaser.core.facts import EventFacts, RepositoryFacts, SourceFacts, event_of
from releaser.core.tag_rules import lines_of
from releaser.core.tagging import (
    Outcome,
    Policy,
    Safety,
    Situation,
    evaluate,
    oci_annotations,
    oci_labels,
)
from releaser.core.version import Version
from releaser.errors import SpecError
from tests.build import COMMIT
from tests.metadata_action import MetadataAction

SAFE = Safety()

NOW = 1_769_860_800  # 2026-01-31T12:00:00Z
BEFORE = 1_769_774_400  # a day earlier


def event(ref: str, name: str = "push", **more: object) -> EventFacts:
    plain = EventFacts(
        name=name, ref=ref, sha=COMMIT, default_branch="main", now=NOW, commit_time=BEFORE
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def tagged(tag: str) -> EventFacts:
    return event(f"refs/tags/{tag}")


MAIN = event("refs/heads/main")
OTHER = event("refs/heads/feature/x")
TAG = tagged("v1.2.3")
EARLY = tagged("v2.0.8-beta.67")
PULL = event("refs/pull/12/merge", "pull_request", base_ref="main", pull_request=12)
NIGHT = event("refs/heads/main", "schedule")
HAND = event("refs/heads/main", "workflow_dispatch")

EVENTS = {
    "default branch": MAIN,
    "another branch": OTHER,
    "tag": TAG,
    "prerelease": EARLY,
    "pull request": PULL,
    "schedule": NIGHT,
    "dispatch": HAND,
}


def outcome(
    rules: str,
    about: EventFacts,
    flavor: str = "",
    version: str | None = None,
    safety: Safety = SAFE,
    changes: tuple[str, ...] = (),
) -> Outcome:
    source = SourceFacts(commit=COMMIT, branch=about.branch, changes=changes)
    own = Version.parse(version) if version else None
    at = Situation(own, source, about, "api", "shop", commanded=False)
    return evaluate(Policy.of(lines_of(rules), lines_of(flavor), safety), at)


def tags(rules: str, about: EventFacts, flavor: str = "", **more: object) -> str:
    found = outcome(rules, about, flavor, **more)  # type: ignore[arg-type]
    return " ".join(str(one.tag) for one in found.wanted)


def modelled(rules: str, about: EventFacts, flavor: str = "") -> str:
    """What metadata-action gives."""
    policy = Policy.of(lines_of(rules), lines_of(flavor))
    return " ".join(MetadataAction(policy.ordered, policy.flavor, about).tags)


def reasons(rules: str, about: EventFacts, flavor: str = "", **more: object) -> list[str]:
    return [one.reason for one in outcome(rules, about, flavor, **more).skipped]  # type: ignore[arg-type]


# -- every type at every event: the tags of default branch, another, tag, prerelease, pull request,
# schedule, dispatch. All of it is metadata-action's own outcome.

TABLE = {
    "type=schedule": ("", "", "", "", "", "nightly", ""),
    "type=schedule,pattern={{date 'YYYYMMDD'}}": ("", "", "", "", "", "20260131", ""),
    "type=semver,pattern={{version}}": ("", "", "1.2.3 latest", "2.0.8-beta.67", "", "", ""),
    "type=semver,pattern={{major}}.{{minor}}": (
        "", "", "1.2 latest", "2.0.8-beta.67", "", "", "",
    ),
    "type=semver,pattern={{major}}": ("", "", "1 latest", "2.0.8-beta.67", "", "", ""),
    "type=semver,pattern=stable": ("", "", "stable latest", "2.0.8-beta.67", "", "", ""),
    "type=semver,pattern={{raw}}": ("", "", "v1.2.3 latest", "v2.0.8-beta.67", "", "", ""),
    "type=semver,pattern={{version}},value=v3.4.5": ("3.4.5 latest",) * 7,
    "type=semver,pattern={{major}},value=3.4.5-rc.1": ("3.4.5-rc.1",) * 7,
    "type=semver,pattern={{version}},value={{branch}}": ("",) * 7,
    "type=pep440,pattern={{raw}}": ("", "", "v1.2.3 latest", "v2.0.8-beta.67", "", "", ""),
    "type=pep440,pattern={{major}},value=1.0rc1": ("1.0rc1",) * 7,
    "type=pep440,pattern={{version}}": ("", "", "1.2.3 latest", "2.0.8b67", "", "", ""),
    "type=pep440,pattern={{major}}": ("", "", "1 latest", "2.0.8b67", "", "", ""),
    r"type=match,pattern=v(.*),group=1": (
        "", "", "1.2.3 latest", "2.0.8-beta.67", "", "", "",
    ),
    r"type=match,pattern=v(.*),group=1,value=v7.8.9": ("7.8.9 latest",) * 7,
    r"type=match,pattern=^(main|feature),value={{branch}}": (
        "main latest", "feature latest", "", "", "", "main latest", "main latest",
    ),
    r"type=match,pattern=\d.\d": ("", "", "1.2 latest", "", "", "", ""),
    "type=edge": ("edge", "", "", "", "", "edge", "edge"),
    "type=edge,branch=feature/x": ("", "edge", "", "", "", "", ""),
    "type=ref,event=branch": ("main", "feature-x", "", "", "", "main", "main"),
    "type=ref,event=tag": ("", "", "v1.2.3 latest", "v2.0.8-beta.67", "", "", ""),
    "type=ref,event=branch,prefix=b-,suffix=-{{sha}}": (
        "b-main-abc1234", "b-feature-x-abc1234", "", "", "", "b-main-abc1234", "b-main-abc1234",
    ),
    "type=ref,event=pr,prefix=mr-": ("", "", "", "", "mr-12", "", ""),
    "type=ref,event=pr": ("", "", "", "", "pr-12", "", ""),
    "type=sha": ("sha-abc1234",) * 7,
    "type=sha,prefix=,format=long": (COMMIT,) * 7,
    "type=sha,format=long": (f"sha-{COMMIT}",) * 7,
    "type=raw,value=on-{{base_ref}}": ("", "", "", "", "on-main", "", ""),
    "type=raw,value=foo": ("foo",) * 7,
    "foo": ("foo",) * 7,
    "type=raw,value={{branch}}-{{sha}}": (
        "main-abc1234", "feature-x-abc1234", "", "", "", "main-abc1234", "main-abc1234",
    ),
    "type=raw,value=main-only,enable={{is_default_branch}}": (
        "main-only", "", "", "", "", "main-only", "main-only",
    ),
    "type=raw,value=others,enable={{is_not_default_branch}}": (
        "", "others", "others", "others", "others", "", "",
    ),
    "type=sha,enable=false": ("",) * 7,
}  # fmt: skip
NO_HALF = "half a tag is none"
DIFFERENT = {
    **{("type=raw,value=on-{{base_ref}}", name): ("on-", NO_HALF)
        for name in EVENTS if name != "pull request"},
    (r"type=match,pattern=v(.*),group=1", "prerelease"): (
        "2.0.8-beta.67 latest", "a prerelease moves no line",
    ),
    (r"type=match,pattern=\d.\d", "prerelease"): (
        "2.0 latest", "a prerelease moves no line, not even one that a match spells",
    ),
    ("type=ref,event=tag", "prerelease"): (
        "v2.0.8-beta.67 latest", "a prerelease moves no line",
    ),
    **{("type=raw,value={{branch}}-{{sha}}", name): ("-abc1234", NO_HALF)
        for name in ("tag", "prerelease", "pull request")},
}  # fmt: skip
CASES = [
    pytest.param(rule, EVENTS[name], expected, id=f"{rule} at {name}")
    for rule, row in TABLE.items()
    for name, expected in zip(EVENTS, row, strict=True)
]


@pytest.mark.parametrize(("rule", "about", "expected"), CASES)
def test_a_rule_at_an_event(rule: str, about: EventFacts, expected: str) -> None:
    assert expected == tags(rule, about)


@pytest.mark.parametrize(("rule", "name"), DIFFERENT)
def test_what_differs_is_held_back_for_a_reason(rule: str, name: str) -> None:
    theirs, reason = DIFFERENT[rule, name]
    assert tags(rule, EVENTS[name]) != theirs
    assert reason
    assert reasons(rule, EVENTS[name])


@pytest.mark.parametrize("rule", [rule for rule, name in DIFFERENT if name == "prerelease"])
def test_with_safety_off_the_lines_are_metadata_action_s(rule: str) -> None:
    theirs, _ = DIFFERENT[rule, "prerelease"]
    found = tags(rule, EARLY, safety=Safety(forward=False))
    assert found == theirs or DIFFERENT[rule, "prerelease"][1] == NO_HALF


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule in TABLE for name in EVENTS])
def test_the_model_of_metadata_action_says_the_same(rule: str, name: str) -> None:
    row = dict(zip(EVENTS, TABLE[rule], strict=True))
    expected, _ = DIFFERENT.get((rule, name), (row[name], ""))
    assert modelled(rule, EVENTS[name]) == expected


# -- what its documents show, at the same events ----------------------------------------------

SCHEDULED = "type=schedule"
BRANCH, PR, GIT_TAG = (f"type=ref,event={kind}" for kind in ("branch", "pr", "tag"))
VERSION = "type=semver,pattern={{version}}"
LINES = "type=semver,pattern={{major}}.{{minor}}", "type=semver,pattern={{major}}"
SHA = "type=sha"
SHORT = "sha-abc1234"
WORKFLOWS = {
    "the default": (
        (SCHEDULED, BRANCH, GIT_TAG, PR), "",
        ("main", "feature-x", "v1.2.3 latest", "v2.0.8-beta.67", "pr-12", "nightly main", "main"),
    ),
    "semver": (
        (BRANCH, PR, VERSION, LINES[0]), "",
        ("main", "feature-x", "1.2.3 1.2 latest", "2.0.8-beta.67", "pr-12", "main", "main"),
    ),
    "everything": (
        (SCHEDULED, BRANCH, PR, VERSION, *LINES, SHA), "",
        (
            f"main {SHORT}", f"feature-x {SHORT}", f"1.2.3 1.2 1 {SHORT} latest",
            f"2.0.8-beta.67 {SHORT}", f"pr-12 {SHORT}", f"nightly main {SHORT}", f"main {SHORT}",
        ),
    ),
    "a variant": (
        (BRANCH, PR, VERSION, *LINES), "suffix=-alpine,onlatest=true",
        (
            "main-alpine", "feature-x-alpine", "1.2.3-alpine 1.2-alpine 1-alpine latest-alpine",
            "2.0.8-beta.67-alpine", "pr-12-alpine", "main-alpine", "main-alpine",
        ),
    ),
    "a prefix and a suffix": (
        (BRANCH, VERSION, f"{SHA},prefix=git-"), "prefix=v\nsuffix=-x",
        (
            "vmain-x git-abc1234-x", "vfeature-x-x git-abc1234-x",
            "v1.2.3-x git-abc1234-x latest", "v2.0.8-beta.67-x git-abc1234-x",
            "git-abc1234-x", "vmain-x git-abc1234-x", "vmain-x git-abc1234-x",
        ),
    ),
    "edge": (
        ("type=edge", PR, VERSION, *LINES), "",
        ("edge", "", "1.2.3 1.2 1 latest", "2.0.8-beta.67", "pr-12", "edge", "edge"),
    ),
    "a commit before a version": (
        (f"{SHA},priority=1000,prefix=", VERSION, BRANCH), "",
        (
            "abc1234 main", "abc1234 feature-x", "abc1234 1.2.3", "abc1234 2.0.8-beta.67",
            "abc1234", "abc1234 main", "abc1234 main",
        ),
    ),
    "a schedule with its date, and no latest": (
        ("type=schedule,pattern=nightly-{{date 'YYYYMMDD' tz='Asia/Tokyo'}}", BRANCH, VERSION),
        "latest=false",
        ("main", "feature-x", "1.2.3", "2.0.8-beta.67", "", "nightly-20260131 main", "main"),
    ),
    "latest of the default branch": (
        ("type=raw,value=latest,enable={{is_default_branch}}", BRANCH, PR), "",
        ("main latest", "feature-x", "", "", "pr-12", "main latest", "main latest"),
    ),
    "latest always": (
        (BRANCH, PR, VERSION), "latest=true",
        (
            "main latest", "feature-x latest", "1.2.3 latest", "2.0.8-beta.67", "pr-12 latest",
            "main latest", "main latest",
        ),
    ),
}  # fmt: skip
SAFER_WORKFLOWS = {
    ("the default", "prerelease"): "v2.0.8-beta.67 latest",
    ("latest always", "prerelease"): "2.0.8-beta.67 latest",
}


@pytest.mark.parametrize(("kind", "name"), [(one, name) for one in WORKFLOWS for name in EVENTS])
def test_a_workflow_at_an_event(kind: str, name: str) -> None:
    rules, flavor, row = WORKFLOWS[kind]
    expected = dict(zip(EVENTS, row, strict=True))[name]
    lines = "\n".join(rules)
    assert tags(lines, EVENTS[name], flavor) == expected
    theirs = SAFER_WORKFLOWS.get((kind, name), expected)
    assert modelled(lines, EVENTS[name], flavor) == theirs


VERSION_AND_LINE = f"{VERSION}\n{LINES[0]}"
AROUND = "latest=true\nprefix=a-,onlatest=true\nsuffix=-b,onlatest=true"

# -- the corner cases of metadata-action ------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "rules", "about"),
    [
        pytest.param("1.2.3 1.2 1 sha-abc1234 latest", """
            # what everybody has
            type=ref,event=branch
            type=ref,event=pr
            type=semver,pattern={{version}}
            type=semver,pattern={{major}}.{{minor}}
            type=semver,pattern={{major}}
            type=sha
            """, TAG, id="latest stands last but is decided by the first"),
        pytest.param("1.2.3 sha-abc1234 latest", """
            type=sha
            type=semver,pattern={{version}}
            """, TAG, id="by priority, not by line"),
        pytest.param("sha-abc1234 1.2.3", """
            type=sha,priority=901
            type=semver,pattern={{version}}
            """, TAG, id="a higher rule turns latest off"),
        pytest.param("1.2.3 foo latest", """
            foo
            type=semver,pattern={{version}}
            """, TAG, id="a lower one does not"),
        pytest.param("v1.2.3 1.2.3 latest", """
            type=ref,event=tag,priority=1000
            type=semver,pattern={{version}}
            type=semver,pattern={{version}}
            """, TAG, id="each tag once"),
        pytest.param("2.0.8-beta.67", """
            type=semver,pattern={{version}}
            type=semver,pattern={{major}}
            """, EARLY, id="a prerelease is given whole by every pattern"),
        pytest.param("v2.0.8-beta.67", "type=semver,pattern={{ raw }}", EARLY, id="but for raw"),
        pytest.param("v2.0.8-beta.67 2.0.8-beta.67", """
            type=semver,pattern={{raw}}
            type=semver,pattern=v{{raw}}
            """, EARLY, id="and only where it stands alone"),
        pytest.param("9.5.7-alpha.2 v9.5.7-alpha.2-fork.3.1.8", """
            type=semver,pattern={{version}}
            type=semver,pattern={{raw}}
            """, tagged("v9.5.7-alpha.2+fork.3.1.8"), id="build metadata"),
        pytest.param("", "type=semver,pattern={{version}}", tagged("sometag"), id="no version"),
        pytest.param("", "type=semver,pattern={{version}}", tagged("v1.2"), id="no semver"),
        pytest.param("1.2 latest", "type=pep440,pattern={{version}}", tagged("v1.2"), id="pep440"),
        pytest.param("1.2.post1", """
            type=pep440,pattern={{version}}
            type=pep440,pattern={{major}}
            """, tagged("1.2post1"), id="post releases are given whole, without latest"),
        pytest.param("1.2post1", "type=pep440,pattern={{raw}}", tagged("1.2post1"), id="and raw"),
        pytest.param("1.0.dev4", "type=pep440,pattern={{version}}", tagged("1.0dev4"), id="dev"),
        pytest.param("1.1b2", "type=pep440,pattern={{version}}", tagged("1.1beta2"), id="beta"),
        pytest.param("1.2.3rc2", "type=pep440,pattern={{major}}", tagged("1.2.3rc2"), id="rc"),
        pytest.param("p1-v1.0.0 latest", "type=ref,event=tag", tagged("p1/v1.0.0"), id="slash"),
        pytest.param("1.0.0 latest", r"type=match,pattern=p1/v(\d.\d.\d),group=1",
            tagged("p1/v1.0.0"), id="a match sees the slash"),
        pytest.param("1.0.0 latest", "type=semver,pattern={{version}},match=p1/v(.*)",
            tagged("p1/v1.0.0"), id="a version behind a prefix"),
        pytest.param("1.2.3 latest", "type=semver,pattern={{version}},match=p1/v(.*)", TAG,
            id="a match of a version that matches nothing only warns"),
        pytest.param("20200110 latest", r"type=match,pattern=\d{8}", tagged("20200110"),
            id="a date"),
        pytest.param("RC2", r"type=match,pattern=/(.*)-(.*)/,group=2",
            tagged("20200110-RC2"), id="slashes and groups"),
        pytest.param("rc2", "type=match,pattern=/RC2/i", tagged("20200110-rc2"), id="flags"),
        pytest.param("2.0.8-beta.67 beta", """
            type=semver,pattern={{version}}
            type=match,pattern=-(alpha|beta|rc),group=1
            """, EARLY, id="a channel of prereleases"),
        pytest.param("", r"type=match,pattern=v(\d+\.\d+\.\d+),group=1", tagged("v1.2.3-rc.1"),
            id="a match makes no release of a candidate"),
        pytest.param("v1.2.3-rc.1", "type=match,pattern=v.*", tagged("v1.2.3-rc.1"),
            id="but a candidate of one"),
        pytest.param("rc", r"type=match,pattern=-(rc),group=1", tagged("v1.2.3-rc.1"),
            id="or a channel"),
        pytest.param("1.0.0rc1", """
            type=pep440,pattern={{version}}
            type=pep440,pattern={{major}}.{{minor}}
            """, tagged("1.0.0-rc.1"), id="a candidate of Python's"),
        pytest.param("1.0.0.dev1", """
            type=pep440,pattern={{version}}
            type=pep440,pattern={{major}}
            """, tagged("1.0.0.dev1"), id="a dev release of Python's"),
        pytest.param("1.0.0.post1 1.0.0-1", """
            type=pep440,pattern={{version}}
            type=pep440,pattern={{raw}}
            """, tagged("1.0.0-1"), id="a post release, spelled another way"),
        pytest.param("1-2.0 2.0 2 latest", """
            type=pep440,pattern={{version}}
            type=pep440,pattern={{major}}.{{minor}}
            type=pep440,pattern={{major}}
            """, tagged("1!2.0"), id="an epoch"),
        pytest.param("1.0-local.1 1 latest", """
            type=pep440,pattern={{version}}
            type=pep440,pattern={{major}}
            """, tagged("1.0+local.1"), id="a local version"),
        pytest.param("", "type=raw,value=x,enable={{is_not_default_branch}}",
            event("refs/heads/dev", "schedule"), id="a schedule is of no other branch"),
        pytest.param("pr-12", "type=ref,event=pr\ntype=ref,event=branch",
            event("refs/pull/12/merge", "pull_request_target"), id="a request of a fork"),
        pytest.param("main", "type=ref,event=branch\ntype=schedule",
            event("refs/heads/main", "repository_dispatch"), id="any other event"),
        pytest.param("nightly", "type=schedule", event("refs/heads/x", "schedule_of_ours"),
            id="any name with a schedule in it"),
        pytest.param("release-v1.2.3", "type=ref,event=branch", event("refs/heads/release/v1.2.3"),
            id="a branch is no version"),
        pytest.param("", VERSION, tagged("release/v1.2.3"), id="a slash makes no version"),
        pytest.param("1.2.3 latest", f"{VERSION},match=(\\d.*)", tagged("release/v1.2.3"),
            id="unless it is left out"),
        pytest.param("b a c", "type=raw,value=b,priority=9\ntype=raw,value=a,priority=9\n"
            "type=raw,value=c,priority=1", MAIN, id="equals as they are written"),
        pytest.param("", r"type=match,pattern=\d{9}", tagged("20200110-RC2"), id="no match"),
        pytest.param("pr-12-head", "type=ref,event=pr", event("refs/pull/12/head"),
            id="only the merge ref is a number"),
        pytest.param("a-b-c-d", "type=ref,event=branch", event("refs/heads/a+b##c~/d"),
            id="runs of other characters become one dash"),
        pytest.param("edge", "type=edge,branch=main", event("refs/heads/main", default_branch=None),
            id="a named branch needs no default"),
        pytest.param("main-only", "type=raw,value=main-only,enable={{is_default_branch}}",
            event("refs/heads/dev", "schedule"), id="a schedule is of the default branch"),
        pytest.param("main-only", "type=raw,value=main-only,enable={{is_default_branch}}",
            event("refs/tags/v1", "create"), id="and a create, even of a tag"),
        pytest.param("", "type=raw,value=main-only,enable={{is_default_branch}}",
            event("refs/heads/main", default_branch=None), id="an unknown default is none"),
        pytest.param("base-main", "type=raw,value=base-{{base_ref}}", PULL, id="base of a request"),
        pytest.param("2026-01-31", "type=raw,value={{date 'YYYY-MM-DD'}}", MAIN, id="a date"),
        pytest.param("20260131-210000", "{{date 'YYYYMMDD-HHmmss' tz='Asia/Tokyo'}}", MAIN,
            id="tz"),
        pytest.param("2026-01-30T12-00-00",
            "type=raw,value={{commit_date 'YYYY-MM-DDTHH:mm:ss'}}", MAIN, id="of the commit"),
        pytest.param("nightly-20260131", "type=schedule,suffix=-{{date 'YYYYMMDD'}}", NIGHT,
            id="a date behind"),
        pytest.param("v1.2.3-x", "type=raw,value={{ tag }}-x", TAG, id="a tag by hand"),
        pytest.param("", "type=pep440,pattern={{version}}", tagged("sometag"), id="no pep440"),
        pytest.param("", "type=semver,pattern={{version}}", MAIN, id="no tag at all"),
        pytest.param("x", "type=raw,value=foo,value=x", MAIN, id="the last of a name counts"),
        pytest.param("foo", "type=raw,foo", MAIN, id="a mere word is the value"),
        pytest.param("foo", '"type=raw","value=foo"', MAIN, id="quotes of CSV"),
        pytest.param("foo", "TYPE=raw , Value = foo", MAIN, id="case and space of keys"),
        pytest.param("pre-foo-post", "type=raw,value=foo,prefix=pre-,suffix=-post", MAIN,
            id="prefix and suffix"),
    ],
)  # fmt: skip
def test_a_corner_case(expected: str, rules: str, about: EventFacts) -> None:
    assert expected == tags(rules, about)
    if not reasons(rules, about):  # nothing was held back
        assert expected == modelled(rules, about)


@pytest.mark.parametrize(
    ("expected", "rules", "flavor", "about"),
    [
        ("v1.2.3 v1.2 latest", VERSION_AND_LINE, "prefix=v", TAG),
        ("1.2.3-alpine latest-alpine", VERSION, "suffix=-alpine,onlatest=true", TAG),
        ("x-1.2.3 latest", "type=semver,pattern={{version}},prefix=x-", "prefix=v", TAG),
        ("1.2.3 latest", "type=semver,pattern={{version}},prefix=", "prefix=v", TAG),
        ("1.2.3", "type=semver,pattern={{version}}", "latest=false", TAG),
        ("main latest", "type=ref,event=branch", "latest=true", MAIN),
        ("", "type=ref,event=tag", "latest=true", MAIN),
        ("a-main-b a-latest-b", "type=ref,event=branch", AROUND, MAIN),
        ("pr-12", "type=ref,event=pr", "prefix=v", PULL),
        ("sha-abc1234", "type=sha", "prefix=v", MAIN),
        ("main-foo", "foo", "prefix={{branch}}-", MAIN),
        ("foo latest", "latest\nfoo,priority=300", "latest=true", MAIN),
    ],
)  # fmt: skip
def test_a_flavor(expected: str, rules: str, flavor: str, about: EventFacts) -> None:
    assert expected == tags(rules, about, flavor)


SAFER = [
    pytest.param("latest", "0 latest", "type=semver,pattern={{major}}", tagged("v0.4.2"),
        "0 is no line", id="0 is no line, and latest is"),
    pytest.param("", "2.0.8 latest", r"type=match,pattern=\d.\d.\d", EARLY,
        "is a prerelease", id="a match makes no release of a prerelease"),
    pytest.param("", "latest", "type=ref,event=branch", event("refs/heads/latest"),
        "would look like", id="a branch called latest"),
    pytest.param("", "1.4", "type=ref,event=branch", event("refs/heads/1.4"),
        "would look like", id="a branch called as a version"),
    pytest.param("", "12", "type=ref,event=pr,prefix=", PULL,
        "would look like", id="a request called as a version"),
    pytest.param("", "fp-0123456789abcdef", "type=ref,event=branch",
        event("refs/heads/fp-0123456789abcdef"), "releaser's own", id="releaser's own tags"),
    pytest.param("", "abcdef1", "type=ref,event=branch", event("refs/heads/abcdef1"),
        "would look like a commit", id="a branch called as a commit"),
    pytest.param("", "abcdef1", "type=ref,event=tag", tagged("abcdef1"),
        "would look like a commit", id="a git tag called as a commit"),
    pytest.param("20200110", "20200110 latest", r"type=match,pattern=\d{8}",
        tagged("20200110-RC2"), "is a prerelease", id="latest of a release candidate"),
    pytest.param("x", "--x", "type=ref,event=branch", event("refs/heads/ü-x"),
        "", id="a leading dash is dropped, not kept illegal"),
    pytest.param("b" * 128, "b" * 200, "type=ref,event=branch", event("refs/heads/" + "b" * 200),
        "", id="a long branch is cut"),
    pytest.param("", "foo-", "type=raw,value=foo,suffix=-{{tag}}", MAIN,
        "about no tag", id="a name that is not known gives no half of a tag"),
    pytest.param("a-b", "a-amp-b", "type=ref,event=branch", event("refs/heads/a&b"),
        "", id="nothing is escaped for HTML"),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "rules", "about", "reason"), SAFER)
def test_a_safer_outcome(
    ours: str, theirs: str, rules: str, about: EventFacts, reason: str
) -> None:
    flavor = "" if "latest" in theirs.split()[1:] else "latest=false"
    found = tags(rules, about, flavor)
    assert found == ours
    assert found != theirs
    assert reason in " ".join(reasons(rules, about, flavor))


@pytest.mark.parametrize(
    ("expected", "rules"),
    [
        ("1.2.3-dirty", "type=semver,pattern={{version}}\ntype=semver,pattern={{major}}"),
        ("v1.2.3-dirty", "type=ref,event=tag"),
        ("", "type=sha"),
        ("", "type=pep440,pattern={{version}}"),
        ("", "type=match,pattern=v(.*),group=1"),
        ("3.4.5 latest", "type=semver,pattern={{version}},value=3.4.5"),
    ],
)
def test_a_dirty_tree_is_not_what_its_tag_says(expected: str, rules: str) -> None:
    assert expected == tags(rules, TAG, changes=("app.py",))


def test_a_dirty_tree_is_not_at_a_tag_that_is_no_version() -> None:
    assert reasons("type=ref,event=tag", tagged("some/tag"), changes=("app.py",)) == [
        "the tree has changes that the commit does not"
    ]


def test_without_a_commit_there_is_no_sha() -> None:
    at = Situation(None, SourceFacts(), EventFacts(), "api", "shop")
    found = evaluate(Policy.of(["type=sha", "type=semver,pattern={{raw}}"]), at)
    assert [one.reason for one in found.skipped] == [
        "the event is about no tag",
        "there is no commit",
    ]


def test_a_commanded_version_stands_in_for_a_tag() -> None:
    source = SourceFacts(commit=COMMIT, branch="main")
    at = Situation(Version(3, 0, 1), source, MAIN, "api", "shop", commanded=True, is_release=True)
    found = evaluate(Policy.of(["type=semver,pattern={{major}}.{{minor}}"]), at)
    assert [str(one.tag) for one in found.wanted] == ["3.0", "latest"]


def test_a_checkout_alone_is_an_event_too() -> None:
    assert event_of(SourceFacts(COMMIT, "main")).branch == "main"
    detached = SourceFacts(COMMIT, None, ("a", "v1.2.3", "z"), "v1.2.3", commit_time=BEFORE)
    assert event_of(detached).tag == "v1.2.3"
    assert event_of(replace(detached, last_tag=None)).tag == "z"
    assert event_of(SourceFacts(COMMIT)).ref == ""
    said = event_of(replace(detached, event=PULL))
    assert (said.request, said.sha, said.commit_time) == ("12", COMMIT, BEFORE)


def test_without_a_clock_a_date_is_no_tag() -> None:
    timeless = replace(NIGHT, now=None)
    assert reasons("type=schedule,pattern={{date 'YYYY'}}", timeless) == [
        "nothing says what time it is"
    ]


def test_the_version_is_the_first_tag() -> None:
    assert outcome("type=sha\ntype=semver,pattern={{version}}", TAG).version == "1.2.3"
    assert outcome("type=edge", OTHER).version is None


def test_enable_must_be_true_or_false() -> None:
    with pytest.raises(SpecError, match='neither true nor false but "main"'):
        tags("type=raw,value=a,enable={{branch}}", MAIN)


def test_hand_written_text_is_never_rewritten() -> None:
    with pytest.raises(SpecError, match='"a/b" is not a legal tag'):
        tags("type=raw,value=a/b", MAIN)
    with pytest.raises(SpecError, match="releaser keeps for itself"):
        tags("fp-0123456789abcdef", MAIN)


def test_labels_and_annotations_are_those_of_the_event() -> None:
    about = RepositoryFacts("Hello-World", "This your first repo!", "https://example.com/x", "MIT")
    found = dict(oci_labels(replace(TAG, repository=about), "1.2.3"))
    assert list(found) == sorted(found)
    assert found == {
        "org.opencontainers.image.created": "2026-01-31T12:00:00.000Z",
        "org.opencontainers.image.description": "This your first repo!",
        "org.opencontainers.image.licenses": "MIT",
        "org.opencontainers.image.revision": COMMIT,
        "org.opencontainers.image.source": "https://example.com/x",
        "org.opencontainers.image.title": "Hello-World",
        "org.opencontainers.image.url": "https://example.com/x",
        "org.opencontainers.image.version": "1.2.3",
    }
    own = oci_labels(EventFacts(), None, [("org.opencontainers.image.title", "mine"), ("a", "b")])
    assert own[0] == ("a", "b")
    assert dict(own)["org.opencontainers.image.title"] == "mine"
    lines = oci_annotations(TAG, "1", [("a", "b")], ["manifest", "index"])
    assert lines[0] == "manifest:a=b"
    assert lines[9] == "index:a=b"


def test_a_branch_is_no_line_of_the_policy_s_own_spelling() -> None:
    branch = event("refs/heads/1-alpine")
    assert tags("type=ref,event=branch", branch) == "1-alpine"
    rules = "type=ref,event=branch\ntype=semver,pattern={{major}},suffix=-alpine"
    assert reasons(rules, branch)[-1] == 'branch "1-alpine" would look like a version'
    assert tags("type=ref,event=branch\ntype=semver,pattern={{major}}", branch, "suffix=-alpine")
