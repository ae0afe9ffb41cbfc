"""Whatever reads what comes from outside, given anything: an answer or a complaint."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from releaser.core.dockerfile import parse as parse_dockerfile
from releaser.core.git_tags import TagTemplate
from releaser.core.ignore import IgnoreFile, glob
from releaser.core.lock import Lock
from releaser.core.oci import Digest, Platform, Reference, Repository, Tag
from releaser.core.past_run import PastRun
from releaser.core.saved_plan import SavedPlan
from releaser.core.spec.build_values import (
    check_cache,
    check_context_name,
    check_host,
    check_network,
    check_ssh,
)
from releaser.core.spec.paths import check_inside, check_remote
from releaser.core.tag_rules import Flavor, Rule
from releaser.core.template import check, names, render
from releaser.core.version import Version
from releaser.errors import SpecError
from releaser.loader import load, load_lock, lock_text
from releaser.sources import ci
from releaser.sources.git_urls import public_url

_PIECES = [
    "version: 1\n", "images:\n", "  api:\n", "    context: .\n", "defaults: ", "registries: ",
    "vars: ", "tags: [", "secrets: ", "&a ", "*a", "<<: ", "{", "}", "[", "]", "- ", "? ", ": ",
    "'", '"', "|\n", ">-\n", "!!str ", "!x ", "%YAML 1.1\n", "---\n", "...\n", "#", "\t", "\r\n",
    "{{version}}", "{{", "}}", "~", "\\", "\ufeff", "\x85", "ü", "\U0001f600", "\n", "  ", "=",
]  # fmt: skip
YAML = st.lists(st.sampled_from(_PIECES) | st.text(max_size=4), max_size=30).map("".join)
TEXT = st.text(max_size=60) | st.lists(
    st.sampled_from([*"-:/@.+=,*?[]!\\\"'${}()|&;<> \n\0\x1b", "..", "{{", "}}", "a", "1", "ü",
                     "sha256:", "type=", "raw", "latest", "v1", "%", "\ud800", "٣", "x" * 70]),
    max_size=12,
).map("".join)  # fmt: skip
_INSTRUCTIONS = [
    "FROM ", "COPY ", "ADD ", "ARG ", "ENV ", "RUN ", "--from=", "--mount=type=bind,from=",
    "--platform=$", "scratch", " AS ", "a", "${X:-", "}", "$", "\\\n", "<<EOF\n", "EOF\n", "# ",
    "# escape=`\n", "# syntax=x\n", '["', '"]', '"', "'", "\n", "\t", " ", "=", "*", "[", "..", "/",
]  # fmt: skip
DOCKERFILE = st.lists(
    st.sampled_from(_INSTRUCTIONS) | st.text(max_size=4), max_size=30
).map("".join)  # fmt: skip

Reader = Callable[[str], object]


def _render(text: str) -> str:
    return render(text, {"version": text, "a": ""})


READERS: dict[str, Reader] = {
    "a-digest": Digest,
    "a-flavor": lambda text: Flavor.parse(text.split(",")),
    "a-git-tag-template": lambda text: list(TagTemplate(text).versions([text, "v1.0.0"])),
    "a-glob": glob,
    "a-host": lambda text: check_host(text, text),
    "a-path": check_inside,
    "a-platform": Platform.parse,
    "a-reference": Reference.parse,
    "a-repository": Repository.parse,
    "a-rule": Rule.parse,
    "a-tag": Tag,
    "a-template": _render,
    "a-template-s-names": names,
    "a-url": check_remote,
    "a-url-of-git": public_url,
    "a-version": Version.parse,
    "an-ignore-file": lambda text: IgnoreFile.parse(text, "f").matches("a/b"),
    "a-cache": check_cache,
    "a-context-name": check_context_name,
    "a-network": check_network,
    "an-ssh-key": check_ssh,
    "what-is-defined": lambda text: check(text, ()),
}


@pytest.mark.parametrize("reader", [pytest.param(one, id=name) for name, one in READERS.items()])
@settings(max_examples=60)
@given(TEXT)
def test_any_text_is_read_or_refused(reader: Reader, text: str) -> None:
    try:
        reader(text)
    except SpecError as error:
        assert error.message  # noqa: PT017 - either ending is right


@settings(max_examples=150)
@given(YAML)
@example("a: !!float\n")
@example("? *a\n: &a b")
def test_any_yaml_is_loaded_or_refused(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    for read in (
        lambda: load(content, "f", project="p", environment={"RELEASER_VAR_A": text}),
        lambda: load_lock(content, "f"),
    ):
        try:
            read()
        except SpecError as error:
            assert all(one.message for one in error.problems)  # noqa: PT017


@settings(max_examples=150)
@given(DOCKERFILE)
def test_any_dockerfile_is_read_or_refused(text: str) -> None:
    try:
        parse_dockerfile(text, "Dockerfile")
    except SpecError as error:
        assert error.message  # noqa: PT017


_KEYS = st.sampled_from(
    ["schema", "images", "name", "references", "reference", "version", "commanded", "project",
     "command", "outcome", "tags", "digest", "from", "registry", "offline", "x"]
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=12,
)
_READ: list[Callable[[bytes, str], object]] = [SavedPlan.parse, PastRun.parse]


@pytest.mark.parametrize("parse", _READ, ids=["a-plan", "a-report"])
@settings(max_examples=80)
@given(_JSON, st.binary(max_size=10))
def test_any_json_is_read_or_refused(
    parse: Callable[[bytes, str], object], value: object, more: bytes
) -> None:
    whole = {"schema": 1, "images": value, "command": "release", "version": value}
    for content in (json.dumps(value), json.dumps(whole)):
        for text in (content.encode(), content.encode() + more, content.encode()[:-1]):
            try:
                found = parse(text, "f")
            except SpecError as error:
                assert error.message  # noqa: PT017
            else:
                _ask(found)


def _ask(found: object) -> None:
    if isinstance(found, SavedPlan):
        assert isinstance(found.images, tuple)
        assert len(found.commanded) == 2


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(
    ["GITHUB_REF", "GITHUB_SHA", "GITHUB_EVENT_NAME", "GITHUB_HEAD_REF", "GITHUB_BASE_REF",
     "GITHUB_REPOSITORY", "GITLAB_CI", "CI_COMMIT_TAG", "CI_COMMIT_BRANCH", "CI_COMMIT_SHA",
     "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_PIPELINE_SOURCE"]),
    TEXT, max_size=6))  # fmt: skip
def test_any_variables_of_a_ci_system(environment: dict[str, str]) -> None:
    found = ci.event(environment)
    assert found is None or found.is_sound
    assert isinstance(ci.request_event(environment), str)


def test_locks_are_read() -> None:
    """The reader that is given anything above reads a right one too."""
    lock = Lock()
    assert load_lock(lock_text(lock).encode(), "f") == lock
