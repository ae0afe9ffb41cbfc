"""Damaged files of other tools: read in part, or refused with a place; nothing else happens."""

from __future__ import annotations

from collections.abc import Callable

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.errors import SpecError
from releaser.importing.bake import from_bake
from releaser.importing.compose import from_compose
from releaser.importing.draft import Draft
from releaser.importing.remote import Origin
from releaser.importing.renaming import with_legal_names
from releaser.importing.workflow import from_workflow
from releaser.importing.writing import write
from tests.layouts import BAKE, COMPOSE

WORKFLOW = """\
env: {REGISTRY: ghcr.io}
jobs:
  build:
    strategy: {matrix: {v: [1, 2], include: [{v: 3, w: x}]}}
    steps:
      - {id: meta, uses: docker/metadata-action@v5, with: {images: "${{ env.REGISTRY }}/a/b",
         tags: "type=sha,suffix=-${{ matrix.v }}", flavor: latest=auto, labels: a=b}}
      - uses: docker/build-push-action@v6
        with: {context: ., file: D, tags: "${{ steps.meta.outputs.tags }}", secrets: "a=b",
               build-args: "V=${{ matrix.v }}", build-contexts: "l=l", platforms: "linux/amd64"}
"""
NAMED = {"project": "p", "folder": ".", "registry": "registry.example/x"}


def workflow(text: str) -> Draft:
    return from_workflow(text, "f", **NAMED, origin=Origin("github.com", "a/b"))


WHOLE: list[tuple[str, Callable[[str], Draft]]] = [
    (BAKE.files["docker-bake.hcl"], lambda text: from_bake(text, "f", **NAMED)),
    (COMPOSE.files["docker-compose.yml"], lambda text: from_compose(text, "f", **NAMED)),
    (WORKFLOW, workflow),
]
PIECES = st.sampled_from(
    [
        "",
        "[",
        "]",
        "{",
        "}",
        '"',
        "=",
        "${",
        "null",
        " 1 ",
        "[]",
        "{}",
        "true",
        "\n",
        ": ",
        "- ",
        "~",
    ]
)
DAMAGES = st.lists(
    st.tuples(st.floats(0, 0.999), st.integers(0, 12), PIECES), min_size=1, max_size=3
)


@settings(max_examples=150)
@given(st.sampled_from(range(len(WHOLE))), DAMAGES)
def test_they_are_read_in_part_or_refused(
    number: int, damages: list[tuple[float, int, str]]
) -> None:
    text, read = WHOLE[number]
    for place, length, piece in damages:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + length :]
    try:
        written = write(with_legal_names(read(text)))
    except SpecError as error:
        assert error.message  # noqa: PT017 - either ending is right
    else:
        assert yaml.safe_load(written)["version"] == 1
