"""Two images that meet under one name: a tag in a registry, or a tag in git."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from releaser.core.git_tags import TagTemplate, is_legal
from releaser.core.spec.models import Spec
from releaser.core.spec.problem import Problem
from releaser.core.spec.tag_fields import policy_of
from releaser.core.tag_rules import Flavor, RuleType, parsed
from releaser.core.version import Version
from releaser.errors import SpecError

_ONE = Version(1, 0, 0)


def git_tag_problems(spec: Spec) -> Iterator[Problem]:
    """Images whose versions could not be told apart by their git tags."""
    template = TagTemplate(spec.versioning.tag)
    if not template.is_per_image:
        return
    for name in spec.images:
        if not is_legal(template.spell(_ONE, name)):
            message = f'"{template.spell(_ONE, name)}" is no legal git tag'
            yield Problem(("images", name), message, "git refuses names that end in .lock")
    for name, other in template.confused(spec.images):
        tag = template.spell(_ONE, name)
        yield Problem(
            ("versioning", "tag"),
            f'the git tag "{tag}" of image "{name}" names a version of "{other}" too',
            'put a / between them: "{{image}}/v{{version}}"',
        )


def meetings(spec: Spec) -> Iterator[Problem]:
    """Two images that get the same tag in the same repository."""
    places = {name: _places(spec, name) for name, one in spec.images.items() if one.enabled}
    counted = Counter(place for found in places.values() for place in found)
    owners: dict[tuple[str, str | None], str] = {}
    for name, found in places.items():
        for repository in found:
            for tag, key in _tags_of(spec, name) if counted[repository] > 1 else ():
                other = owners.setdefault((repository, key), name)
                if other != name:
                    yield _meeting(spec, name, other, repository, tag)


def _meeting(spec: Spec, name: str, other: str, repository: str, tag: str | None) -> Problem:
    what = f'the tag "{tag}"' if tag is not None else "the same tags"
    field = () if spec.images[name].repository is None else ("repository",)
    return Problem(
        ("images", name, *field),
        f'images "{other}" and "{name}" both get {what} in {repository}',
        'give one of them a "tag_suffix", another "repository" or other "tags"',
    )


def _tags_of(spec: Spec, image: str) -> Iterator[tuple[str | None, str | None]]:
    """The rules of an image, and each with what is around its tag."""
    named = policy_of(spec.images[image].tags)
    policy = spec.tag_policy(image) if named is None or named in spec.tag_policies else None
    behind = spec.images[image].tag_suffix
    if policy is None:
        yield None, behind or None
        return
    flavor = Flavor.parse(policy.flavor)
    for rule in policy.rules:
        yield f"{rule}{behind}", f"{flavor.prefix}{rule}{flavor.suffix}{behind}"
    if flavor.latest == "true" or (
        flavor.latest == "auto" and any(map(_may_be_latest, policy.rules))
    ):
        prefix = flavor.prefix if flavor.prefix_latest else ""
        suffix = flavor.suffix if flavor.suffix_latest else ""
        yield f"latest{behind}", f"{prefix}latest{suffix}{behind}"


def _may_be_latest(text: str) -> bool:
    """Whether ``latest`` follows from a rule at some event."""
    rule = parsed(text)
    if rule.type is RuleType.REF:
        return rule.get("event") == "tag"
    return rule.type in {RuleType.SEMVER, RuleType.PEP440, RuleType.MATCH}


def _places(spec: Spec, image: str) -> tuple[str, ...]:
    """The repositories that an image goes to; its own path where there is no registry."""
    try:
        known = (name for name in spec.push_to(image) if name in spec.registries)
        found = tuple(str(spec.repository(image, name)) for name in known)
    except SpecError:
        return ()  # said of the image itself
    return found or (spec.images[image].repository or image.lower(),)
