"""Any rules, flavors and events within reason, for properties of tags."""

from __future__ import annotations

from hypothesis import strategies as st

from releaser.core.facts import EventFacts
from releaser.core.tag_rules import Flavor, Rule, RuleType
from releaser.core.tag_rules.rules import COMMON, OWN, WORDS
from tests.build import branches, prereleases, versions

literals = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,5}[a-z0-9])?", fullmatch=True)
values_of = {
    "pattern": st.sampled_from(["{{version}}", "{{major}}.{{minor}}", "v{{major}}", "{{raw}}"]),
    "value": literals
    | st.sampled_from(["{{branch}}", "{{tag}}-{{sha}}", "v{{version}}", "latest"]),
    "match": st.sampled_from(["v(.*)", "(a|b,c)", '("x")']),
    "group": st.just("0"),
    "branch": literals,
    "enable": st.sampled_from(["true", "false", "{{is_default_branch}}"]),
    "priority": st.integers(0, 2000).map(str),
    "prefix": literals | st.sampled_from(["", "{{branch}}-"]),
    "suffix": literals.map("-".__add__) | st.just("") | st.just("-{{sha}}"),
    **{name: st.sampled_from(choices) for name, choices in WORDS.items()},
}


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule of any type with any of its attributes."""
    kind = draw(st.sampled_from(RuleType))
    fields = {"type": kind.value}
    for name in (*OWN[kind], *COMMON):
        if (
            name in {"pattern", "event"}
            or (kind is RuleType.RAW and name == "value")
            or draw(st.booleans())
        ):
            fields[name] = draw(values_of[name])
    if kind is RuleType.SCHEDULE:
        fields["pattern"] = draw(st.sampled_from(["nightly", "{{date 'YYYY, MM' tz='UTC'}}"]))
    if kind is RuleType.MATCH:
        fields["pattern"] = draw(st.sampled_from([r"v(.*)", r"\d.\d", r"/(a{1,2}|.*)/i", ".+"]))
    if kind in {RuleType.SEMVER, RuleType.PEP440, RuleType.MATCH}:
        fields["value"] = draw(st.sampled_from(["", "v1.2.3", "2.0.0-rc.1", "1.0.post1"]))
    return Rule.of(fields.items())


flavors = st.builds(
    Flavor,
    st.sampled_from(["auto", "true", "false"]),
    st.sampled_from(["", "x-"]),
    st.booleans(),
    st.sampled_from(["", "-alpine"]),
    st.booleans(),
)

any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
odd_names = st.sampled_from(
    [
        "latest",
        "1.4",
        "v1",
        "main",
        "-x",
        ".x",
        "a/b",
        "a+b##c~/d",
        "abc1234",
        "fp-0123456789abcdef",
    ]
)
python_names = st.sampled_from(["1.0rc1", "v1.2", "1.2.post1", "1!2.0", "1.0.dev1", "1.0+local.1"])
names = (
    branches | any_text | odd_names | python_names | st.sampled_from(["release/v1.2.3", "p/1.2"])
)
refs = st.one_of(
    names.map("refs/heads/".__add__),
    (versions | prereleases).map(lambda version: f"refs/tags/v{version}"),
    names.map("refs/tags/".__add__),
    st.integers(1, 99).map(lambda number: f"refs/pull/{number}/merge"),
    st.just(""),
)
events = st.builds(
    EventFacts,
    name=st.sampled_from(["push", "schedule", "pull_request", "create"]),
    ref=refs,
    base_ref=st.none() | names,
    default_branch=st.none() | names,
    now=st.none() | st.integers(0, 4_000_000_000),
    commit_time=st.integers(0, 4_000_000_000),
)
