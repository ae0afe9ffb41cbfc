"""The text of a spec taken apart by its images, and what cannot be."""

from __future__ import annotations

import pytest

from releaser.core.spec.blocks import Blocks

HEAD = "version: 1\nproject: shop\n"
SPEC = HEAD + "images:  # all\n  a: {context: a}\n\n  # b\n  b.c:\n    context: b\n# end\nx-y: 1\n"


def test_each_image_has_its_lines() -> None:
    blocks = Blocks.find(SPEC.encode())
    assert blocks is not None
    assert blocks.images == {
        "a": "  a: {context: a}\n\n  # b\n", "b.c": "  b.c:\n    context: b\n# end\n",
    }  # fmt: skip
    assert blocks.only(["a", "b.c"]) == SPEC.encode()
    assert blocks.only(["b.c"]) == SPEC.replace("  a: {context: a}\n\n  # b\n", "").encode()


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n",
        "images: {a: {}}\n",
        "images:\n",
        "images:\n# none\n",
        "images:\n  a: {}\n  a: {}\n",
        "images:\n  a: {}\nimages:\n  b: {}\n",
        "images:\n  a: &x {}\n  b: *x\n",
        "images:\n  a: {}\n  b:\n    <<: {}\n",
        "images:\n  a: {x: 'y\n  b: z'}\n",
        "images:\n  a: {x: y,\n  b: z}\n",
        'images:\n  a: "x\n  b: y"\n',
        "images:\n    a: {}\n  b: {}\n",
        "images:\n  a: {}\n  ? b\n  : {}\n",
        'images:\n  "a": {}\n',
        "images:\r\n  a: {}\r\n",
        "images:\n  a:\tb\n",
        "images:\n  a: \xff\n",
    ],
)
def test_what_cannot_be_taken_apart(text: str) -> None:
    assert Blocks.find(text.encode("latin-1")) is None
