"""What the engine says: the digests of base images, and which images it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from releaser.core.candidate import Candidate
from releaser.core.facts import LocalImage
from releaser.core.fingerprint import tag_of
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference
from releaser.errors import ReleaserError
from releaser.interfaces import Engine, Registry
from releaser.observe.threads import concurrently


def base_digests(
    mentions: Iterable[Mention], engine: Engine | None, registry: Registry
) -> dict[str, Digest | None]:
    """The digest of each base image, each reference asked for once; ``None`` where nobody says.

    The engine is asked first, since it is what will pull the image (through its own mirrors).
    """
    references = sorted({one.reference for one in mentions})

    def ask(text: str) -> Digest | None:
        reference = Reference.parse(text)
        if reference.digest:
            return reference.digest
        found = engine.resolve(reference) if engine else None
        if found is not None:
            return found
        try:
            return registry.digest(reference) if engine is None else None
        except ReleaserError:  # plan without it, and say so: see the concern
            return None

    return dict(zip(references, concurrently(ask, references), strict=True))


def local_images(
    engine: Engine, label: str, candidates: Sequence[Candidate]
) -> dict[str, LocalImage]:
    """Those of ``candidates`` that are in the engine's store, by fingerprint.

    Labels are inherited: whatever is built FROM one of our images carries its fingerprint too. So
    an image counts only under the tag that a build gives it, which is that of its own fingerprint.
    """
    found: dict[str, LocalImage] = {}
    names = [
        reference
        for one in candidates
        for reference in (*one.local_names, *(public for _, _, public in one.references))
    ]
    for image in engine.images(label, names) if names else ():
        own = tag_of(image.fingerprint or "")
        if any(str(reference.tag) == own for reference in image.references):
            found.setdefault(str(image.fingerprint), image)
    return found
