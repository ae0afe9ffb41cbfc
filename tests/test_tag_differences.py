"""Each row of docs/tags.md's table of differences, with an example of both outcomes.

What metadata-action gives is computed by the model in tests/metadata_action.py where it can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from releaser.core.facts import EventFacts, RepositoryFacts, SourceFacts, event_of
from releaser.core.plan import TagAction
from releaser.core.tag_rules import lines_of
from releaser.core.tagging import (
    DEFAULT_TAGS,
    Policy,
    Situation,
    evaluate,
    newest_in_line,
    oci_labels,
)
from releaser.core.version import Version
from releaser.errors import SpecError
from tests.build import COMMIT
from tests.metadata_action import MetadataAction
from tests.world import BUSYBOX, World

TABLE = (Path(__file__).parents[1] / "docs" / "tags.md").read_text()
PULL = EventFacts("pull_request", "refs/pull/12/merge", base_ref="main", head_sha="f" * 40)
SEMVER = "type=semver,pattern={{version}}"
LINES = "\n".join(f"type=semver,pattern={{{{{line}}}}}" for line in ("version", "major", "minor"))
BRANCH, TAG, MATCH = "type=ref,event=branch", "type=ref,event=tag", r"type=match,pattern="


def on(branch: str, name: str = "push") -> EventFacts:
    return EventFacts(name, f"refs/heads/{branch}", default_branch="main", now=0, commit_time=0)


def tagged(tag: str) -> EventFacts:
    return replace(on("x"), ref=f"refs/tags/{tag}")


@dataclass(frozen=True)
class Case:
    """The tags that both give; ours may be an error. ``out`` are versions that are out already.

    Where ``asked``, the model gives the other one's tags too.
    """

    ours: str
    theirs: str
    rules: str
    about: EventFacts
    flavor: str = "latest=false"
    version: str | None = None
    out: str = ""
    changes: tuple[str, ...] = ()
    is_release: bool = False
    asked: bool = True

    def given(self) -> str:
        """Our tags, or the error."""
        source = SourceFacts(COMMIT, self.about.branch, changes=self.changes)
        own = Version.parse(self.version) if self.version else None
        released = tuple(sorted(map(Version.parse, self.out.split())))
        at = Situation(
            own, source, self.about, "api", "shop", commanded=False, is_release=self.is_release
        )
        try:
            policy = self._policy()
            for rule in policy.rules:
                rule.check_legal()
            found = evaluate(policy, at)
        except SpecError as error:
            return f"error: {error.message}"
        moving = [one for one in found.wanted if newest_in_line(one, released) is None]
        return " ".join(str(one.tag) for one in moving)

    def modelled(self) -> str:
        """What the model gives."""
        policy = self._policy()
        event = replace(self.about, sha=COMMIT)
        return " ".join(MetadataAction(policy.ordered, policy.flavor, event).tags)

    def _policy(self) -> Policy:
        return Policy.of(lines_of(self.rules), lines_of(self.flavor))


def wrong(message: str, theirs: str, rules: str, flavor: str = "latest=false") -> Case:
    """What is an error here; the model has no say about what does not parse."""
    return Case(f"error: {message}", theirs, rules, tagged("v1.2.3"), flavor, asked=False)


LONG = "b" * 200
CASES: Mapping[str, list[Case]] = {
    "a comment behind a rule": [
        wrong("has a comment behind it", "", "type=edge,branch=main # default"),
    ],
    "`latest`, `1.4`, `1` after an older version was released": [
        Case("1.2.3 2", "1.2.3 1 2 latest", LINES, tagged("v1.2.3"), "", out="1.4.0 2.0.0"),
    ],
    "`latest` of a prerelease by `match`, `ref,event=tag` or `latest=true`": [
        Case("2.0.0-rc.1", "2.0.0-rc.1 latest", f"{MATCH}v(.*),group=1", tagged("v2.0.0-rc.1"), ""),
        Case("v2.0.0-rc.1", "v2.0.0-rc.1 latest", TAG, tagged("v2.0.0-rc.1"), ""),
        Case("2.0.0-rc.1", "2.0.0-rc.1 latest", SEMVER, tagged("v2.0.0-rc.1"), "latest=true"),
        Case("main", "main latest", BRANCH, on("main"), "latest=true", "1.4.3-dev.1.gabc1234"),
    ],
    "a `match` that makes 2.0.8 or 2.0 of `v2.0.8-beta.67`": [
        Case("", "2.0.8", rf"{MATCH}\d.\d.\d", tagged("v2.0.8-beta.67")),
        Case("", "2.0", rf"{MATCH}\d.\d", tagged("v2.0.8-beta.67")),
        Case("", "v2.0.8", rf"{MATCH}v[^-]+", tagged("v2.0.8-beta.67")),
    ],
    "a `match` that cuts a number: 1.2.3 of `v1.2.34`, 1.1 of `v1.10.0`, 2.3 of `v1.2.3`": [
        Case("", "1.2.3", rf"{MATCH}\d.\d.\d", tagged("v1.2.34")),
        Case("", "1.1", rf"{MATCH}\d.\d", tagged("v1.10.0")),
        Case("", "v1.1", rf"{MATCH}v\d.\d", tagged("v1.10.0")),
        Case("", "2.3", rf"{MATCH}\d\.\d$", tagged("v1.2.3")),
        Case("", "1", rf"{MATCH}\d", tagged("v10.0.0")),
    ],
    "`{{major}}` of 0.4.2": [
        Case("", "0", "type=semver,pattern={{major}}", tagged("v0.4.2")),
        Case("", "v0", "type=semver,pattern=v{{major}}", tagged("v0.4.2")),
        Case("", "0", "type=pep440,pattern={{major}}", tagged("0.4.2")),
        Case("", "0", rf"{MATCH}v(\d+),group=1", tagged("v0.4.2")),
    ],
    "`type=raw,value=latest` on a branch between releases": [
        Case("", "latest", "type=raw,value=latest", on("main"), version="1.4.3-dev.1.gabc1234"),
    ],
    "a bare `{{version}}`": [Case("1.4.2", "", "{{version}}", on("main"), version="1.4.2")],
    "a branch or request whose tag would be `latest`, `1.4`, a commit or releaser's own": [
        Case("", name, BRANCH, on(name))
        for name in ("latest", "1.4", "v2", "abcdef1", "fp-0123456789abcdef", "fp-record-api")
    ] + [Case("", "12", "type=ref,event=pr,prefix=", PULL)],
    "a git tag `latest`, or one that looks like a commit": [
        Case("", name, TAG, tagged(name)) for name in ("latest", "abcdef1", "sha-abcdef1")
    ],
    "a name that stands for nothing (`{{tag}}` on a branch)": [
        Case("", "foo-", "type=raw,value=foo,suffix=-{{tag}}", on("main")),
        Case("", "-abc1234", "type=raw,value={{branch}}-{{sha}}", tagged("v1.2.3")),
        Case("", "to-", "type=raw,value=to-{{base_ref}}", on("main")),
    ],
    "an unknown name, attribute or type": [
        wrong('"versoin" is not defined', "v", "type=raw,value=v{{versoin}}"),
        wrong("unknown raw attribute", "v", "type=raw,value=v,enabled=false"),
        wrong("unknown type of rule", "Unknown tag type attribute", "type=semvar,pattern=x"),
    ],
    "`{{sha}}` or `{{date}}` in a pattern of versions": [
        wrong('"sha" is not defined', "1.2.3-", f"{SEMVER}-{{{{sha}}}}"),
        wrong("no date can stand", "Missing helper", f"{SEMVER}-{{{{date 'YYYY'}}}}"),
    ],
    "characters that no tag may have, written by hand": [
        replace(wrong('"a/b" is not a legal tag', "a-b", "type=raw,value=a/b"), asked=True),
        replace(wrong('"x+{{version}}" is not', "x-1.2.3", f"{SEMVER},prefix=x+"), asked=True),
    ],
    "a name that begins with such a character": [
        Case("x", "--x", BRANCH, on("ü-x")), Case("hidden", ".hidden", BRANCH, on(".hidden")),
        Case("v1", "-v1", TAG, tagged("/v1")),
    ],
    "more than 128 characters": [
        Case("b" * 128, LONG, BRANCH, on(LONG)),
        Case(f"x-{'b' * 118}-abc1234", f"x-{LONG}-abc1234", "x-{{branch}}-{{sha}}", on(LONG)),
        replace(wrong(f'"{LONG}" is not', LONG, TAG), about=tagged(LONG), asked=True),
    ],
    "`&`, `<`, `=` and quotes in names": [
        Case("a-b", "a-amp-b", BRANCH, on("a&b"), asked=False),
        Case("a-b", "a-x3D-b", "{{branch}}", on("a=b"), asked=False),
    ],
    "a tree with changes": [
        Case("1.2.3-dirty", "1.2.3", SEMVER, tagged("v1.2.3"), changes=("f",)),
        Case("", "sha-abc1234", "type=sha", on("main"), changes=("f",)),
        Case("", "1.2.3", f"{MATCH}v(.*),group=1", tagged("v1.2.3"), changes=("f",)),
        Case("", "nightly", TAG, tagged("nightly"), changes=("f",)),
    ],
    "`type=semver` without a git tag": [
        Case("3.0.1", "", SEMVER, on("main"), version="3.0.1", is_release=True),
        Case("3.0.1", "", "type=pep440,pattern={{version}}", on("main"), version="3.0.1",
            is_release=True),
    ],
    "`latest` given by a rule and by the flavor": [
        Case("1.2.3 latest", "1.2.3 latest latest", f"{SEMVER}\nlatest", tagged("v1.2.3"), "",
            asked=False),
    ],
    "the flag `g`, a group that is not there": [
        Case("1.2.3", "", f"{MATCH}/v(.*)/g,group=1", tagged("v1.2.3"), asked=False),
        wrong("has no group 2", "", f"{MATCH}v(.*),group=2"),
    ],
    "what JavaScript alone knows of regular expressions: `[^]`, a lookbehind of any width": [
        wrong("is not a regular expression", "1.2.3", f"{MATCH}v([^]*),group=1"),
        wrong("is not a regular expression", "1.2.3", f"{MATCH}(?<=v|ver).*"),
    ],
    "`labelprefix` of a flavor, `{{{name}}}` and blocks of Handlebars": [
        wrong("unknown attribute of a flavor", "1.2.3", SEMVER, "labelprefix=x"),
        wrong('"{{{tag}}}" is not a legal tag', "v1.2.3", "type=raw,value={{{tag}}}"),
        wrong("is not a placeholder", "x", "type=raw,value={{#if tag}}x{{/if}}"),
    ],
    "rare formats of Moment.js (`Do`, `LT`, `w`, `gg` …)": [
        wrong(f'"{form}" is not understood', "", f"x{{{{date '{form}'}}}}")
        for form in ("Do", "LT", "w", "gg")
    ],
    "no rules at all": [
        Case("1.4.2 1.4 1 latest sha-abc1234 main", "main", "\n".join(DEFAULT_TAGS), on("main"),
            version="1.4.2", asked=False),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=row) for row, cases in CASES.items() for case in cases]
)
def test_a_difference(case: Case) -> None:
    given = case.given()
    if case.ours.startswith("error: "):
        assert given.startswith("error: ")
        assert case.ours.removeprefix("error: ") in given
    else:
        assert given == case.ours
    assert given != case.theirs
    if case.asked:
        assert case.modelled() == case.theirs


def commit_of_a_request(_: pytest.MonkeyPatch) -> None:
    event = event_of(SourceFacts(COMMIT, event=PULL))
    assert (event.sha, event.head_sha) == (COMMIT, "f" * 40)


def short_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_METADATA_SHORT_SHA_LENGTH", "12")
    made = world("tags: [type=sha]", EventFacts())
    assert [one.split(":")[-1] for one in released(made)] == ["sha-" + COMMIT[:7]]


def source_of_labels(_: pytest.MonkeyPatch) -> None:
    about = RepositoryFacts("shop", "all we sell", "https://example.com/shop", "MIT")
    event = event_of(SourceFacts(COMMIT, default_branch="main", remote="example.com:acme/api"))
    found = dict(oci_labels(event, None))
    assert event.default_branch == "main"
    assert found["org.opencontainers.image.source"] == "https://example.com/acme/api"
    told = event_of(SourceFacts(COMMIT, remote="x", event=replace(on("main"), repository=about)))
    assert dict(oci_labels(told, None))["org.opencontainers.image.licenses"] == "MIT"


def another_content(_: pytest.MonkeyPatch) -> None:
    made = world(f"tags: [{SEMVER!r}, type=sha]", tagged("v1.2.3"))
    assert [one.split(":")[-1] for one in released(made)] == ["1.2.3", "latest", "sha-abc1234"]
    made.files["/project/api/f"] = "another"
    actions = {str(o.reference.tag): o.action for i in made.plan().images for o in i.references}
    assert actions.pop("latest") is TagAction.MOVE
    assert set(actions.values()) == {TagAction.REFUSE}


def world(tags: str, event: EventFacts) -> World:
    head = "version: 1\nregistries: {x: x.example/shop}\n"
    spec = f"{head}images:\n  api:\n    context: api\n    {tags}"
    files = {"api/Dockerfile": f"FROM {BUSYBOX}\nCOPY . /\n", "api/f": "one"}
    return World(spec, files, SourceFacts(COMMIT, event=event))


def released(made: World) -> dict[str, str]:
    assert made.release().error is None
    return made.public()


def tag_of_another_image(_: pytest.MonkeyPatch) -> None:
    spec = """
