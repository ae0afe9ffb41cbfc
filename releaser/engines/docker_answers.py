"""What the engine says of itself and of its images, from JSON to values: pure.

An engine behind a proxy, an imitation of one or a damaged one may answer anything. What is not as
the API has it (moby, ``api/swagger.yaml``) raises :class:`OddAnswerError`, a ``ValueError``, which
becomes the failure of the call; it does not get further inside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from releaser.core.facts import LocalImage
from releaser.core.oci import Digest, Platform, Reference
from releaser.errors import SpecError

_CONTAINERD = ["driver-type", "io.containerd.snapshotter.v1"]
_API_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


class OddAnswerError(ValueError):
    """The engine's answer is not what its API says."""


def api_version(version: object) -> str:
    """The newest API that the engine speaks."""
    found = _object(version).get("ApiVersion")
    if not isinstance(found, str) or not _API_VERSION.fullmatch(found):
        raise OddAnswerError("what answers is not a Docker engine")
    return found


def release(version: object) -> str:
    """The engine's own version."""
    return _text(_object(version), "Version")


def platform(version: object, info: object) -> Platform:
    """The platform of the engine's machine."""
    said = _object(version)
    # Only the kernel's name of the machine tells the variants of 32-bit ARM apart.
    machine = str(_object(info).get("Architecture"))
    variant = {"armv6l": "v6", "armv7l": "v7"}.get(machine)
    found = Platform.canonical(_text(said, "Os"), _text(said, "Arch"), variant)
    try:
        return Platform.parse(str(found))
    except SpecError:
        raise OddAnswerError("it names no platform of its own") from None


def containerd_store(info: object) -> bool:
    """Whether images are kept by containerd."""
    return _CONTAINERD in _items(_object(info).get("DriverStatus"))


def root_folder(info: object) -> str:
    """Where the engine keeps everything, empty where it does not say."""
    found = _object(info).get("DockerRootDir")
    return found if isinstance(found, str) and "\0" not in found else ""


def images(answer: object, label: str) -> tuple[LocalImage, ...]:
    """The images of a list that carry ``label``, in its order."""
    if not isinstance(answer, list):
        raise OddAnswerError("what it answered is no list of images")
    found = ((_object(item), _labels(item)) for item in answer)
    return tuple(
        LocalImage(
            image_id=identity(item),
            fingerprint=labels[label],
            references=references(item.get("RepoTags")),
            digests=references(item.get("RepoDigests")),
        )
        for item, labels in found
        if label in labels
    )


def identity(image: Mapping[str, object]) -> Digest:
    """The id of an image."""
    try:
        return Digest(_text(image, "Id"))
    except SpecError:
        raise OddAnswerError("what it calls an image's id is none") from None


def described(image: object) -> Mapping[str, object]:
    """What an inspection of an image says of it."""
    return _object(image)


def references(names: object) -> tuple[Reference, ...]:
    """The references in a list of the engine's; ``<none>`` and what is not legal are left out."""
    found = []
    for name in _items(names):
        try:
            found.append(Reference.parse(str(name)))
        except SpecError:
            continue
    return tuple(found)


def registry_digest(answer: Mapping[str, object] | None) -> Digest | None:
    """The digest that a registry has, as the engine passes it on; ``None`` where it has none."""
    descriptor = (answer or {}).get("Descriptor")
    found = descriptor.get("digest") if isinstance(descriptor, Mapping) else None
    try:
        return Digest(str(found))
    except SpecError:
        return None


def platforms(answer: Mapping[str, object]) -> tuple[Platform, ...]:
    """The platforms that a registry has an image for, sorted."""
    found = {Platform.described(one) for one in _items(answer.get("Platforms"))}
    return tuple(sorted((one for one in found if one), key=str))


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise OddAnswerError("what it answered is not what an engine says")
    return value


def _labels(item: object) -> Mapping[str, str]:
    labels = _object(item).get("Labels")
    found = labels if isinstance(labels, Mapping) else {}
    return {str(name): value for name, value in found.items() if isinstance(value, str)}


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _text(item: Mapping[str, object], name: str) -> str:
    found = item.get(name)
    if not isinstance(found, str) or not found:
        raise OddAnswerError(f'what it answered has no "{name}"')
    return found
