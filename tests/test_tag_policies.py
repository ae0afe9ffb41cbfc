"""Policies of rules in a file: the forms they are read in, and what comes of them in releases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from releaser import loader
from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.plan import TagAction
from releaser.core.saved_plan import SavedPlan
from releaser.core.spec import Spec
from releaser.core.tag_rules import Flavor
from releaser.errors import SpecError
from tests.world import BUSYBOX, World

COMMIT = "a" * 40
POLICY = """
version: 1
registries: {main: localhost:5000/shop}
tag_policies:
  release:
    rules: |
      # pasted from a workflow
      type=semver,pattern={{version}}
      type=semver,pattern={{major}}.{{minor}}
      type=semver,pattern={{major}}
      type=ref,event=branch
      type=ref,event=pr

      type=schedule,pattern={{date 'YYYYMMDD'}}
    flavor: latest=auto
images:
  api: {context: api, tags: release}
"""


def load(text: str, **variables: str) -> Spec:
    return loader.load(text.encode(), "images.yaml", project="shop", variables=variables).spec


def world(spec: str = POLICY) -> World:
    return World(spec, {"api/Dockerfile": f"FROM {BUSYBOX}\nCOPY . /\n", "api/f": "one"})


def at(ref: str, name: str = "push", **more: object) -> SourceFacts:
    event = EventFacts(name, ref, default_branch="main", **more)  # type: ignore[arg-type]
    tags = (event.tag,) if event.tag else ()
    return SourceFacts(COMMIT, event.branch, tags, event=event, commit_time=0)


def tags(made: World) -> list[str]:
    (image,) = made.plan().images
    return [str(one.reference.tag) for one in image.references]


@pytest.mark.parametrize(
    ("expected", "written"),
    [
        (("latest",), "tags: latest"),
        (("latest", "sha-{{sha}}"), "tags: [latest, 'sha-{{sha}}']"),
        (("type=sha",), "tags: [type=sha]"),
        (("type=sha", "x"), "tags: |\n      # first\n      type=sha\n\n      x"),
        (("type=ref,event=pr",), "tags: [{type: ref, event: pr}]"),
        (("type=ref,prefix=mr-,event=pr",), "tags: ['TYPE = ref,prefix=mr- , event=pr']"),
        (("type=sha,enable=true,priority=9",), "tags: [{type: sha, priority: 9, enable: true}]"),
        (("x-{{vars.a}}",), "tags: ['x-{{vars.a}}']"),
        (("{{date 'YYYY' tz='UTC'}}-shop",), "tags: [\"{{date 'YYYY' tz='UTC'}}-{{project}}\"]"),
        (("type=raw,value=api",), "tags: ['type=raw,value={{image}}']"),
    ],
)  # fmt: skip
def test_the_forms_of_rules(expected: tuple[str, ...], written: str) -> None:
    text = f"version: 1\nvars: {{a: one}}\nimages:\n  api:\n    {written}\n"
    assert load(text).images["api"].tags == tuple(
        rule.replace("{{vars.a}}", "one") for rule in expected
    )


def test_the_forms_of_policies() -> None:
    spec = load("""
version: 1
vars: {variant: alpine}
tag_policies:
  list: [latest]
  block: |
    type=sha
  map:
    rules: [type=sha]
    flavor: [latest=false, {suffix: "-{{vars.variant}}", onlatest: true}]
    tag_safety: {immutable: false}
  loose: {rules: [type=sha], flavor: {prefix: x-}, tag_safety: off}
defaults: {tags: list}
images:
  a:
  b: {tags: map}
  c: {tags: [list]}
""")
    assert spec.tag_policies["block"].rules == ("type=sha",)
    policy = spec.tag_policy("b")
    assert policy is not None
    assert Flavor.parse(policy.flavor) == Flavor("false", "", False, "-alpine", True)
    assert (policy.tag_safety.immutable, policy.tag_safety.forward) == (False, True)
    assert not spec.tag_policies["loose"].tag_safety.forward
    assert spec.tag_policies["loose"].flavor == ("prefix=x-",)
    named, listed = spec.tag_policy("a"), spec.tag_policy("c")
    assert named is not None and named.rules == ("latest",)  # noqa: PT018 - for the types
    assert listed is not None and listed.rules == ("list",)  # noqa: PT018
    assert load("version: 1\nimages: {a: }\n").tag_policy("a") is None


def test_variants_may_share_a_repository() -> None:
    text = POLICY.replace(
        "images:",
        """  slim:
    rules: ["type=semver,pattern={{version}}"]
    flavor: [latest=false, suffix=-slim]
  full: ["type=semver,pattern={{version}}"]
images:
  full: {context: api, repository: api, tags: full}
  slim: {context: api, repository: api, tags: slim}
  other: {context: api, tags: full}""",
    ).replace("  api: {context: api, tags: release}\n", "")
    assert set(load(text).images) == {"full", "slim", "other"}


def test_variants_must_not_share_latest() -> None:
    text = POLICY.replace(
        "images:",
        """  slim:
    rules: ["type=semver,pattern={{version}}"]
    flavor: [suffix=-slim]
  full: ["type=ref,event=tag"]
