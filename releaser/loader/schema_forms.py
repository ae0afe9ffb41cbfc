"""The forms that a value may be written in, as JSON Schema sees them.

Scalars keep their text, so a number or a flag of YAML is as good as text; and a placeholder can
stand in any of them that is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from releaser.core.spec.descriptions import FLAVOR, RULE, Keys
from releaser.core.spec.fields import Flag, HostPairs, Names, Needs, Pairs, Platforms
from releaser.core.spec.problems import KEY, SYSTEMS
from releaser.core.spec.tag_fields import Flavors, Rules
from releaser.core.tag_rules import flavor, rules

Json = dict[str, Any]

PLACEHOLDER = r"\{\{"
NULL: Json = {"type": "null"}
_PLATFORMS = (
    *("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"),
    *("linux/riscv64", "windows/amd64"),
)


def scalar() -> Json:
    """Any text, number or flag."""
    return {"type": ["string", "number", "boolean"]}


def shaped(pattern: str) -> Json:
    """A scalar whose text has this shape, unless a placeholder is in it."""
    return {**text(pattern), **scalar()}


def text(pattern: str) -> Json:
    """A text of this shape that YAML takes for no number, unless a placeholder is in it."""
    return {"type": "string", "pattern": f"^(?:{pattern})$|{PLACEHOLDER}"}


def plain() -> Json:
    """A scalar in which no placeholder can stand."""
    return {**scalar(), "not": {"type": "string", "pattern": PLACEHOLDER}}


def word(*choices: object) -> Json:
    """One of some words, or a placeholder."""
    return {"anyOf": [{"enum": list(choices)}, {"type": "string", "pattern": PLACEHOLDER}]}


def flag() -> Json:
    """True or false in YAML's spellings."""
    return word(*(True, False), *("true", "false", "yes", "no", "on", "off"))


def whole(low: int, high: int) -> Json:
    """A whole number in these bounds, or its digits."""
    digits = text("0|[1-9][0-9]*")
    return {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, digits]}


def many(one: Json) -> Json:
    """A list of something, or one of it."""
    return {"anyOf": [one, {"type": "array", "items": one}]}


def nullable(form: Json) -> Json:
    """The same, or null."""
    return {"anyOf": [*form["anyOf"], NULL]} if set(form) == {"anyOf"} else {"anyOf": [form, NULL]}


def ref(name: str) -> Json:
    """A definition by its name."""
    return {"$ref": f"#/$defs/{name}"}


def named(values: Json, pattern: re.Pattern[str] | None = None) -> Json:
    """A map from names to values; ``pattern`` is the shape of a name."""
    names = {"propertyNames": {"pattern": f"^(?:{pattern.pattern})$"}} if pattern else {}
    return {"type": "object", **names, "additionalProperties": values}


def record(
    forms: Mapping[str, Json], keys: Keys, required: Iterable[str] = (), **more: object
) -> Json:
    """A map with just these keys, each with what is said of it."""
    properties = {name: {**form, **_said(keys, name)} for name, form in forms.items()}
    needed = list(required)
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
        **more,
    }


def _said(keys: Keys, name: str) -> Json:
    key = keys[name]
    return {"description": key.text, **({"examples": list(key.examples)} if key.examples else {})}


def _lines(divided: str, values: Json) -> Json:
    line = {"type": "string", "pattern": divided}
    return {"anyOf": [named(values, KEY), {"type": "array", "items": line}]}


def _rule() -> Json:
    own = {name for names in rules.OWN.values() for name in names}
    types = [one.value for one in rules.RuleType]
    forms = {name: scalar() for name in _in_order(own | set(rules.COMMON))}
    forms |= {name: word(*words) for name, words in rules.WORDS.items()}
    forms |= {name: shaped("[0-9]{1,9}") for name in ("priority", "group")}
    forms["enable"] = flag()
    return record({"type": word(*types), **forms}, RULE, allOf=list(_rule_cases()))


def _in_order(names: set[str]) -> list[str]:
    return [name for name in RULE if name in names] + sorted(names - RULE.keys())


def _rule_cases() -> Iterable[Json]:
    """For each type of rule: its attributes, and the one that it cannot do without."""
    for kind, names in rules.OWN.items():
        needed = rules.NEEDED.get(kind)
        then: Json = {"propertyNames": {"enum": ["type", *names, *rules.COMMON]}}
        condition: Json = {"properties": {"type": {"const": kind.value}}}
        if kind is not rules.RuleType.RAW:  # what a rule is whose type is left out
            condition["required"] = ["type"]
        yield {"if": condition, "then": {**then, **({"required": [needed]} if needed else {})}}


def _flavor() -> Json:
    forms = {name: scalar() for name in flavor.KEYS}
    forms |= {"latest": word(*("auto", True, False, "true", "false")), "onlatest": flag()}
    return record(forms, FLAVOR)


def _in_any_case(word: str) -> str:
    """A pattern for a word: those of JSON Schema have no flag for it (ECMA-262)."""
    return "".join(f"[{one.upper()}{one}]" if one.isalpha() else one for one in word)


def _definitions() -> dict[str, Json]:
    system = f"(?:{'|'.join(_in_any_case(one) for one in SYSTEMS)})"
    platform = shaped(rf"{system}/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?")
    texts = nullable(many(scalar()))
    return {
        "flag": flag(),
        "lines": _lines("=", nullable(scalar())),
        "hosts": _lines("[=:]", texts),
        "names": many(scalar()),
        "needs": {"anyOf": [*many(scalar())["anyOf"], named(nullable(scalar()))]},
        "platforms": many({"anyOf": [{"enum": list(_PLATFORMS)}, platform]}),
        "rule": {"anyOf": [scalar(), _rule()]},
        "rules": {"anyOf": [scalar(), {"type": "array", "items": ref("rule")}]},
        "flavor": _flavor(),
        "flavors": many({"anyOf": [{"type": "string"}, ref("flavor")]}),
    }


DEFINITIONS = _definitions()
"""The forms that several keys share, by their names in ``$defs``."""
FORMS: Mapping[object, str] = {
    Flag: "flag",
    Pairs: "lines",
    HostPairs: "hosts",
    Names: "names",
    Needs: "needs",
    Platforms: "platforms",
    Rules: "rules",
    Flavors: "flavors",
}
"""What a field of a model is declared as, and the form that this is."""
