"""Names that other tools allow and ``images.yaml`` does not: renamed wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from unicodedata import combining, normalize

from releaser.importing.draft import Draft, ImageDraft, Losses, Value

_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_SCHEMES = ("target:", "service:")


def legal(name: str) -> str:
    """A name as an image may have it: letters, digits, ``. _ -``, first a letter or digit.

    Letters with marks lose these.

    >>> legal("ünï"), legal("a b")
    ('uni', 'a-b')
    """
    plain = "".join(one for one in normalize("NFKD", name) if not combining(one))
    return _ODD.sub("-", plain).strip("._-")[:100] or "image"


def with_legal_names(draft: Draft) -> Draft:
    """The draft with legal names for images and groups, and repositories in lower case."""
    losses = Losses()
    new = _renamed([one.name for one in draft.images], losses)
    groups = _renamed(list(draft.groups), losses, taken=new.values())
    images = [_image(one, new) for one in draft.images]
    members = {
        groups[name]: [new.get(str(one), groups.get(str(one), one)) for one in listed]
        for name, listed in draft.groups.items()
        if isinstance(listed, list)
    }
    return replace(draft, groups=members).with_images(images).losing(*losses.all())


def _renamed(names: Iterable[str], losses: Losses, taken: Iterable[str] = ()) -> dict[str, str]:
    known = {one.lower() for one in taken}
    found: dict[str, str] = {}
    for name in names:
        wanted = legal(name)
        number, free = 1, wanted
        while free.lower() in known:
            number += 1
            free = f"{wanted}-{number}"
        known.add(free.lower())
        found[name] = free
        if free != name:
            losses.add(f"name {name}", "the name", f"it is {free} here")
    return found


def _image(image: ImageDraft, new: Mapping[str, str]) -> ImageDraft:
    fields = dict(image.fields)
    extends = fields.get("extends")
    if isinstance(extends, str):
        fields["extends"] = new.get(extends, extends)
    elif isinstance(extends, list):
        fields["extends"] = [new.get(str(one), one) for one in extends]
    contexts = fields.get("additional_contexts")
    if isinstance(contexts, dict):
        fields["additional_contexts"] = {key: _link(one, new) for key, one in contexts.items()}
    repository = fields.get("repository", None if "name" in fields else new[image.name])
    if isinstance(repository, str) and "{{" not in repository and repository.lower() != repository:
        fields["repository"] = repository.lower()
    upstreams = frozenset(new.get(one, one) for one in image.upstreams)
    return replace(image, name=new[image.name], fields=fields, upstreams=upstreams)


def _link(source: Value, new: Mapping[str, str]) -> Value:
    for scheme in _SCHEMES:
        if isinstance(source, str) and source.startswith(scheme):
            name = source.removeprefix(scheme)
            return scheme + new.get(name, name)
    return source
