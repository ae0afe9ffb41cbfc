"""The tags that stand for a version of an image, by the rules of the spec and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.core.oci import Tag
from releaser.core.spec import Spec
from releaser.core.steps import TagKind
from releaser.core.tagging.evaluation import evaluate
from releaser.core.tagging.lines import released
from releaser.core.tagging.policy import Policy, Safety, default_tags
from releaser.core.tagging.situation import Situation
from releaser.core.tagging.tags import WantedTag, legal
from releaser.core.template import names
from releaser.core.version import Version

_ANY = Version(1, 0, 0)
_NUMBERS = frozenset({"major", "minor", "patch"})


def policy_for(spec: Spec, image: str, version: Version | None) -> Policy:
    """The rules for an image's tags: its own, else those that fit."""
    own, behind = spec.tag_policy(image), spec.images[image].tag_suffix
    if own is None:
        policy = Policy.of(default_tags(version))
    else:
        safety = Safety(own.tag_safety.immutable, own.tag_safety.forward)
        policy = Policy.of(own.rules, own.flavor, safety)
    return replace(policy, behind=behind, others=spec.tag_suffixes)


def tags_of(spec: Spec, image: str, version: Version) -> tuple[WantedTag, ...]:
    """The tags of a version, as its own git tag gives them: full ones first, then narrow to wide.

    What a branch, a commit or the time gives is left out: a version alone does not know them.

    Raises:
        SpecError: a rule gives what is not legal.
    """
    found = _given(spec, image, version)
    return tuple(sorted((one for one in found if one.names_version), key=lambda one: one.width))


def other_floating(spec: Spec, image: str, version: Version) -> tuple[WantedTag, ...]:
    """The floating tags that a version's git tag gives and that are no line of versions.

    Raises:
        SpecError: as :func:`tags_of`.
    """
    found = (one for one in _given(spec, image, version) if one.kind is TagKind.FLOATING)
    return tuple(one for one in found if not one.is_line and not _is_full(one))


def _given(spec: Spec, image: str, version: Version) -> tuple[WantedTag, ...]:
    tag = TagTemplate(spec.versioning.tag).spell(version, image)
    situation = Situation(
        version=version,
        source=SourceFacts(),
        event=EventFacts("push", f"refs/tags/{tag}"),
        image=image,
        project=spec.project,
        commanded=True,
        is_release=True,
    )
    return evaluate(policy_for(spec, image, version), situation).wanted


def full_tags(wanted: Iterable[WantedTag]) -> tuple[WantedTag, ...]:
    """Those of a version's tags that name it alone, and no line of versions."""
    return tuple(one for one in wanted if _is_full(one))


def versions_among(tags: Iterable[str], spec: Spec, image: str) -> tuple[Version, ...]:
    """The full versions of an image that the tags of its repository name, in their order."""
    full = full_tags(tags_of(spec, image, _ANY))
    return released(
        tags,
        image=image,
        project=spec.project,
        spellings=[one.template for one in full],
        python=any(one.is_python for one in full),
        behind=spec.images[image].tag_suffix,
    )


def _is_full(one: WantedTag) -> bool:
    parts = set(names(one.template))
    return one.kind is TagKind.IMMUTABLE or "version" in parts or parts >= _NUMBERS


def version_asked(text: str) -> Version | None:
    """The version that a person means by ``text``; ``None`` where it is a mere tag."""
    found = Version.find(text.removeprefix("v"))
    return None if found is None or found.build else found


def asked_tags(spec: Spec, image: str, text: str) -> tuple[Tag, ...]:
    """The tags under which an image may be that is asked for as ``text``, the likeliest first."""
    version = version_asked(text)
    found: Iterable[WantedTag] = full_tags(tags_of(spec, image, version)) if version else ()
    behind = spec.images[image].tag_suffix
    plain = legal(f"{text.removesuffix(behind)}{behind}", "the command line")
    return tuple(dict.fromkeys((*(one.tag for one in found), plain)))
