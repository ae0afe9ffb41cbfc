"""The examples of docs/spec.md: what they print is what ``validate --resolved`` says.

In a console block ``$ cat FILE`` shows a file, and ``$ releaser validate --resolved …`` what comes
of those above it; ``sed`` shows the images alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from releaser.loader import KnownFiles, load
from releaser.reports.resolved import resolved_text

PAGE = Path(__file__).parents[1] / "docs" / "spec.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
IMAGES = " | sed -n '/^images:/,$p'"


def printed(files: dict[str, str], command: str) -> str:
    """What ``releaser validate --resolved`` prints of some files."""
    words = iter(shlex.split(command.removesuffix(IMAGES))[3:])
    given = [(option, next(words)) for option in words]
    texts = {name: text.encode() for name, text in files.items()}
    found = load(
        texts["images.yaml"],
        "images.yaml",
        project="shop",
        variables=dict(one.split("=") for option, one in given if option == "--var"),
        profiles=[one for option, one in given if option == "--profile"],
        files=KnownFiles(texts),
    )
    text = resolved_text(found.document, found.origin)
    return text[text.index("images:\n") :] if command.endswith(IMAGES) else text


def run(block: re.Match[str]) -> str:
    """The block as a terminal shows it."""
    files: dict[str, str] = {}
    shown = ""
    for part in re.findall(r"^\$ .*\n(?:(?!\$ ).*\n)*", block[1], re.MULTILINE):
        command, _, output = part.removeprefix("$ ").partition("\n")
        if command.startswith("cat "):
            files[command.removeprefix("cat ")] = output
        else:
            output = printed(files, command)
        shown += f"$ {command}\n{output}"
    return f"```console\n{shown}```"


def test_the_examples_are_true(golden: Callable[[Path, str], None]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(BLOCK.findall(page)) >= 4
    golden(PAGE, BLOCK.sub(run, page))
