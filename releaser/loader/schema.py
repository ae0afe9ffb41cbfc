"""``images.yaml`` as JSON Schema, for editors: the file as it is written, not as it is resolved.

It is made from the models and from the keys that the loader knows, so that a key which is added
there is here at once; what each says is in :mod:`releaser.core.spec.descriptions`. Draft 2020-12
(https://json-schema.org/draft/2020-12), with no keyword that editors commonly lack. What stands
between two places of a file (a name that is declared nowhere, a circle) no schema can see.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from releaser.core.spec import (
    SCHEMA_VERSION,
    ImageSpec,
    Keeping,
    PruneSpec,
    RegistrySpec,
    SecretSpec,
    Spec,
    TagPolicySpec,
    TagSafetySpec,
    VersioningSpec,
)
from releaser.core.spec import descriptions as said
from releaser.core.spec.models import ENVIRONMENT_NAME, ID, PROVENANCE
from releaser.core.spec.problems import NAME, VARIABLE
from releaser.core.spec.prune_fields import AGE, MOST_KEPT
from releaser.core.spec.size_fields import MOST, SIZE
from releaser.core.spec.version_fields import SOURCES
from releaser.loader import schema_forms as forms
from releaser.loader.including import SECTIONS
from releaser.loader.layering import NO_DEFAULTS
from releaser.loader.profiles import PROFILE
from releaser.loader.schema_forms import Json, many, named, nullable, plain, record, ref, scalar
from releaser.loader.variables import FIELDS, TYPES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PREFIX = r"(?!.*(?:://|@|//))[^/\s].*[^/\s]|[^/\s:@]"
_INCLUDED = r"(?![/~]|\.\.(?:/|$))[^\\]+"
_BELOW = r"(?![/~-]|\.\.(?:/|$)|[A-Za-z]:[\\/]|[A-Za-z][A-Za-z0-9+.-]*://|git@)[^\\]+"


def schema(*, included: bool = False) -> Json:
    """The schema of ``images.yaml``; ``included``: of a file that another one includes."""
    keys = _sections()
    if included:
        keys = {key: keys[key] for key in keys if key in SECTIONS}
    more: Json = {} if included else {"required": ["version"], "anyOf": _IMAGES}
    return {
        "$schema": DRAFT,
        "$id": f"urn:releaser:images.yaml:{SCHEMA_VERSION}{':included' if included else ''}",
        "title": "images.yaml of releaser",
        "description": "What a repository releases as container images.",
        **record(keys, said.FILE, patternProperties=_YOURS, **more),
        "$defs": forms.DEFINITIONS | _definitions(),
    }


_YOURS: Json = {"^x-": {"description": said.YOURS}}
_IMAGES = [{"required": ["images"]}, {"required": ["include"]}]


def _sections() -> dict[str, Json]:
    """Every key of the file; those that are null count as left out."""
    found = {
        name: nullable(form) if name not in {"version", "images"} else form
        for name, form in fields(Spec, _SPEC).items()
    }
    path = {**forms.shaped(_INCLUDED), "not": plain()["not"]}
    profiles = named(nullable(ref("profile")))
    return {**found, "include": many(path), "profiles": nullable(profiles)}


def fields(model: type[BaseModel], own: Mapping[str, Json]) -> dict[str, Json]:
    """The form of every field of a model: ``own``, else by what the field is declared as.

    Raises:
        KeyError: nothing says which form a field has.
    """
    hints = get_type_hints(model, include_extras=True)
    found = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        form = own[key] if key in own else _form(hints[name])
        found[key] = {**form, **_default(field.default)}
    return found


def _form(hint: Any) -> Json:  # noqa: ANN401 - what an annotation is has no type
    parts = get_args(hint)
    if NoneType in parts:
        return nullable(_form(next(part for part in parts if part is not NoneType)))
    return scalar() if hint is str else ref(forms.FORMS[hint])


def _default(value: object) -> Json:
    return {"default": value} if isinstance(value, bool | int | str) and value != "" else {}


def _image() -> dict[str, Json]:
    """The fields of an image; null takes out what it would have from others."""
    known = fields(ImageSpec, _IMAGE)
    written = {"extends": ref("names"), "matrix": ref("matrix"), "name": scalar()}
    return {name: _or_null(form) for name, form in (known | written).items()}


def _or_null(form: Json) -> Json:
    more = {key: form[key] for key in ("default",) if key in form}
    return {**nullable({key: one for key, one in form.items() if key not in more}), **more}


def _definitions() -> dict[str, Json]:
    image, sections = _image(), _sections()
    defaults = {name: form for name, form in image.items() if name not in NO_DEFAULTS}
    profile = {name: sections[name] for name in sections if name in PROFILE}
    return {
        "image": record(image, said.IMAGE),
        "defaults": record(defaults, said.IMAGE),
        "profile": record({**profile, "images": _images()}, said.FILE),
        "matrix": _matrix(),
        "variable": _variable(),
        "registry": record(fields(RegistrySpec, _REGISTRY), said.REGISTRY, ["prefix"]),
        "secret": _secret("id"),
        "secret_by_id": _secret(),
        "fingerprints": record(fields(Keeping, {}), said.FINGERPRINTS),
        "versioning": record(fields(VersioningSpec, _VERSIONING), said.VERSIONING, allOf=_FILES),
        "prune": record(fields(PruneSpec, _PRUNE), said.PRUNE),
        "policy": record(fields(TagPolicySpec, _POLICY), said.POLICY, ["rules"]),
        "tag_safety": record(fields(TagSafetySpec, {}), said.TAG_SAFETY),
    }


def _images() -> Json:
    return named(nullable(ref("image")), NAME)


def _matrix() -> Json:
    value = {"anyOf": [plain(), named(plain())]}
    rules = {"type": "array", "items": {**named(value), "minProperties": 1}}
    axis = {"type": "array", "items": value, "minItems": 1, "description": _AXIS}
    found = record({"include": rules, "exclude": rules}, said.MATRIX, minProperties=1)
    return {**found, "additionalProperties": axis}


_AXIS = "An axis: the values that {{matrix.NAME}} stands for, each text or a map of texts."


def _variable() -> Json:
    flag = {"enum": [*forms.flag()["anyOf"][0]["enum"], 0, 1, "0", "1"]}
    own = {"default": plain(), "type": {"enum": list(TYPES)}, "required": flag}
    known = {name: nullable(own.get(name, scalar())) for name in FIELDS}
    either: list[Json] = [{"required": ["default"]}, {"required": ["required"]}]
    return {"anyOf": [plain(), record(known, said.VARIABLE, anyOf=either)]}


def _secret(*required: str) -> Json:
    one: list[Json] = [{"required": ["env"]}, {"required": ["file"]}]
    return record(fields(SecretSpec, _SECRET), said.SECRET, required, oneOf=one)


_SECRET: Mapping[str, Json] = {
    "id": forms.shaped(ID.pattern),
    "env": forms.shaped(ENVIRONMENT_NAME.pattern),
    "file": scalar(),
}
_REGISTRY: Mapping[str, Json] = {
    "prefix": forms.shaped(_PREFIX),
    "concurrency": forms.whole(1, 64),
}
_FILES: list[Json] = [
    {"if": {"properties": {"from": {"const": one}}, "required": ["from"]}, "then": then}
    for one, then in (
        ("file", {"required": ["file"]}),
        ("git-tags", {"properties": {"file": forms.NULL}}),
    )
]
_VERSIONING: Mapping[str, Json] = {"from": forms.word(*SOURCES)}
_PRUNE: Mapping[str, Json] = {
    "keep_last": nullable(forms.whole(0, MOST_KEPT)),
    "keep_within": nullable(forms.text(AGE.pattern)),
}
_POLICY: Mapping[str, Json] = {
    "tag_safety": {"anyOf": [*forms.flag()["anyOf"], ref("tag_safety")]},
}
_LINE: Json = {"type": "string", "pattern": "="}
_IMAGE: Mapping[str, Json] = {
    "context": forms.shaped(_BELOW),
    "target": forms.shaped(ID.pattern),
    "repository": forms.shaped(r"(?!.*//)[a-z0-9][a-z0-9._/-]*"),
    "shm_size": {
        "anyOf": [{"type": "number", "minimum": 0, "maximum": MOST}, forms.text(SIZE.pattern)]
    },
    "secrets": {
        "anyOf": [
            _LINE,
            {"type": "array", "items": {"anyOf": [_LINE, ref("secret")]}},
            named(nullable(ref("secret_by_id"))),
        ]
    },
    "provenance": {
        "anyOf": [
            *forms.flag()["anyOf"],
            forms.shaped(f"(?:{PROVENANCE.pattern})(?:,(?:{PROVENANCE.pattern}))*"),
        ]
    },
}
_SPEC: Mapping[str, Json] = {
    "version": forms.word(int(SCHEMA_VERSION), SCHEMA_VERSION),
    "registries": named({"anyOf": [forms.shaped(_PREFIX), ref("registry")]}, NAME),
    "vars": named(ref("variable"), VARIABLE),
    "fingerprints": ref("fingerprints"),
    "versioning": ref("versioning"),
    "tag_policies": named({"anyOf": [ref("rules"), ref("policy")]}, NAME),
    "prune": ref("prune"),
    "groups": named({"anyOf": [scalar(), {"type": "array", "items": scalar(), "minItems": 1}]}),
    "defaults": ref("defaults"),
    "images": {**_images(), "minProperties": 1},
}
