"""The forms of rules for tags in the spec: each is kept as the text that the rule prints.

A rule is a bare template, a line of metadata-action's, or a map of its attributes. Where ``tags``
is the name of a policy it becomes the one rule ``policy=NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from releaser.core.spec.fields import Flag, refused, refused_as, wanted
from releaser.core.spec.nearest import nearest
from releaser.core.tag_rules import Flavor, Rule, lines_of, parsed
from releaser.core.tag_rules.words import joined
from releaser.errors import SpecError

POLICY = "policy="


def _rules(value: object) -> object:
    if isinstance(value, str):
        return lines_of(value) if "\n" in value else (value,)
    if not isinstance(value, list | tuple):
        raise wanted("a list of rules, or the name of a policy")
    return tuple(value)


def _flavors(value: object) -> object:
    if isinstance(value, str):
        return lines_of(value)
    if isinstance(value, dict):
        return (value,)
    if not isinstance(value, list | tuple):
        raise wanted("a list of lines, or a map")
    return tuple(value)


def _rule(value: object) -> str:
    try:
        if isinstance(value, dict):
            return str(Rule.of(sorted(_texts(value).items())))
        if not isinstance(value, str):
            raise wanted("a rule: text or a map")
        return value if value.startswith(POLICY) else _printed(value)
    except SpecError as error:
        raise refused_as(error) from None


@lru_cache(maxsize=1024)  # a thousand images share a few rules
def _printed(rule: str) -> str:
    return str(parsed(rule))


def _flavor(value: object) -> str:
    if isinstance(value, dict):
        value = _flavor_line(_texts(value))
    if not isinstance(value, str):
        raise wanted("text or a map")
    try:
        Flavor.parse([value])
    except SpecError as error:
        raise refused_as(error) from None
    return value


def _flavor_line(fields: dict[str, str]) -> str:
    """The line of a map, in which the order of keys means nothing."""
    if {"prefix", "suffix", "onlatest"} <= fields.keys():
        raise refused('"onlatest" could be of prefix or suffix', "write two maps, one for each")
    return joined(sorted(fields.items(), key=lambda field: field[0] == "onlatest"))


def _texts(value: Mapping[Any, Any]) -> dict[str, str]:
    for key, text in value.items():
        if not isinstance(text, str):
            raise refused(f'"{key}" must be text')
    return dict(value)


Rules = Annotated[
    tuple[Annotated[str, BeforeValidator(_rule)], ...],
    BeforeValidator(_rules),
]
Flavors = Annotated[
    tuple[Annotated[str, BeforeValidator(_flavor)], ...],
    BeforeValidator(_flavors),
]


class TagSafetySpec(BaseModel):
    """How safe tags are: whether full versions stay, and whether lines move only forward."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    immutable: Flag = True
    forward: Flag = True


SAFE = TagSafetySpec()


def _safety(value: object) -> object:
    if isinstance(value, str | bool):
        return {"immutable": value, "forward": value}
    if not isinstance(value, dict | TagSafetySpec):
        raise wanted("true, false, or a map")
    return value


class TagPolicySpec(BaseModel):
    """Rules for tags under a name, what is common to them, and how safe their tags are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: Rules
    flavor: Flavors = ()
    tag_safety: Annotated[TagSafetySpec, BeforeValidator(_safety)] = SAFE

    @model_validator(mode="before")
    @classmethod
    def _a_mere_list(cls, value: object) -> object:
        if isinstance(value, list | tuple | str):
            return {"rules": value}
        if not isinstance(value, dict | TagPolicySpec):
            raise wanted("a list of rules, or a map with one")
        return value

    @model_validator(mode="after")
    def _not_another(self) -> Self:
        if policy_of(self.rules) is not None:
            error = SpecError("a policy cannot name another one", hint="list its rules")
            raise refused_as(error)
        return self


def policy_of(rules: Sequence[str] | None) -> str | None:
    """The name of the policy that rules are, or ``None`` where they are rules."""
    named = next((rule for rule in rules or () if rule.startswith(POLICY)), None)
    return named.removeprefix(POLICY) if named else None


def with_policies(data: dict[str, object]) -> dict[str, object]:
    """The spec with the names of policies in ``tags`` told apart from mere tags."""
    policies = data.get("tag_policies")
    if not isinstance(policies, dict) or not policies:
        return data
    images = data.get("images")
    found = dict(data)
    if isinstance(images, dict):
        found["images"] = {name: _named(image, policies) for name, image in images.items()}
    if "defaults" in data:
        found["defaults"] = _named(data["defaults"], policies)
    return found


def _named(image: object, policies: dict[str, object]) -> object:
    if not isinstance(image, dict) or not isinstance(image.get("tags"), str):
        return image
    text = image["tags"]
    meant = text in policies or (text != "latest" and nearest(text, tuple(map(str, policies))))
    return {**image, "tags": POLICY + text} if meant else image
