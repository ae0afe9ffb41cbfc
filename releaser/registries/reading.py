"""What registries are asked: which digest, which bytes, which tags."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote

from releaser.core.oci import Digest, Manifest, Reference, Repository, Tag
from releaser.errors import RegistryError, SpecError
from releaser.registries import manifests
from releaser.registries.authority import pull
from releaser.registries.client import Ask, Client
from releaser.registries.hosts import Endpoint, RefusedAddressError, follow, origin
from releaser.registries.links import MalformedLinkError, next_link
from releaser.registries.refusals import unusable
from releaser.registries.transport import Answer

MAX_PAGES = 100
MAX_TAGS = 100_000
MAX_PAGE = 16 * 1024 * 1024  # registry 2.8 sends all tags on one page, whatever is asked for
CORRUPT = "what it sent does not have the digest that it should have"
CORRUPTED = "DIGEST_INVALID"
"""The reason of an error because of that (distribution specification, "Error Codes", code-5)."""

NO_HEAD = frozenset({400, 405, 406, 501})
"""What registries say to a HEAD that they do not know."""


def read_digest(client: Client, at: Endpoint, reference: Reference) -> Digest | None:
    """The digest that ``reference`` names; by HEAD, and by GET where a HEAD does not tell."""
    ask = _manifest_ask(at, reference, "HEAD")
    answer = client.call(ask)
    if answer.status == 200:
        said = _said_digest(answer)
        # plans know what SHA-256 says, so a digest of another kind must be looked behind
        usual = said is not None and said.value.startswith("sha256:")
        if said and reference.digest in ({None, said} if usual else {said}):
            return said
    elif answer.status == 404:
        if "Docker-Distribution-Api-Version" in answer.headers:
            return None
    elif answer.status not in NO_HEAD:
        raise client.refused(ask, answer)
    manifest = read_manifest(client, at, reference)
    return (reference.digest or manifest.digest) if manifest else None


def read_manifest(client: Client, at: Endpoint, reference: Reference) -> Manifest | None:
    """The bytes behind ``reference``; one more try where their hash is wrong."""
    ask = _manifest_ask(at, reference, "GET")
    found = _fetch(client, ask, reference)
    if found is not _WRONG_HASH:
        return found
    found = _fetch(client, ask, reference)
    if found is _WRONG_HASH:
        raise unusable(at.registry, ask.doing, CORRUPT, reason=CORRUPTED)
    return found


def read_now(
    client: Client, at: Endpoint, reference: Reference, scope: Callable[[str], str] = pull
) -> bytes | None:
    """The bytes behind ``reference`` from a single try past all caches; ``None`` where none are.

    ``scope`` is the right to ask with: who writes next needs but one token with that of a push.
    """
    ask = replace(
        _manifest_ask(at, reference, "GET", fresh=True), scopes=(scope(reference.repository.path),)
    )
    answer = client.once(ask)
    if answer.status == 200:
        return answer.body
    if absent(answer):
        return None
    raise client.refused(ask, answer)


def read_tags(client: Client, at: Endpoint, repository: Repository) -> tuple[str, ...]:
    """All tags of ``repository``, sorted, each once; what is no legal tag is left out."""
    doing = f"list the tags of {repository.path}"
    found: set[str] = set()
    seen: set[str] = set()
    url = f"{at.base}{repository.path}/tags/list?n=1000"
    while url and len(seen) < MAX_PAGES and url not in seen and len(found) <= MAX_TAGS:
        seen.add(url)
        scopes = (pull(repository.path),)
        ask = Ask(at, "GET", "", scopes, doing, limit=MAX_PAGE, url=url)
        answer = client.call(ask)
        if absent(answer):
            return tuple(sorted(found))
        if answer.status != 200:
            raise client.refused(ask, answer)
        found.update(_tags(ask, answer))
        url = next_page(ask, answer)
    if url or len(found) > MAX_TAGS:
        raise unusable(at.registry, doing, "its list of tags does not end")
    return tuple(sorted(found))


def absent(answer: Answer) -> bool:
    """Whether ``answer`` is a registry's "there is no such thing", and not some web page's 404."""
    if answer.status != 404:
        return False
    if "Docker-Distribution-Api-Version" in answer.headers or not answer.body:
        return True
    return "html" not in answer.headers.get("Content-Type", "").lower()


def matches(body: bytes, digest: Digest) -> bool:
    """Whether ``body`` has ``digest``."""
    return hashlib.new(digest.value.partition(":")[0], body).hexdigest() == digest.hex


_WRONG_HASH = Manifest("", b"")


def _fetch(client: Client, ask: Ask, reference: Reference) -> Manifest | None:
    answer = client.call(ask)
    if absent(answer):
        return None
    if answer.status != 200:
        raise client.refused(ask, answer)
    checks = (reference.digest, _said_digest(answer))
    if not all(matches(answer.body, digest) for digest in checks if digest):
        if "Content-Encoding" in answer.headers:
            raise with_type(unusable(ask.at.registry, ask.doing, CORRUPT), answer)
        return _WRONG_HASH
    return _parsed(ask, answer)


def _parsed(ask: Ask, answer: Answer) -> Manifest:
    try:
        return manifests.parse(answer.body, answer.headers.get("Content-Type", ""))
    except manifests.MalformedError as error:
        raise with_type(unusable(ask.at.registry, ask.doing, str(error)), answer) from None


def with_type(error: RegistryError, answer: Answer) -> RegistryError:
    """``error`` with what ``answer`` says of its body; a compressed one was not asked for."""
    for name, otherwise in (("Content-Type", "none"), ("Content-Encoding", "")):
        value = re.sub(r"[^\x20-\x7e]", "?", answer.headers.get(name, ""))[:100] or otherwise
        if value:
            error.details = (*error.details, (name.lower().replace("-", " "), value))
    return error


def _manifest_ask(at: Endpoint, reference: Reference, method: str, *, fresh: bool = False) -> Ask:
    path = reference.repository.path
    headers = {"Accept": manifests.ACCEPT}
    if fresh:
        headers["Cache-Control"] = "no-cache"
    return Ask(
        at,
        method,
        f"{path}/manifests/{quote(reference.wanted, safe=':')}",
        (pull(path),),
        f"read {path}{'@' if reference.digest else ':'}{reference.wanted}",
        headers,
        limit=manifests.MAX_MANIFEST,
    )


def _said_digest(answer: Answer) -> Digest | None:
    try:
        return Digest(answer.headers.get("Docker-Content-Digest", "").strip().lower())
    except SpecError:
        return None


def _tags(ask: Ask, answer: Answer) -> tuple[str, ...]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _not_tags(ask, answer) from None
    named = isinstance(document, Mapping) and {"name", "tags"} & document.keys()
    tags = document.get("tags") or [] if named else None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _not_tags(ask, answer)
    return tuple(tag for tag in tags if _is_tag(tag))


def _not_tags(ask: Ask, answer: Answer) -> RegistryError:
    return with_type(unusable(ask.at.registry, ask.doing, "it is no list of tags"), answer)


def _is_tag(text: str) -> bool:
    try:
        Tag(text)
    except SpecError:
        return False
    return True


def next_page(ask: Ask, answer: Answer) -> str:
    """The address of the next page of a list, which is on the same host; empty at its end.

    :raises RegistryError: where it is on another one, or cannot be understood.
    """
    try:
        link = next_link(answer.headers.get("Link", ""))
        if link is None:
            return ""
        url = follow(ask.target, link)
    except MalformedLinkError:
        why = "its next page: the Link header is malformed"
        raise unusable(ask.at.registry, ask.doing, why) from None
    except RefusedAddressError as error:
        raise unusable(ask.at.registry, ask.doing, f"its next page: {error}") from None
    if origin(url) != origin(ask.at.base):
        raise unusable(ask.at.registry, ask.doing, "its next page is on another host")
    return url
