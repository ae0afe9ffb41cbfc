"""Where the builds of a workflow go: metadata-action's images, rules and flavor, or references.

Rules are kept word by word: ``images.yaml`` knows metadata-action's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from releaser.core.tag_rules import Flavor, parsed
from releaser.errors import SpecError
from releaser.importing.attributes import Say, fields_of, pairs_of
from releaser.importing.draft import ImageDraft, Value
from releaser.importing.places import Place, divided, place_of
from releaser.importing.workflow_jobs import Build

_META_TAGS = re.compile(r"\$\{\{\s*steps\.([\w-]+)\.outputs\.(?:tags|json|labels)\s*\}\}")
_MATRIX = re.compile(r"\{\{matrix\.[^{}]*\}\}")
_ITEM = re.compile(r"(?:\$\{\{.*?\}\}|[^,])+")
_ACCOUNT = re.compile(r"^\$\{\{[^{}]*\}\}/")
_ENABLE = re.compile(r",\s*enable=\$\{\{(.*?)\}\}")
_ON_DEFAULT = re.compile(
    r"github\.ref\s*==\s*(?:'refs/heads/(?:main|master)'"
    r"|format\('refs/heads/\{0\}',\s*github\.event\.repository\.default_branch\))"
)
_PARTS = re.compile(r"\{\{[^{}]*\}\}|[^{]+|\{")
_REFS = {"{{branch}}": ("type=ref,event=branch", "type=ref,event=tag")}
"""A ref's name is a branch's or a tag's: GitHub has one word for both, and tags have two rules."""
NO_ANNOTATIONS = "releaser writes no annotations of manifests"


@dataclass(slots=True)
class Read:
    """What has been read so far, image by image."""

    images: list[ImageDraft] = field(default_factory=list)
    places: dict[str, list[Place]] = field(default_factory=dict)
    policies: dict[str, Value] = field(default_factory=dict)


def tags_of(
    build: Build,
    fields: dict[str, Value],
    read: Read,
    inputs: dict[str, Any],
    say: Say,
) -> list[Place]:
    """Where a build goes: the images of its metadata-action, or its own full references."""
    tags, labels = str(inputs.pop("tags", "")), str(inputs.pop("labels", ""))
    meta = _META_TAGS.search(tags)
    inputs_of = build.metas.get(meta[1]) if meta else None
    if _META_TAGS.search(labels):
        fields["oci_labels"] = True
    own = [one for one in labels.splitlines() if one.strip() and not _META_TAGS.search(one)]
    known = (build.expander.text(one.strip(), "labels") for one in own)
    if inputs_of is not None:
        given = inputs_of.get("labels")
        own_labels = [*known, *build.expander.lines(given, "labels")]
    else:
        own_labels = [*known]
    texts: list[Value] = [one for one in own_labels if one]
    if texts:
        fields["labels"] = pairs_of(texts, say, "label")
    items = [one.strip() for line in tags.splitlines() for one in _ITEM.findall(line)]
    if inputs_of is not None:
        for one in items:
            if not _META_TAGS.search(one):
                say(f"tag {one}", "the image has the tags of metadata-action alone")
        return _of_meta(build, fields, read, str(meta and meta[1]), inputs_of, say)
    named = [one for one in (_reference(item, build) for item in items) if one]
    references = [place_of(_lowered(one, say), {}) for one in named]
    found = list(dict.fromkeys(one.tag for one in references if one.tag))
    if found:
        fields["tags"] = [rule for tag in found for rule in _REFS.get(tag, (tag,))]
    return references


def _reference(item: str, build: Build) -> str | None:
    """A reference as far as it is known: without its tag or its account, if a run alone has it."""
    known = build.expander.lines(item, "tags")
    if known:
        return known[0]
    for part in (item.rpartition(":$")[0], _ACCOUNT.sub("", item)):
        found = build.expander.text(part, "tags", quiet=True) if part not in {"", item} else None
        if found:
            return found
    return None


def _conditioned(text: object, build: Build, say: Say) -> str:
    """The lines of an input, their ``enable`` only where it is known before a run.

    A tag of its own (``type=raw``) with another condition is left to be lost: it would always be
    given. What is of a version, or of a branch, has a condition in itself.
    """
    found = []
    for line in str(text or "").splitlines():
        match = _ENABLE.search(line)
        if match and _ON_DEFAULT.fullmatch(match[1].strip()):
            line = line.replace(match[0], ",enable={{is_default_branch}}")  # noqa: PLW2901
        elif match and build.expander.text(match[0], "enable", quiet=True) is None:
            kept = line.replace(match[0], "")
            if "type=raw" not in line:
                say(kept.strip(), f"its condition {match[1].strip()[:60]} is left out")
                line = kept  # noqa: PLW2901
        found.append(line)
    return "\n".join(found)


def _lowered(reference: str, say: Say) -> str:
    """A reference with its repository in small letters, as registries want it."""
    path, tag = divided(reference)
    small = "".join(one if one.startswith("{{") else one.lower() for one in _PARTS.findall(path))
    if small != path:
        say(f"tag {reference}", f"its repository is written {small}")
    return small + (f":{tag}" if tag else "")


def _of_meta(
    build: Build,
    fields: dict[str, Value],
    read: Read,
    step: str,
    inputs: dict[str, Any],
    say: Say,
) -> list[Place]:
    known = build.expander.lines
    conditioned = _conditioned(inputs.get("tags"), build, say)
    rules = [one for one in known(conditioned, "tags") if _legal(one, say)]
    flavor = [one for one in known(inputs.get("flavor"), "flavor") if _is_flavor(one, say)]
    if inputs.get("annotations"):
        say("annotations", NO_ANNOTATIONS)
    differ = "{{matrix." in repr([rules, flavor])
    if flavor and (differ or not rules) and flavor != ["latest=auto"]:
        say("flavor", "it needs rules, the same ones for all variants")
    if rules and not differ and (flavor or len(rules) > 3):
        policy: dict[str, Value] = {"rules": list(rules)}
        if flavor:
            policy["flavor"] = list(flavor)
        fields["tags"] = _policy(read, step, policy)
    elif rules:
        fields["tags"] = list(rules)
    images = _conditioned(inputs.get("images"), build, say)
    return list(_images_of(known(images, "images"), say))


def _policy(read: Read, step: str, policy: dict[str, Value]) -> str:
    """The name of a policy; the same rules are kept once."""
    name = next((key for key, one in read.policies.items() if one == policy), None)
    if name is None:
        name = free(step or "release", set(read.policies))
        read.policies[name] = policy
    return name


def _images_of(lines: list[str], say: Say) -> Iterator[Place]:
    """The repositories in metadata-action's ``images``."""
    for line in lines:
        for image in line.split(",") if "=" not in line else [line]:
            named = fields_of(image) if "=" in image else {"name": image}
            name = named.get("name", "").strip().lower()
            if name and str(named.get("enable", "true")).lower() == "true":
                yield place_of(name, {})
            elif name:
                say(f"image {name}", "it is not enabled")


def _legal(rule: str, say: Say) -> bool:
    try:
        parsed(_MATRIX.sub("x", rule)).check_legal()
    except SpecError as error:
        say(f"rule {rule}", error.message)
        return False
    return True


def _is_flavor(line: str, say: Say) -> bool:
    try:
        Flavor.parse([_MATRIX.sub("x", line)])
    except SpecError as error:
        say(f"flavor {line}", error.message)
        return False
    return True


def free(name: str, taken: set[str]) -> str:
    """A name that is not taken: with a number where it is."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
