"""Writes a repository of N images for measurements: the same one for the same arguments.

A tree of images over one base, each with small files and two RUN instructions; as ``images.yaml``
for releaser and as ``docker-bake.json`` for ``docker buildx bake``, with the same targets, edges,
tags and labels.
"""

from __future__ import annotations

import argparse
import json
import random
import uuid
from pathlib import Path


def parents(count: int, seed: int) -> dict[str, str | None]:
    """Each image's upstream: the first has none, every other one stands on an earlier one."""
    rng = random.Random(seed)  # noqa: S311 - a shape, not a secret
    names = [f"image-{number:05}" for number in range(count)]
    return {
        name: None if at == 0 else names[min(rng.randrange(at), rng.randrange(at))]
        for at, name in enumerate(names)
    }


def write(folder: Path, count: int, files: int, registry: str | None, seed: int) -> None:
    """Write the repository into an empty folder."""
    tree = parents(count, seed)
    nonce = uuid.uuid4().hex
    for name, parent in tree.items():
        context = folder / name
        (context / "src").mkdir(parents=True)
        for number in range(files):
            (context / "src" / f"{number:03}.txt").write_text(f"{name} {number} {nonce}\n" * 8)
        (context / "Dockerfile").write_text(
            f"FROM {parent or 'busybox:latest'}\n"
            f"COPY src/ /app/{name}/\n"
            f"RUN echo {name} > /app/{name}/one\n"
            f"RUN cat /app/{name}/*.txt | wc -c > /app/{name}/two\n"
        )
    (folder / "images.yaml").write_text(spec(tree, registry))
    (folder / "docker-bake.json").write_text(bake(tree, registry))


def spec(tree: dict[str, str | None], registry: str | None) -> str:
    """The ``images.yaml``."""
    head = "version: 1\nproject: bench\n"
    if registry:
        head += f"registries: {{main: {registry}}}\n"
    head += 'defaults: {tags: ["{{version}}"]}\nimages:\n'
    return head + "".join(f"  {name}: {{context: {name}}}\n" for name in tree)


def bake(tree: dict[str, str | None], registry: str | None) -> str:
    """The ``docker-bake.json`` of the same images."""
    prefix = f"{registry}/" if registry else ""
    targets = {
        name: {
            "context": name,
            "contexts": {parent: f"target:{parent}"} if parent else {},
            "tags": [f"{prefix}{name}:1.0.0"],
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
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    write(given.folder, given.count, given.files, given.registry, given.seed)


if __name__ == "__main__":
    main()
