"""Tags that go, and nothing else with them.

A registry that can delete a tag is told to (OCI distribution specification, "Deleting tags",
end-9). Many, the distribution project's 2.8 among them, delete manifests by digest only, and with a
manifest goes every tag that names it, one that was written a moment ago too. There a tag is first
moved to a placeholder that nothing else names, and that is deleted: what the tag named before, and
its other tags, stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from releaser.core.oci import Digest, Reference, Repository, Tag
from releaser.core.placeholder import CONTENT, EMPTY, placeholder
from releaser.errors import RegistryError, SetupError
from releaser.registries.authority import delete
from releaser.registries.blobs import Uploads
from releaser.registries.client import Ask, Client
from releaser.registries.hosts import Endpoint
from releaser.registries.manifests import Descriptor
from releaser.registries.reading import absent, read_digest
from releaser.registries.refusals import login_command
from releaser.registries.transport import Answer

NOTHING = Digest.of(b"")
"""The digest of no bytes, which are no manifest, so that no registry holds it."""

_DONE = frozenset({200, 202, 204})
_CANNOT = frozenset({405, 501})
_NO_TAGS = frozenset({400, 405, 501})
"""What registries answer that delete manifests by their digest only."""


def check_delete(client: Client, at: Endpoint, repository: Repository) -> None:
    """Ask for the removal of what cannot be there: no registry says otherwise whether it deletes.

    :raises SetupError: where it does not, or does not let us.
    """
    ask = _ask(at, repository, str(NOTHING))
    answer = client.call(ask)
    if answer.status in _CANNOT or _unsupported(client, ask, answer):
        raise SetupError(
            f"registry {at.registry} does not delete",
            details=client.refused(ask, answer).details,
            hint="let it delete (distribution: storage.delete.enabled), or use its own clean-up",
        )
    if answer.status in {401, 403}:
        raise SetupError(
            f"registry {at.registry} does not let us delete in {repository.path}",
            details=client.refused(ask, answer).details,
            hint=f"run `{login_command(at.registry)}` as somebody who may",
        )
    if answer.status not in {*_DONE, 400, 404}:
        raise client.refused(ask, answer)


def untag(client: Client, at: Endpoint, repository: Repository, tags: Iterable[Tag]) -> bool:
    """Let ``tags`` name nothing; whether what they named is left to be deleted by its digest.

    :raises RegistryError: also where a tag is still there afterwards.
    """
    left = list(dict.fromkeys(tags))
    while left and _untagged(client, at, repository, left[0]):
        _gone(client, at, repository.tagged(left.pop(0)))
    for tag in left:
        _bury(client, at, repository, tag)
        _gone(client, at, repository.tagged(tag))
    return bool(left)


def delete_manifest(client: Client, at: Endpoint, repository: Repository, digest: Digest) -> None:
    """Delete a manifest, and with it every tag that names it; that it is gone already is as good.

    :raises RegistryError: where the registry refuses.
    """
    ask = _ask(at, repository, str(digest))
    answer = client.call(ask)
    if answer.status not in _DONE and not absent(answer):
        raise client.refused(ask, answer)


def _bury(client: Client, at: Endpoint, repository: Repository, tag: Tag) -> None:
    """Move a tag to a placeholder of its own, and delete that."""
    uploads = Uploads(client, at, repository)
    blob = Descriptor(Digest.of(CONTENT), len(CONTENT), EMPTY)
    uploads.upload(blob, CONTENT)
    made = placeholder(tag)
    uploads.write(repository.tagged(tag), made, lambda: uploads.upload(blob, CONTENT))
    delete_manifest(client, at, repository, made.digest)


def _untagged(client: Client, at: Endpoint, repository: Repository, tag: Tag) -> bool:
    """Delete a tag by its name; no where the registry does not do that."""
    ask = _ask(at, repository, str(tag))
    answer = client.call(ask)
    if answer.status in _DONE:
        return True
    if absent(answer):  # nothing of that name, or no such thing as deleting by name
        return read_digest(client, at, repository.tagged(tag)) is None
    if answer.status in _NO_TAGS or _unsupported(client, ask, answer):
        return False
    raise client.refused(ask, answer)


def _gone(client: Client, at: Endpoint, reference: Reference) -> None:
    """Wait until a registry says that a tag names nothing."""
    patience = client.patience
    attempts = client.attempts(
        replace(patience, tries=1000, budget=patience.settle / 2, first=0.25, longest=4.0)
    )
    while read_digest(client, at, reference) is not None:
        if not attempts.again():
            raise RegistryError(f"{reference} was deleted and is still there", hint="run it again")


def _unsupported(client: Client, ask: Ask, answer: Answer) -> bool:
    return answer.status >= 400 and client.refused(ask, answer).reason == "UNSUPPORTED"


def _ask(at: Endpoint, repository: Repository, wanted: str) -> Ask:
    path = repository.path
    mark = "@" if ":" in wanted else ":"
    doing = f"delete {path}{mark}{wanted}"
    return Ask(at, "DELETE", f"{path}/manifests/{wanted}", (delete(path),), doing)