images:
  slim: {context: api, repository: api, tags: slim}""",
    ).replace("tags: release", "tags: full")
    with pytest.raises(SpecError, match='"slim" and "api" both get the tag "latest"'):
        load(text)
    apart = load(text.replace("suffix=-slim", '"suffix=-slim,onlatest=true"'))
    without = load(text.replace("suffix=-slim", "latest=false"))
    assert apart.images.keys() == without.images.keys() == {"slim", "api"}


def test_each_event_gets_its_tags() -> None:
    made = world()
    expected = {
        ("refs/heads/main", "push"): ["main"],
        ("refs/heads/feature/x", "push"): ["feature-x"],
        ("refs/tags/v1.2.3", "push"): ["1.2.3", "1.2", "1", "latest"],
        ("refs/tags/v2.0.0-rc.1", "push"): ["2.0.0-rc.1"],
        ("refs/pull/12/merge", "pull_request"): ["pr-12"],
        ("refs/heads/main", "workflow_dispatch"): ["main"],
        ("refs/heads/main", "schedule"): ["20260131", "main"],
    }
    for (ref, name), wanted in expected.items():
        made.source = at(ref, name)
        assert tags(made) == wanted, (ref, name)


def test_a_backport_and_a_candidate_move_no_newer_line() -> None:
    made = world()
    repository = "localhost:5000/shop/api"
    digests = {}
    for version in ("1.0.0", "1.1.0", "2.0.0", "1.1.1", "2.1.0-rc.1"):
        made.source = at(f"refs/tags/v{version}")
        made.files["/project/api/f"] = version
        assert made.release().error is None
        digests[version] = made.public()[f"{repository}:{version}"]
    assert made.public() == {
        f"{repository}:{tag}": digests[version]
        for tag, version in {
            **{version: version for version in digests},
            "1.0": "1.0.0", "1.1": "1.1.1", "1": "1.1.1", "2.0": "2.0.0", "2": "2.0.0",
            "latest": "2.0.0",
        }.items()
    }  # fmt: skip
    made.source = at("refs/tags/v1.0.0")
    made.files["/project/api/f"] = "another"
    (image,) = made.plan().images
    assert [one.reason for one in image.references if one.action.value == "refuse"] == [
        "it names another content already"
    ]


def test_safety_can_be_taken_back() -> None:
    made = world(POLICY.replace("flavor:", "tag_safety: false\n    flavor:"))
    for version in ("2.0.0", "1.0.0"):
        made.source = at(f"refs/tags/v{version}")
        made.files["/project/api/f"] = version
        assert made.release().error is None
    public = made.public()
    assert public["localhost:5000/shop/api:latest"] == public["localhost:5000/shop/api:1.0.0"]
    made.files["/project/api/f"] = "another"
    assert made.release().error is None
    assert made.public() != public


def test_tags_and_events_leave_fingerprints_alone() -> None:
    made, prints = world(), set()
    for ref in ("refs/heads/main", "refs/tags/v1.2.3", "refs/pull/1/merge"):
        made.source = replace(at(ref), branch=None)
        (image,) = made.plan().images
        prints.add(str(image.fingerprint))
    assert len(prints) == 1


def test_a_version_is_commanded_although_the_checkout_says_the_same() -> None:
    made = world()
    made.source = replace(at("refs/heads/main"), tags=("v3.1.4",), last_tag="v3.1.4")
    (image,) = made.plan().images
    assert [str(one.reference.tag) for one in image.references] == ["main"]
    (image,) = made.plan(version="3.1.4").images
    found = [str(one.reference.tag) for one in image.references]
    assert found == ["3.1.4", "3.1", "3", "main", "latest"]


def test_a_saved_plan_knows_whether_its_version_was_commanded() -> None:
    made = world()
    made.source = at("refs/heads/main")
    for version in (None, "3.1.4"):
        plan = made.plan(version=version)
        saved = SavedPlan.parse(plan.to_json().encode(), "plan.json")
        assert saved.commanded == (version, ("api",) if version else ())
        again = made.plan(*saved.images, version=saved.commanded[0], commanded=saved.commanded[1])
        assert again.to_json() == plan.to_json()


def test_versions_of_python_may_have_two_numbers() -> None:
    rules = "\n".join(f"      type=pep440,pattern={{{{{name}}}}}" for name in ("version", "major"))
    head, _, rest = POLICY.partition("      # pasted")
    made = world(f"{head}{rules}\n    flavor{rest.partition('flavor')[2]}")
    digests = {}
    for version in ("1.3", "1.2.5", "1.4rc1"):
        made.source = at(f"refs/tags/{version}")
        made.files["/project/api/f"] = version
        assert made.release().error is None
        digests[version] = made.public()[f"localhost:5000/shop/api:{version}"]
        assert made.public()["localhost:5000/shop/api:latest"] == digests["1.3"]
        assert made.public()["localhost:5000/shop/api:1"] == digests["1.3"]


def test_branches_that_are_spelled_alike_share_a_tag() -> None:
    made = world()
    digests: list[str] = []
    for branch in ("feature/x", "feature-x", "feature/x"):
        made.source = at(f"refs/heads/{branch}")
        made.files["/project/api/f"] = branch
        (image,) = made.plan().images
        (reference,) = image.references
        assert str(reference.reference.tag) == "feature-x"
        assert reference.action is (TagAction.MOVE if digests else TagAction.CREATE)
        assert made.release().error is None
        digests.append(made.public()["localhost:5000/shop/api:feature-x"])
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]
