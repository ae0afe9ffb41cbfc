"""The services of a Compose file that are built, as a draft.

Source: the Compose Build Specification. What a service is when it runs is no concern here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from releaser.core.spec.paths import is_remote
from releaser.core.template import render_known
from releaser.importing.attributes import (
    Say,
    as_lines,
    dockerfile_of,
    hosts_of,
    inside,
    pairs_of,
    path_of,
    provenance_of,
    secrets_of,
    ssh_of,
    usable,
)
from releaser.importing.draft import Draft, ImageDraft, Losses, Value
from releaser.importing.interpolation import Variables
from releaser.importing.places import LATEST, Home, Place, Places, place_of, settle
from releaser.importing.texts import read_yaml

LOST = {
    "dockerfile_inline": "put it into a file of its own",
    "entitlements": "no entitlement can be granted",
    "isolation": "releaser builds for Linux",
    "privileged": "builds have no privileges",
    "sbom": "only provenance is made",
    "ulimits": "releaser sets no limits for builds",
}
_DEEPEST = 100
_YES = ("true", "yes", "on", "1")


@dataclass(frozen=True, slots=True)
class _Service:
    """A service that is built: its own attributes, and what it extends in this file."""

    name: str
    build: dict[str, Any]
    data: dict[str, Any]


def from_compose(text: str, file: str, *, project: str, folder: str, registry: str) -> Draft:
    """The draft of a Compose file called ``file``, whose paths are seen from ``folder``.

    Raises:
        SpecError: it is not YAML, or no map.
    """
    losses = Losses()
    data = read_yaml(text, file)
    reading = _Reading(data, losses, folder, Variables(losses))
    services = reading.services()
    images = [reading.image(one) for one in services]
    places = reading.places(services, registry)
    images = [_at_home(one, places) for one in images]
    used = repr([places.registries, *(one.fields for one in images)])
    count = f"{len(images)} of {len(_map(data.get('services')))} services are built"
    return Draft(
        project,
        file,
        places.registries,
        reading.variables.used_in(used),
        {},
        _profiles(services, losses),
        tuple(images),
        losses.all(),
        (f"{file}: {count}",),
    )


@dataclass(slots=True)
class _Reading:
    data: dict[str, Any]
    losses: Losses
    folder: str
    variables: Variables
    _merged: dict[str, dict[str, Any]] = field(default_factory=dict)

    # Services.

    def services(self) -> list[_Service]:
        found = []
        for name in _map(self.data.get("services")):
            merged = self._service(name, ())
            build = merged.get("build")
            if build not in (None, ""):
                found.append(_Service(name, _as_map(build), merged))
        if "include" in self.data:
            self.losses.add("include", "other files", "only this file is read")
        return found

    def _service(self, name: str, below: tuple[str, ...]) -> dict[str, Any]:
        """A service with what it extends merged in, as Compose does: maps by key, lists joined."""
        own = _map(_map(self.data.get("services")).get(name))
        extends = own.get("extends")
        source = _map(extends) if isinstance(extends, dict) else {"service": extends}
        base = source.get("service")
        if extends in (None, "") or name in below:
            return own
        known = isinstance(base, str) and base in _map(self.data.get("services"))
        if source.get("file") or not known or len(below) >= _DEEPEST:
            what = f"extends {base}" + (f" of {source['file']}" if source.get("file") else "")
            self.losses.add(
                f"service {name}", what, f"only services of this file are read, {_DEEPEST} deep"
            )
            return own
        return _merged(self._service(str(base), (*below, name)), own)

    # Images.

    def image(self, service: _Service) -> ImageDraft:
        where = f"service {service.name}"
        build = {
            key: self.variables.value(one, f"{where}: {key}")
            for key, one in service.build.items()
            if not key.startswith("x-")
        }

        def say(what: str, why: str) -> None:
            self.losses.add(where, what, why)

        fields: dict[str, Value] = {}
        comments = []
        self._paths(fields, build, say)
        _texts(fields, build, say)
        self._lists(fields, build, service, say)
        if "dockerfile_inline" in build:
            fields["enabled"] = False
            comments.append("Not enabled: its Dockerfile is written in the Compose file.")
        for key, value in build.items():
            if value not in (None, "", [], {}, "false", False):
                say(f"build.{key}", LOST.get(key, "releaser has nothing like it"))
        return ImageDraft(service.name, fields, tuple(comments))

    def _paths(self, fields: dict[str, Value], build: dict[str, Value], say: Say) -> None:
        context = str(build.pop("context", None) or ".")
        known = render_known(context, self._values())
        if is_remote(known):
            say("build.context", f"{known} is a URL: only folders can be built")
            fields["enabled"] = False
        elif not inside(path_of(known, self.folder)):
            say("build.context", f"{known} is outside of the folder of the file")
            fields["enabled"] = False
        else:
            fields["context"] = path_of(context, self.folder)
        dockerfile = build.pop("dockerfile", None)
        if dockerfile:
            name = dockerfile_of(str(dockerfile))
            if name is not None:
                fields["dockerfile"] = name

    def _values(self) -> dict[str, str]:
        return {f"vars.{name}": value for name, value in self.variables.found.items()}

    def _lists(
        self,
        fields: dict[str, Value],
        build: dict[str, Value],
        service: _Service,
        say: Say,
    ) -> None:
        platforms = _items(build.pop("platforms", None)) or _items(service.data.get("platform"))
        wanted = self.variables.value(platforms, "platforms")
        contexts = build.pop("additional_contexts", None)
        build.pop("tags", None)
        hosts = build.pop("extra_hosts", None)
        found: dict[str, Value] = {
            "platforms": wanted,
            "additional_contexts": self._contexts(pairs_of(contexts, say, "context"), say),
            "secrets": secrets_of(self._secrets(build.pop("secrets", None), say), say),
            "ssh": ssh_of(_items(build.pop("ssh", None)), say),
            "extra_hosts": hosts_of(hosts) if hosts else {},
            "cache_from": as_lines(_items(build.pop("cache_from", None)), say, "cache_from"),
            "cache_to": as_lines(_items(build.pop("cache_to", None)), say, "cache_to"),
        }
        fields.update({key: value for key, value in found.items() if value})
        provenance = build.pop("provenance", None)
        if provenance is not None:
            fields["provenance"] = provenance_of([provenance], say)

    def _contexts(self, contexts: Mapping[str, Value], say: Say) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, source in contexts.items():
            path = path_of(str(source), self.folder)
            if usable(path):
                found[name] = path
            else:
                why = f"{source} is outside of the folder of the file, or has a login"
                say(f"additional context {name}", why)
        return found

    def _secrets(self, values: Value, say: Say) -> list[Value]:
        """The secrets of a build, with what the top of the file says of them."""
        declared = _map(self.data.get("secrets"))
        found: list[Value] = []
        for one in _items(values):
            data = one if isinstance(one, dict) else {"source": one}
            source = str(data.get("source", ""))
            known = _map(declared.get(source))
            secret: dict[str, Value] = {"id": str(data.get("target") or source)}
            if known.get("environment"):
                secret["env"] = str(known["environment"])
            elif known.get("file"):
                secret["file"] = path_of(str(known["file"]), self.folder)
            elif known.get("external"):
                say(f"secret {source}", "it is external: give it in the variable of its name")
            found.append(secret)
        return found

    # Places.

    def places(self, services: list[_Service], registry: str) -> Places:
        texts: dict[str, list[str]] = {}
        for one in services:
            where = f"service {one.name}"
            named = [one.data.get("image"), *_items(one.build.get("tags"))]
            texts[one.name] = [self.variables.text(str(tag), where) for tag in named if tag]
        # A tag must not be empty: Compose's own "latest" stands for one that nobody gives.
        for reference in (one for all_ in texts.values() for one in all_):
            name = reference.rpartition(":{{vars.")[2].removesuffix("}}")
            if reference.endswith("}}") and self.variables.found.get(name) == "":
                self.variables.found[name] = LATEST
                self.variables.given.discard(name)
        values = self._values()
        found: dict[str, list[Place]] = {
            name: [place_of(one, values) for one in all_] for name, all_ in texts.items()
        }
        return settle(found, values, self.losses, registry)


def _at_home(image: ImageDraft, places: Places) -> ImageDraft:
    """An image with where it goes; ``latest`` alone is what the usual rules give as well."""
    home: Home | None = places.homes.get(image.name)
    if home is None:
        return image
    fields: dict[str, Value] = {}
    if home.repository != image.name:
        fields["repository"] = home.repository
    if set(home.push_to) != set(places.registries):
        fields["push_to"] = list(home.push_to)
    if home.tags != (LATEST,):
        fields["tags"] = list(home.tags)
    return image.having(**fields)


def _texts(fields: dict[str, Value], build: dict[str, Value], say: Say) -> None:
    for key in "target", "shm_size", "network":
        value = build.pop(key, None)
        if value:
            fields[key] = str(value)
    for key in "no_cache", "pull":
        value = build.pop(key, None)
        if str(value).lower() in _YES:
            fields[key] = True
    for key in "args", "labels":
        found = pairs_of(build.pop(key, None), say, key)
        if found:
            fields[key] = dict(found)
    network = fields.get("network")
    if network not in (None, "none", "host", "default"):
        say("build.network", f"{network}: only none, host and default are there")
        del fields["network"]


def _profiles(services: list[_Service], losses: Losses) -> dict[str, Value]:
    """A group for each profile: what is only wanted at times can be chosen by that name."""
    found: dict[str, list[Value]] = {}
    for one in services:
        for profile in _items(one.data.get("profiles")):
            found.setdefault(str(profile), []).append(one.name)
    names = {one.name for one in services}
    groups: dict[str, Value] = {}
    for profile, members in found.items():
        if profile in names:
            losses.add(f"profile {profile}", "the group", "an image has the same name")
        else:
            groups[profile] = members
            why = f"it is a group: all images are released, and {profile} chooses these"
            losses.add(f"profile {profile}", "the profile", why)
    return groups


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    found = {**base, **over}
    for key in base.keys() & over.keys():
        below, above = base[key], over[key]
        if key == "build":
            below, above = _as_map(below), _as_map(above)
        if isinstance(below, dict) and isinstance(above, dict):
            found[key] = _merged(below, above)
        elif isinstance(below, list) and isinstance(above, list):
            found[key] = [*below, *(one for one in above if one not in below)]
    for key in ("extends", "profiles"):
        if key not in over:
            found.pop(key, None)
    return found


def _as_map(build: object) -> dict[str, Any]:
    return dict(build) if isinstance(build, dict) else {"context": str(build)}


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:  # noqa: ANN401
    if value in (None, ""):
        return []
    return value if isinstance(value, list) else [value]
