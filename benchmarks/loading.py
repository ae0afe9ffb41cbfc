"""Measures how long a spec of 1,000 images in 50 included files takes to load, in CPU time.

    python -m benchmarks.loading

The files are kept in memory, so that no disk is measured; ``releaser plan`` reads them once.
"""

from __future__ import annotations

import time

from releaser.loader import KnownFiles, Loaded, load

FILES, IMAGES = 50, 20
ROUNDS = 5
_FIRST = b"""\
version: 1
include: ["services/*/images.yaml"]
registries: {ghcr: ghcr.io/acme/shop, hub: docker.io/acme}
vars: {python: 3.12}
defaults: {platforms: [linux/amd64, linux/arm64], args: {PYTHON: "{{vars.python}}"}}
groups: {everything: ["*"]}
profiles: {production: {defaults: {args: {ENV: production}}}}
images:
  template: {enabled: false, secrets: [{id: pip, env: PIP_TOKEN}], target: runtime}
"""
_IMAGE = """\
  service-{n}:
    extends: template
    context: service-{n}
    args: {{PORT: {n}, NAME: "{{{{image}}}}"}}
    labels: {{org.opencontainers.image.title: service-{n}}}
    tags: ["{{{{version}}}}", "{{{{major}}}}.{{{{minor}}}}", latest]
    cache_from: ["type=registry,ref=ghcr.io/acme/cache:{{{{image}}}}"]
"""


def files() -> dict[str, bytes]:
    """The texts of all files; ``images.yaml`` is the first one."""
    numbers = range(FILES * IMAGES)
    images = [_IMAGE.format(n=n) for n in numbers]
    found = {
        f"services/{file:02}/images.yaml": (
            "images:\n" + "".join(images[file * IMAGES : (file + 1) * IMAGES])
        ).encode()
        for file in range(FILES)
    }
    return {"images.yaml": _FIRST, **found}


def loaded(texts: dict[str, bytes]) -> Loaded:
    """The spec that the files are."""
    known, profiles = KnownFiles(texts), ["production"]
    return load(texts["images.yaml"], "images.yaml", project="p", profiles=profiles, files=known)


def seconds(rounds: int = ROUNDS) -> float:
    """The least CPU time of some loads, in seconds; the first one, which fills caches, counts."""
    texts, times = files(), []
    for _ in range(rounds):
        before = time.process_time()
        loaded(texts)
        times.append(time.process_time() - before)
    return min(times)


def main() -> None:
    """Print the figure."""
    print(f"{FILES * IMAGES:,} images in {FILES} included files: {seconds():.2f} s of CPU")


if __name__ == "__main__":
    main()
