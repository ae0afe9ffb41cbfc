"""Writes a repository of N images for measurements: the same one for the same arguments.

A tree of images over one base, each with small files and two RUN instructions; as ``images.yaml``
for releaser and as ``docker-bake.json`` for ``docker buildx bake``, with the same targets, edges,
tags and attestations. Only the nonce, which is in every file, differs between two repositories of
one shape, so that neither finds the other's work in a cache.
"""

from __future__ import annotations

import argparse
import json
import random
import uuid
from dataclasses import dataclass
from pathlib import Path

TAG = "edge"
PINNED = f"busybox@sha256:{'0' * 63}1"
"""A base whose digest nobody has to be asked for."""
BASE = "busybox:latest"


@dataclass(frozen=True)
class Shape:
    """What a repository looks like. ``registry`` is a prefix; without one there are no pushes.

    releaser uploads content under a fingerprint's tag and then writes the public one; bake gets a
    second tag, so that both write two.
    """

    count: int
    files: int = 20
    registry: str | None = None
    provenance: bool = False
    seed: int = 7
    base: str = BASE


def names(count: int) -> list[str]:
    """The names of the images, upstreams first."""
    return [f"image-{number:05}" for number in range(count)]


def parents(count: int, seed: int) -> dict[str, str | None]:
    """Each image's upstream: the first has none, every other one stands on an earlier one."""
    rng = random.Random(seed)  # noqa: S311 - a shape, not a secret
    found = names(count)
    return {
        name: None if at == 0 else found[min(rng.randrange(at), rng.randrange(at))]
        for at, name in enumerate(found)
    }


def leaf(tree: dict[str, str | None]) -> str:
    """The last image that nothing stands on."""
    return next(name for name in reversed(tree) if name not in tree.values())


def root(tree: dict[str, str | None]) -> str:
    """The image that all others stand on."""
    return next(iter(tree))


def write(folder: Path, shape: Shape, nonce: str | None = None) -> dict[str, str | None]:
    """Write the repository into an empty folder; its tree."""
    tree = parents(shape.count, shape.seed)
    nonce = nonce or uuid.uuid4().hex
    for name, parent in tree.items():
        context = folder / name
        (context / "src").mkdir(parents=True)
        for number in range(shape.files):
            (context / "src" / f"{number:03}.txt").write_text(f"{name} {number} {nonce}\n" * 8)
        (context / "Dockerfile").write_text(
            f"FROM {parent or shape.base}\n"
            f"COPY src/ /app/{name}/\n"
            f"RUN echo {name} > /app/{name}/one\n"
            f"RUN cat /app/{name}/*.txt | wc -c > /app/{name}/two\n"
        )
    (folder / "images.yaml").write_text(spec(tree, shape))
    (folder / "docker-bake.json").write_text(bake(tree, shape))
    return tree


def change(folder: Path, name: str) -> None:
    """Change one file of an image."""
    (folder / name / "src" / "000.txt").write_text(f"{name} {uuid.uuid4().hex}\n")


def spec(tree: dict[str, str | None], shape: Shape) -> str:
    """The ``images.yaml``."""
    head = "version: 1\nproject: bench\n"
    if shape.registry:
        head += f"registries: {{main: {shape.registry}}}\n"
    provenance = ", provenance: true" if shape.provenance else ""
    head += f"defaults: {{tags: [{TAG}]{provenance}}}\nimages:\n"
    return head + "".join(f"  {name}: {{context: {name}}}\n" for name in tree)


def bake(tree: dict[str, str | None], shape: Shape) -> str:
    """The ``docker-bake.json`` of the same images.

    Attestations are bake's default and switched off by its environment, as its users do.
    """
    prefix = f"{shape.registry}/" if shape.registry else ""
    targets = {
        name: {
            "context": name,
            "contexts": {parent: f"target:{parent}"} if parent else {},
            "tags": [f"{prefix}{name}:{tag}" for tag in (TAG, "content")],
        }
        for name, parent in tree.items()
    }
    return json.dumps({"group": {"default": {"targets": list(tree)}}, "target": targets}, indent=1)


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--registry")
    parser.add_argument("--provenance", action="store_true")
    parser.add_argument("--seed", type=int, default=7)
    given = vars(parser.parse_args())
    write(given.pop("folder"), Shape(**given))


if __name__ == "__main__":
    main()