version: 1
registries: {x: x.example/shop}
versioning: {tag: "{{image}}/v{{version}}"}
defaults: {context: a, tags: ["type=ref,event=tag"]}
images: {api: {}, b: {}}
"""
    files = {"a/Dockerfile": "FROM scratch\nCOPY f /\n", "a/f": "one"}
    made = World(spec, files, SourceFacts(COMMIT, event=tagged("api/v1.4.2")))
    found = {i.name: [str(o.reference.tag) for o in i.references] for i in made.plan().images}
    assert found == {"api": ["api-v1.4.2", "latest"], "b": []}


OTHERS: Mapping[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a full version or a commit that names another content": another_content,
    "a git tag of one image (`api/v1.4.2`), for the rules of another": tag_of_another_image,
    "the commit of a pull request": commit_of_a_request,
    "`DOCKER_METADATA_SHORT_SHA_LENGTH`": short_commits,
    "source of labels and of the default branch": source_of_labels,
}


@pytest.mark.parametrize("row", OTHERS)
def test_a_difference_beyond_the_rules(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    OTHERS[row](monkeypatch)


def test_every_row_has_an_example_and_every_example_a_row() -> None:
    section = TABLE.partition("## What differs from metadata-action")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \|", section, re.MULTILINE)
    assert sorted(rows[1:]) == sorted([*CASES, *OTHERS])
    assert all(CASES.values())
