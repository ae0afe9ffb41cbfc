"""Build args that look like secrets: whoever pulls the image can read them.

The value of a build arg is kept in the history, the provenance and the cache of an image. Docker's
own check of this is ``SecretsUsedInArgOrEnv``; it sees Dockerfiles and not the values given.
"""

from __future__ import annotations

from collections.abc import Iterator

from releaser.core.facts import Concern
from releaser.core.spec import Spec, looks_secret
from releaser.errors import Location
from releaser.loader.complaints import find
from releaser.loader.yaml_tree import Map


def secret_concerns(spec: Spec, tree: Map, file: str) -> Iterator[Concern]:
    """A concern for each place that gives a build arg a value it should not have."""
    seen: set[Location] = set()
    for image, declared in spec.images.items():
        for name, value in declared.args:
            if not value or not looks_secret(name):
                continue
            place = find(tree, ("images", image, "args", name))
            at = Location(file, place.line, place.column)
            if at not in seen:
                message = f'{at}: build arg "{name}" looks like a secret, and args are public'
                yield Concern(message, f"use secrets: [{{id: {name.lower()}, env: {name}}}]")
            seen.add(at)
