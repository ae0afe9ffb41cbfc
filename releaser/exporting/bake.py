"""A bake file that builds the same images, for ``docker buildx bake``.

Paths are as seen from the folder of the spec, which is where bake has to be run
(docs/bake-reference.md of docker/buildx). There is no ``output``: ``--push`` and ``--load`` decide.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from releaser.core.oci import Reference
from releaser.core.resolve import IMAGE_SCHEMES
from releaser.core.spec import is_remote
from releaser.core.spec.groups import Groups, members
from releaser.core.steps import Secret
from releaser.engines.bake_file import Definition, context_name, literals, secret_line
from releaser.exporting.bake_names import BakeNames, bake_names
from releaser.pipeline import Described


@dataclass(frozen=True, slots=True)
class BakeFile:
    """The JSON text of a bake file, and in sentences what is called differently in it."""

    text: str
    changes: tuple[str, ...]


def bake_file(images: Sequence[Described], groups: Groups, root: str) -> BakeFile:
    """The bake file for ``images``.

    ``groups`` are those of the spec; what is not exported is left out of them. One that is called
    ``default`` stays what it is, else that is all images. ``root`` is the absolute path of the
    spec's folder. Changed names are said in ``//``, which JSON for HCL keeps for comments (HCL JSON
    syntax specification, "Bodies").
    """
    names = bake_names([one.image.name for one in images], groups)
    targets, changes = names.targets, names.changes()
    everything = {names.everything: {"targets": list(targets.values())}}
    definition: Definition = {
        **({"//": list(changes)} if changes else {}),
        "group": everything | dict(_groups(groups, names)),
        "target": {targets[one.image.name]: _target(one, targets, root) for one in images},
    }
    text = json.dumps(literals(definition), indent=2, ensure_ascii=False) + "\n"
    return BakeFile(text, changes)


def _groups(groups: Groups, names: BakeNames) -> Iterator[tuple[str, Definition]]:
    """The groups with a target in them: other groups stay their members, globs are images."""
    targets = names.targets
    filled = [name for name in groups if members(name, groups, tuple(targets))]
    for name in filled:
        found = []
        for one in groups[name]:
            if one in groups:
                found += [names.groups[one]] if one in filled else []
            else:
                found += [targets[image] for image in targets if fnmatchcase(image, one)]
        yield names.groups[name], {"targets": list(dict.fromkeys(found))}


def _target(one: Described, targets: Mapping[str, str], root: str) -> Definition:
    spec = one.image.spec
    host = spec.network == "host"
    fields: Definition = {
        "context": posixpath.relpath(one.image.context, root),
        "dockerfile": posixpath.relpath(one.image.dockerfile, one.image.context),
        "contexts": dict(_contexts(one, targets, root)),
        "args": dict(spec.args),
        "labels": dict(spec.labels),
        "tags": [str(name) for name in one.names],
        "cache-from": list(spec.cache_from),
        "cache-to": list(spec.cache_to),
        "target": spec.target,
        "secret": [secret_line(Secret(s.id, s.env, s.file)) for s in spec.secrets],
        "ssh": list(spec.ssh),
        "platforms": [str(platform) for platform in spec.platforms],
        "extra-hosts": dict(spec.extra_hosts),
        "network": spec.network,
        "entitlements": ["network.host"] if host else [],
        "shm-size": spec.shm_size,
        "no-cache": spec.no_cache,
        "pull": spec.pull,
    }
    provenance = spec.provenance or "disabled=true"
    kept = {key: value for key, value in fields.items() if value}
    return kept | {"attest": [f"type=provenance,{provenance}"]}


def _contexts(one: Described, targets: Mapping[str, str], root: str) -> Iterator[tuple[str, str]]:
    """What names in the Dockerfile stand for: other images, folders, pinned base images."""
    own = one.image
    linked = {name for edge in own.edges for name in edge.names}
    for reference, digest in one.pins:
        pinned = Reference.parse(reference).repository.at(digest)
        yield context_name(reference), f"docker-image://{pinned}"
    for edge in own.edges:
        # An edge that no instruction shows is a context that nobody uses: bake builds it first.
        for name in edge.names or (edge.needs,):
            yield context_name(name), f"target:{targets[edge.needs]}"
    folders = dict(own.folders)
    for name, source in own.spec.additional_contexts:
        if name in folders:
            yield context_name(name), posixpath.relpath(folders[name], root)
        elif name not in linked and (is_remote(source) or not source.startswith(IMAGE_SCHEMES)):
            yield context_name(name), source
