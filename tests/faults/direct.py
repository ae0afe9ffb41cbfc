"""A registry as it is, read and written past every proxy and without releaser's adapters."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from releaser.core.oci import Reference
from tests.e2e.conftest import MANIFESTS
from tests.fakes.registry import Image
from tests.registry_process import upload


@dataclass(frozen=True)
class Direct:
    """A registry at ``host``; ``authorization`` makes a header for a repository's path."""

    host: str
    authorization: Callable[[str], str] | None = None

    def digest(self, path: str, tag: str) -> str | None:
        """The digest of the bytes that a GET returns; ``None`` where the tag does not exist."""
        try:
            body = self._get(path, f"manifests/{tag}")
        except urllib.error.HTTPError as error:
            return f"unreadable ({error.code})"
        return None if body is None else "sha256:" + sha256(body).hexdigest()

    def tags(self, path: str) -> list[str]:
        """All tags of a repository, sorted."""
        body = self._get(path, "tags/list")
        return [] if body is None else sorted(json.loads(body)["tags"] or [])

    def write(self, path: str, tag: str, content: Image) -> None:
        """Store an image and let a tag name it."""
        header = self.authorization(path) if self.authorization else ""
        upload(Reference.parse(f"{self.host}/{path}:{tag}"), content, authorization=header)

    def _get(self, path: str, what: str) -> bytes | None:
        headers: Mapping[str, str] = {"Accept": ", ".join(MANIFESTS)}
        if self.authorization:
            headers = {**headers, "Authorization": self.authorization(path)}
        url = f"http://{self.host}/v2/{path}/{what}"
        request = urllib.request.Request(url, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                body: bytes = answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None
        return body
