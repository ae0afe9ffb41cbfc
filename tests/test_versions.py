"""Versions of a whole project in memory: shared, each image's own, declared by a file; and next."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.history import Commit, History
from releaser.core.plan import TagAction
from releaser.errors import PlanError, SetupError, SpecError
from releaser.pipeline import Allowed, Request, refuse, tags_at
from releaser.pipeline.changelogs import Changelogs
from releaser.pipeline.upcoming import Outlook, write_tags
from tests.fakes.source import FixedSource
from tests.world import BASE, World

SPEC = """
version: 1
project: shop
registries: {local: localhost:5000/shop}
versioning: {tag: "{{image}}/v{{version}}"}
defaults: {tags: ["{{version}}", "{{major}}", latest]}
images:
  base: {context: base}
  api: {context: api}
  tools: {context: tools}
"""
FILES = {
    "base/Dockerfile": "FROM busybox\nCOPY f /f\n",
    "base/f": "1",
    "api/Dockerfile": "FROM base\nCOPY src /src\n",
    "api/src/app.py": "1",
    "tools/Dockerfile": "FROM busybox\nCOPY . /\n",
    "tools/.dockerignore": "*.md\n",
    "tools/x": "1",
}


def sha(letter: str) -> str:
    return letter * 40


def commit(letter: str, parent: str | None, message: str, *paths: str) -> Commit:
    parents = (sha(parent),) if parent else ()
    return Commit(sha(letter), parents, 1_700_000_000 + ord(letter) * 86_400, message, paths)


def world(*commits: Commit, spec: str = SPEC, **tags: str) -> World:
    """A project whose HEAD is the last of ``commits``; ``tags`` give letters of commits by tag."""
    made = World(spec, FILES)
    names = {tag.replace("__", "/v").replace("_", "."): sha(letter) for tag, letter in tags.items()}
    head = commits[-1].sha if commits else sha("a")
    made.source = SourceFacts(
        commit=head,
        branch="main",
        tags=tuple(sorted(tag for tag, at in names.items() if at == head)),
        distance=len(commits),
        past_tags=tuple(sorted(names)),
        all_tags=tuple(sorted(names)),
    )
    made.history = History(tuple(reversed(commits)), names)
    return made


START = commit("a", None, "feat: start", *FILES)
TAGGED = {"base__1_0_0": "a", "api__1_0_0": "a", "tools__1_0_0": "a"}


def versions(made: World, **more: object) -> dict[str, str | None]:
    """The version of each image in the plan."""
    return {image.name: image.version for image in made.plan(**more).images}


# -- versions of their own


def test_at_its_tag_an_image_has_that_version() -> None:
    made = world(START, **TAGGED)
    assert versions(made) == {"base": "1.0.0", "api": "1.0.0", "tools": "1.0.0"}
    assert made.plan().version is None


def test_a_commit_counts_for_the_images_that_use_its_paths() -> None:
    made = world(START, commit("b", "a", "fix: app", "api/src/app.py"), **TAGGED)
    assert versions(made) == {
        "base": "1.0.0", "api": "1.0.1-dev.1.gbbbbbbb", "tools": "1.0.0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("api/src/new/deep.py", {"api"}),
        ("api/gone.txt", set()),
        ("api/Dockerfile", {"api"}),
        ("base/f", {"base", "api"}),
        ("base/g", set()),
        ("tools/README.md", set()),
        ("tools/.dockerignore", {"tools"}),
        ("tools/deep/y", {"tools"}),
        ("README.md", set()),
        ("../outside", set()),
        ("apix/src/app.py", set()),
    ],
)
def test_paths(path: str, changed: set[str]) -> None:
    made = world(START, commit("b", "a", "change", path), **TAGGED)
    assert {name for name, version in versions(made).items() if version != "1.0.0"} == changed


def test_the_spec_counts_for_the_images_of_which_it_says_something_else() -> None:
    made = world(START, commit("b", "a", "change", "images.yaml"), **TAGGED)
    made.revisions[sha("b"), "images.yaml"] = SPEC.encode()
    before = SPEC.replace("context: tools", "context: tools, args: {A: b}, tags: x")
    made.revisions[sha("b") + "^", "images.yaml"] = before.encode()
    assert versions(made)["tools"] == "1.0.1-dev.1.gbbbbbbb"
    assert versions(made)["api"] == "1.0.0"
    made.revisions[sha("b") + "^", "images.yaml"] = SPEC.replace("latest]", "x]").encode()
    assert set(versions(made).values()) == {"1.0.0"}
    made.revisions[sha("b") + "^", "images.yaml"] = b"images: ["
    assert set(versions(made).values()) == {"1.0.1-dev.1.gbbbbbbb"}
    del made.revisions[sha("b") + "^", "images.yaml"]
    assert set(versions(made).values()) == {"1.0.1-dev.1.gbbbbbbb"}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("context: tools", "context: tools, args: {A: b}", {"tools"}),
        ("context: tools", "context: tools, tags: x", set()),
        ("  tools:", "  # new\n  tools:", set()),
        ("  tools: {context: tools}", "  tools:\n    context: tools", set()),
        ("  api: {context: api}\n", "", {"api"}),
        (
            "  api: {context: api}\n",
            "  api: {context: api, nonsense: 1}\n",
            {"base", "api", "tools"},
        ),
        ("images:\n", "vars: {x: y}\nimages:\n", set()),
        ("images:\n", "defaults2: 1\nimages:\n", {"base", "api", "tools"}),
        ("defaults: {", "defaults: {args: {A: b}, ", {"base", "api", "tools"}),
        ("{context: base}", "&base {context: base}", set()),
        ("{context: base}", "&base {context: base, args: {A: b}}", {"base", "api"}),
    ],
)
def test_the_spec_counts_by_what_it_says_and_not_by_how(
    old: str, new: str, changed: set[str]
) -> None:
    made = world(START, commit("b", "a", "change", "images.yaml"), **TAGGED)
    assert old in SPEC
    made.revisions[sha("b"), "images.yaml"] = SPEC.encode()
    made.revisions[sha("b") + "^", "images.yaml"] = SPEC.replace(old, new).encode()
    assert {name for name, version in versions(made).items() if version != "1.0.0"} == changed


def test_the_lock_counts_for_what_stands_on_what_moved() -> None:
    made = world(START, commit("b", "a", "lock", "images.lock"), **TAGGED)
    assert set(versions(made).values()) == {"1.0.0"}  # there was none, and there is none
    pinned = (
        "version: 1\nbases:\n  busybox:\n    digest: {}\n    platforms: []\n"
        '    date: "2026-01-31"\n'
    )
    made.revisions[sha("b"), "images.lock"] = pinned.format(BASE).encode()
    assert set(versions(made).values()) == {"1.0.1-dev.1.gbbbbbbb"}
    made.revisions[sha("b") + "^", "images.lock"] = b"!"
    assert set(versions(made).values()) == {"1.0.1-dev.1.gbbbbbbb"}


def test_the_distance_is_that_of_the_image() -> None:
    made = world(
        START,
        commit("b", "a", "x", "api/src/app.py"),
        commit("c", "b", "x", "tools/x"),
        commit("d", "c", "x", "base/f"),
        commit("e", "d", "x", "README.md"),
        **TAGGED,
    )
    assert versions(made) == {
        "base": "1.0.1-dev.1.gddddddd",
        "api": "1.0.1-dev.2.gddddddd",
        "tools": "1.0.1-dev.1.gccccccc",
    }


def merged(*paths: str, **tags: str) -> World:
    """A project of which HEAD is a merge that differs from both of its parents in ``paths``."""
    merge = Commit(sha("d"), (sha("b"), sha("c")), 1_700_000_000, "Merge branch 'hot'", paths)
    here, there = commit("b", "a", "x", "README.md"), commit("c", "a", "x", "tools/x")
    return world(START, here, there, merge, **TAGGED, **tags)


def test_a_merge_counts_for_what_it_changes_itself() -> None:
    assert versions(merged("base/f")) == {
        "base": "1.0.1-dev.1.gddddddd",
        "api": "1.0.1-dev.1.gddddddd",
        "tools": "1.0.1-dev.1.gccccccc",
    }


def test_a_merge_counts_for_what_its_spec_says_other_than_both_parents() -> None:
    made = merged("images.yaml")
    with_tools, with_api = (
        SPEC.replace(f"context: {name}", f"context: {name}, args: {{A: b}}").encode()
        for name in ("tools", "api")
    )
    made.revisions = {
        (sha("d"), "images.yaml"): with_api,
        **dict.fromkeys([(sha(one), "images.yaml") for one in "ab"], SPEC.encode()),
        (sha("c"), "images.yaml"): with_tools,
    }
    made.spec = with_api.decode()
    assert versions(made) == {
        "base": "1.0.0", "api": "1.0.1-dev.1.gddddddd", "tools": "1.0.1-dev.1.gccccccc",
    }  # fmt: skip


def test_an_image_is_not_kept_where_a_merge_threw_away_what_its_tag_has() -> None:
    made = merged(tools__1_0_2="c")
    assert versions(made)["tools"] == "1.0.2"
    made.apart[sha("c")] = ("tools/README.md", "README.md")
    assert versions(made)["tools"] == "1.0.2"
    made.apart[sha("c")] = ("tools/x", "README.md")
    assert versions(made) == {"base": "1.0.0", "api": "1.0.0", "tools": "1.0.3-dev.1.gddddddd"}


def test_an_image_is_not_kept_where_what_it_stands_on_is_not_that_of_its_tag() -> None:
    made = merged(api__1_0_2="c")
    made.apart[sha("c")] = ("base/f",)
    assert versions(made) == {
        "base": "1.0.0", "api": "1.0.3-dev.1.gddddddd", "tools": "1.0.1-dev.1.gccccccc",
    }  # fmt: skip
    made.apart[sha("c")] = ("images.yaml",)
    made.revisions[sha("c"), "images.yaml"] = SPEC.replace("base}", "base, args: {A: b}}").encode()
    made.revisions[sha("d"), "images.yaml"] = SPEC.encode()
    assert versions(made)["api"] == "1.0.3-dev.1.gddddddd"


def test_a_new_image_counts_all_commits() -> None:
    made = world(START, commit("b", "a", "x", "tools/x"), base__1_0_0="a", api__1_0_0="a")
    assert versions(made)["tools"] == "0.0.0-dev.2.gbbbbbbb"


def test_a_command_is_for_the_images_that_are_named() -> None:
    made = world(START, commit("b", "a", "x", "api/src/app.py"), **TAGGED)
    prepared = made.prepare("api", version="2.0.0")
    found = {image.name: image.version for image in prepared.plan.images}
    assert found == {"base": "1.0.0", "api": "2.0.0"}
    entries = {one["name"]: one for one in json.loads(prepared.plan.to_json())["images"]}
    assert entries["api"]["commanded"]
    assert "commanded" not in entries["base"]


def test_the_commit_of_an_image_is_the_last_one_that_changed_it() -> None:
    labelled = SPEC.replace("defaults: {", 'defaults: {labels: {rev: "{{commit}}"}, ')
    first = world(START, spec=labelled, **TAGGED)
    assert first.release().error is None
    later = world(START, commit("b", "a", "x", "README.md"), spec=labelled, **TAGGED)
    later.registry, later.engine = first.registry, first.engine
    assert later.plan().steps == ()


def test_an_image_that_keeps_its_version_is_released_where_it_is_missing() -> None:
    made = world(START, commit("b", "a", "x", "tools/x"), tools__1_1_0="b", **TAGGED)
    assert made.release().error is None
    public = made.public()
    assert "localhost:5000/shop/api:1.0.0" in public
    assert public["localhost:5000/shop/tools:latest"] == public["localhost:5000/shop/tools:1.1.0"]
    assert "localhost:5000/shop/tools:1.0.0" not in public


def test_a_kept_version_with_another_content_is_left_alone_and_not_refused() -> None:
    made = world(START, **TAGGED)
    assert made.release().error is None
    before = made.public()
    later = world(START, commit("b", "a", "x", "README.md"), **TAGGED)
    later.registry, later.engine = made.registry, made.engine
    later.files["/project/base/f"] = "2"  # as when a base image has moved: no commit says so
    prepared = later.prepare()
    refuse(prepared, Allowed(push=True))
    assert prepared.plan.steps == ()
    reasons = {image.name: image.reason.detail for image in prepared.plan.images}
    assert reasons["base"] == "1.0.0 is out, and nothing of the image has changed since"
    assert later.release().error is None
    assert later.public() == before


def test_what_stands_on_it_is_built_on_the_new_content() -> None:
    made = world(START, **TAGGED)
    assert made.release().error is None
    later = world(START, commit("b", "a", "x", "api/src/app.py"), api__1_0_1="b", **TAGGED)
    later.registry, later.engine, later.builder = made.registry, made.engine, made.builder
    later.files["/project/base/f"] = "2"
    later.files["/project/api/src/app.py"] = "2"
    later.builder.batches.clear()
    plan = later.plan()
    kept = {
        str(one.reference.tag): one
        for image in plan.images
        if image.name == "base"
        for one in image.references
    }
    assert {one.action for one in kept.values()} == {TagAction.KEEP}
    assert kept["latest"].reason == "1.0.0 stays as it was released"
    assert later.release().error is None
    assert sorted(step.image for batch in later.builder.batches for step in batch) == [
        "api",
        "base",
    ]
    assert "localhost:5000/shop/api:1.0.1" in later.public()


def test_a_tag_of_one_image_leaves_the_others_as_they_are() -> None:
    made = world(START, commit("b", "a", "x", "tools/x"), tools__1_1_0="b", **TAGGED)
    event = EventFacts("push", "refs/tags/tools/v1.1.0", default_branch="main")
    made.source = replace(made.source, branch=None, event=event)
    made.spec = SPEC.replace(
        '["{{version}}", "{{major}}", latest]', '"type=semver,pattern={{version}}"'
    )
    found = {
        image.name: [str(one.reference.tag) for one in image.references]
        for image in made.plan().images
    }
    assert found == {
        "base": ["1.0.0", "latest"], "api": ["1.0.0", "latest"], "tools": ["1.1.0", "latest"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        "type=match,pattern=v(.*),group=1",
        "type=ref,event=tag",
        "type=semver,pattern={{version}},match=v(.*)",
        "{{tag}}-x",
    ],
)
@pytest.mark.parametrize("in_ci", [True, False])
def test_a_tag_of_one_image_is_no_tag_of_another(rule: str, in_ci: bool) -> None:
    made = world(START, commit("b", "a", "x", "api/src/app.py"), tools__5_0_0="b", **TAGGED)
    event = EventFacts("push", "refs/tags/tools/v5.0.0") if in_ci else None
    made.source = replace(made.source, branch=None, event=event)
    made.spec = SPEC.replace('["{{version}}", "{{major}}", latest]', f'["{rule}"]')
    found = {
        image.name: [str(one.reference.tag) for one in image.references]
        for image in made.plan().images
    }
    assert found["api"] == []
    assert found["tools"]
    assert not [tag for tag in found["base"] if "5.0.0" in tag]


def test_a_shallow_clone_is_refused_where_history_counts() -> None:
    made = world(START, commit("b", "a", "x", "tools/x"), tools__1_1_0="b", **TAGGED)
    made.source = replace(made.source, shallow=True)
    with pytest.raises(SetupError, match="shallow"):
        refuse(made.prepare(), Allowed(push=True))
    refuse(made.prepare("tools"), Allowed(push=True))
    refuse(made.prepare("base", version="2.0.0"), Allowed(push=True))


# -- a version that a file declares

DECLARED = SPEC.replace('{tag: "{{image}}/v{{version}}"}', "{from: file, file: VERSION}")


def test_a_file_says_the_version_of_all() -> None:
    made = world(START, spec=DECLARED)
    made.files["/project/VERSION"] = "1.5.0\n"
    assert made.plan().version == "1.5.0"
    assert set(versions(made).values()) == {None}


def test_each_image_may_have_a_file_of_its_own() -> None:
    made = world(START, spec=DECLARED.replace("VERSION", '"{{context}}/package.json"'))
    for number, name in enumerate(("base", "api", "tools")):
        made.files[f"/project/{name}/package.json"] = f'{{"version": "1.{number}.0"}}'
    assert versions(made) == {"base": "1.0.0", "api": "1.1.0", "tools": "1.2.0"}


def test_a_file_that_is_missing_or_wrong() -> None:
    made = world(START, spec=DECLARED)
    made.files["/project/VERSION"] = "next\n"
    with pytest.raises(SpecError) as caught:
        made.plan()
    assert caught.value.at is not None
    assert caught.value.at.file == "VERSION"


# -- what git knows of other versions

SHARED = SPEC.replace('versioning: {tag: "{{image}}/v{{version}}"}\n', "")


def test_a_version_that_git_has_a_tag_of_holds_lines_back() -> None:
    made = world(START, spec=SHARED)
    made.source = replace(
        made.source,
        tags=("v1.9.1",),
        last_tag="v1.9.1",
        all_tags=("v1.9.1", "v2.0.0", "v3.0.0-rc.1"),
    )
    (image, *_) = made.plan("base").images
    found = {str(one.reference.tag): (one.action, one.reason) for one in image.references}
    assert found["latest"] == (TagAction.KEEP, "2.0.0 is newer (a git tag)")
    assert found["1"] == (TagAction.CREATE, "")


def test_tags_say_what_holds_them_back() -> None:
    made = world(START, spec=SHARED)
    made.source = replace(made.source, tags=("v1.9.1",), all_tags=("v1.9.1", "v2.0.0"))
    (image,) = tags_at(made.project, made.adapters, Request(("base",), offline=True)).images
    assert [str(one.tag) for one in image.tags] == ["1.9.1", "1"]
    assert {str(tag): str(found[""]) for tag, found in image.stays.items()} == {
        "latest": "2.0.0 is newer (a git tag)"
    }


# -- what comes next


def upcoming(made: World, *images: str, pre: str | None = None, **more: object) -> dict[str, str]:
    outlook = Outlook(made.project, made.adapters, Request(images, **more))  # type: ignore[arg-type]
    return {one.name: f"{one.version} {one.bump.name}" for one in outlook.upcoming(pre)}


CHANGED = (
    START,
    commit("b", "a", "fix: app", "api/src/app.py"),
    commit("c", "b", "feat!: base", "base/f"),
    commit("d", "c", "feat: x", "tools/x"),
    commit("e", "d", "chore: y", "tools/x"),
    commit("f", "e", "feat: docs", "README.md"),
)


def test_a_change_in_a_base_bumps_what_stands_on_it() -> None:
    made = world(*CHANGED, **TAGGED)
    assert upcoming(made) == {"base": "2.0.0 MAJOR", "api": "2.0.0 MAJOR", "tools": "1.1.0 MINOR"}
    assert upcoming(made, "tools") == {"tools": "1.1.0 MINOR"}
    assert upcoming(made, "tools", pre="rc") == {"tools": "1.1.0-rc.1 MINOR"}


def test_a_shared_version_counts_what_changed_any_image() -> None:
    made = world(*CHANGED[:1], *CHANGED[3:], spec=SHARED)
    tags = ("v1.0.0",)
    made.source = replace(made.source, past_tags=tags, all_tags=tags, last_tag="v1.0.0", distance=3)
    made.history = replace(made.history, tags={"v1.0.0": sha("a")})
    commits = [replace(one, parents=()) for one in made.history.commits]
    linked = [replace(one, parents=(older.sha,)) for one, older in pairwise(commits)]
    made.history = replace(made.history, commits=(*linked, commits[-1]))
    assert upcoming(made) == {"shop": "1.1.0 MINOR"}


def test_nothing_asks_for_a_version() -> None:
    made = world(START, commit("b", "a", "feat: docs", "README.md"), **TAGGED)
    assert set(upcoming(made).values()) == {"None NONE"}


def test_the_first_version() -> None:
    assert set(upcoming(world(START)).values()) == {"0.1.0 MINOR"}


def test_a_version_that_is_taken_elsewhere_is_not_given() -> None:
    made = world(*CHANGED[:2], **TAGGED)
    made.source = replace(
        made.source, all_tags=(*made.source.all_tags[:1], "api/v1.0.1", "base/v1.0.0")
    )
    made.source = replace(made.source, all_tags=tuple(sorted(made.source.all_tags)))
    assert upcoming(made, "api") == {"api": "1.0.2 PATCH"}


def test_a_file_or_a_person_decides_what_comes_next() -> None:
    made = world(*CHANGED, spec=DECLARED)
    made.files["/project/VERSION"] = "1.5.0\n"
    assert upcoming(made) == {"shop": "1.5.0 MAJOR"}
    made.source = replace(made.source, all_tags=("v1.5.0",))
    assert upcoming(made) == {"shop": "None MAJOR"}
    assert upcoming(made, version="7.0.0") == {"shop": "7.0.0 MAJOR"}


def test_tags_are_written_for_what_comes_next() -> None:
    made = world(*CHANGED, **TAGGED)
    source = FixedSource(made.source, made.history)
    adapters = replace(made.adapters, source=source)
    outlook = Outlook(made.project, adapters, Request())
    write_tags(outlook, outlook.upcoming(), push=True, dirty=False)
    assert source.written == {
        "base/v2.0.0": "base 2.0.0", "api/v2.0.0": "api 2.0.0", "tools/v1.1.0": "tools 1.1.0",
    }  # fmt: skip
    assert source.pushed == [*source.written]


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"changes": ("f",)}, PlanError, "not committed"),
        ({"shallow": True}, SetupError, "shallow"),
        ({"commit": None}, SetupError, "no commit"),
    ],
)
def test_tags_are_refused(change: dict[str, object], error: type[Exception], match: str) -> None:
    made = world(*CHANGED, **TAGGED)
    found = Outlook(made.project, made.adapters, Request()).upcoming()
    made.source = replace(made.source, **change)  # type: ignore[arg-type]
    with pytest.raises(error, match=match):
        write_tags(Outlook(made.project, made.adapters, Request()), found, push=False, dirty=False)


# -- changelogs


def told(
    made: World, *images: str, day: str | None = None
) -> dict[str, list[tuple[str, list[str]]]]:
    found = Changelogs(made.project, made.adapters, Request(images)).told(day=day)
    return {
        one.name: [
            (release.label, [change.description for change in release.changes])
            for release in one.releases
        ]
        for one in found
    }


def test_a_changelog_of_each_image() -> None:
    made = world(*CHANGED, **TAGGED)
    assert told(made) == {
        "base": [("Unreleased", ["base"]), ("1.0.0", ["start"])],
        "api": [("Unreleased", ["base", "app"]), ("1.0.0", ["start"])],
        "tools": [("Unreleased", ["y", "x"]), ("1.0.0", ["start"])],
    }
    assert told(made, "tools", day="2026-11-24")["tools"][0][0] == "1.1.0"


def test_a_changelog_of_all() -> None:
    made = world(*CHANGED, spec=SHARED)
    assert told(made) == {"shop": [("Unreleased", ["y", "x", "base", "app", "start"])]}
    assert told(made, "tools") == {"tools": [("Unreleased", ["y", "x", "start"])]}


# -- what is odd


def test_a_tag_that_is_elsewhere_is_not_released() -> None:
    made = world(START, spec=SHARED)
    made.source = replace(
        made.source, event=EventFacts("push", "refs/tags/v1.0.0"), all_tags=("v1.0.0",)
    )
    prepared = made.prepare()
    (concern,) = prepared.plan.concerns
    assert concern.message == 'the event is about tag "v1.0.0", which is at another commit here'
    with pytest.raises(PlanError, match="another commit"):
        refuse(prepared, Allowed(push=True))
    made.source = replace(made.source, all_tags=())
    with pytest.raises(PlanError, match="which this clone lacks"):
        refuse(made.prepare(), Allowed(push=True))
    made.source = replace(made.source, tags=("v1.0.0",), all_tags=("v1.0.0",))
    refuse(made.prepare(), Allowed(push=True))


def test_a_file_that_goes_back_is_said() -> None:
    made = world(START, spec=DECLARED)
    made.files["/project/VERSION"] = "0.9.0"
    made.source = replace(made.source, last_tag="v1.0.0", past_tags=("v1.0.0",))
    assert [one.message for one in made.plan().concerns] == [
        "VERSION says 0.9.0, but git has v1.0.0"
    ]


def test_a_plan_without_tags_says_so() -> None:
    made = world(START, spec=SHARED.replace('["{{version}}", "{{major}}", latest]', "type=edge"))
    assert [one.message for one in made.plan().concerns] == [
        "no image gets a tag: none of the rules gives one here"
    ]
