"""``releaser schema``: what editors check ``images.yaml`` by, and complete its keys from."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def schema(
    included: Annotated[
        bool, typer.Option("--included", help="Of the files that images.yaml includes.")
    ] = False,
) -> None:
    """Print the JSON Schema of images.yaml, for editors; it needs no project."""
    from releaser.loader import schema as made

    found = made.schema(included=included)
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
