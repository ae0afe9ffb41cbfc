"""What loads are made of: a large project with a long history, an image with a large layer."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.generate import PINNED
from benchmarks.load_place import names
from releaser.core.oci import Digest, Manifest
from tests.fakes.registry import CONFIG_TYPE, IMAGE_TYPE, descriptor

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
PIECE = 1024 * 1024


def write_large(home: Path, count: int, tags: int, edges: int, git_tags: int) -> None:
    """Write a project of ``count`` images into a git repository with ``git_tags`` tags.

    Every image copies from some of those before it, ``edges`` times in all.
    """
    drawn = random.Random(7)  # noqa: S311 - a shape, not a secret
    images = names(count)
    pairs = [(at, below) for at in range(count) for below in range(at)]
    upstreams: dict[int, list[int]] = {}
    for at, below in sorted(drawn.sample(pairs, min(edges, len(pairs)))):
        upstreams.setdefault(at, []).append(below)
    for at, name in enumerate(images):
        context = home / name
        context.mkdir(parents=True)
        copies = [f"COPY --from={images[n]} / /{n}" for n in upstreams.get(at, ())]
        lines = [f"FROM {PINNED}", "COPY data /data", *copies]
        (context / "Dockerfile").write_text("\n".join(lines) + "\n")
        (context / "data").write_text(name)
    (home / "images.yaml").write_text(_large_spec(images, tags))
    _long_history(home, git_tags)


def _large_spec(images: list[str], tags: int) -> str:
    rules = ["{{version}}", "{{major}}.{{minor}}", "{{major}}", "latest", "sha-{{sha}}"]
    rules += [f"edge-{number}" for number in range(tags - len(rules))]
    listed = ", ".join(f'"{rule}"' for rule in rules[:tags])
    head = "version: 1\nproject: load\nregistries: {main: registry.example/load}\n"
    lines = "".join(f"  {name}: {{context: {name}}}\n" for name in images)
    return f"{head}defaults: {{tags: [{listed}]}}\nimages:\n{lines}"


def _long_history(home: Path, count: int) -> None:
    """One commit, and ``count`` tags of versions, packed as git packs them."""
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "load", "GIT_AUTHOR_EMAIL": "load@example.com",
        "GIT_COMMITTER_NAME": "load", "GIT_COMMITTER_EMAIL": "load@example.com",
    }  # fmt: skip

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=home, env={**os.environ, **settings}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    git("init", "--quiet", "--initial-branch", "main")
    git("add", ".")
    git("commit", "--quiet", "--message", "Begin")
    commit = git("rev-parse", "HEAD")
    versions = sorted(f"v1.{number // 100}.{number % 100}" for number in range(count))
    lines = "".join(f"{commit} refs/tags/{version}\n" for version in versions)
    (home / ".git" / "packed-refs").write_text(
        f"# pack-refs with: peeled fully-peeled sorted \n{lines}"
    )


def seed_large(host: str, path: str, tag: str, size: int) -> None:
    """Put an image with one layer of ``size`` random bytes into a registry."""
    connection = http.client.HTTPConnection(host, timeout=300)
    with tempfile.TemporaryFile() as layer:
        hashed = hashlib.sha256()
        for left in range(size, 0, -PIECE):
            piece = os.urandom(min(left, PIECE))
            hashed.update(piece)
            layer.write(piece)
        layer.seek(0)
        digest = f"sha256:{hashed.hexdigest()}"
        _upload(connection, path, digest, layer, size)
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}}
    ).encode()
    _upload(connection, path, str(Digest.of(config)), config, len(config))
    layers = [{"mediaType": LAYER_TYPE, "digest": digest, "size": size}]
    document = {
        "schemaVersion": 2, "mediaType": IMAGE_TYPE,
        "config": descriptor(config, CONFIG_TYPE), "layers": layers,
    }  # fmt: skip
    manifest = Manifest(IMAGE_TYPE, json.dumps(document).encode())
    _send(connection, "PUT", f"/v2/{path}/manifests/{tag}", manifest.body, len(manifest.body),
          IMAGE_TYPE)  # fmt: skip
    connection.close()


def _upload(
    connection: http.client.HTTPConnection, path: str, digest: str, body: object, size: int
) -> None:
    begun = urlsplit(_send(connection, "POST", f"/v2/{path}/blobs/uploads/", b"", 0))
    _send(connection, "PUT", f"{begun.path}?{begun.query}&digest={digest}", body, size)


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: object,
    size: int,
    kind: str = "application/octet-stream",
) -> str:
    headers = {"Content-Type": kind, "Content-Length": str(size)}
    connection.request(method, path, body, headers)  # type: ignore[arg-type]
    answer = connection.getresponse()
    said = answer.read()
    if answer.status not in {201, 202}:
        raise RuntimeError(f"{method} {path}: {answer.status} {said!r}")
    return answer.getheader("Location", "")
