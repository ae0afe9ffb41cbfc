"""The lock file: beside its spec, the same text for the same lock, and wrong ones explained."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given

from releaser.cli.errors import format_error
from releaser.core.lock import Lock, Locked
from releaser.core.oci import Digest, Platform
from releaser.errors import SpecError
from releaser.loader import load_lock, lock_path, lock_text, read_lock, read_spec
from tests.core.test_lock import locks

ERRORS = Path(__file__).parent / "golden" / "locks"
CASES = sorted(path.name for path in ERRORS.iterdir() if path.is_dir())
ONE = Digest("sha256:" + "1" * 64)
TEXT = f"""\
# The digests that base images are pinned to. Written by "releaser lock"; keep it in git.
# "releaser lock --check" tells what has moved since, "releaser lock --update" follows.
version: 1
bases:
  "1/2:3":
    digest: {ONE}
    platforms: []
    date: 2024-02-29
  python:3.12:
    digest: {ONE}
    platforms: [linux/amd64, linux/arm64]
    date: 2024-02-29
"""


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_lock_is_explained(case: str, golden: Callable[[Path, str], None]) -> None:
    content = read_spec(ERRORS / case / "images.lock")
    with pytest.raises(SpecError) as caught:
        load_lock(content, "images.lock")
    assert caught.value.code == 2
    text = format_error(caught.value, read=lambda _file: content.decode())
    assert all(one.at and one.at.line for one in caught.value.problems), "an error without a place"
    for line in text.splitlines():
        if line.startswith("error: "):
            assert re.match(r"error: images\.lock:\d+:\d+: .*[^.]$", line)
    golden(ERRORS / case / "error.txt", text)


def test_the_text_is_sorted_and_says_who_writes_it() -> None:
    arm = tuple(map(Platform.parse, ("linux/arm64", "linux/amd64")))
    entries = {
        "python:3.12": Locked(ONE, arm, "2024-02-29"),
        "1/2:3": Locked(ONE, (), "2024-02-29"),
    }
    assert lock_text(Lock(entries)) == TEXT
    assert lock_text(load_lock(TEXT.encode(), "images.lock")) == TEXT
    assert load_lock(lock_text(Lock()).encode(), "images.lock") == Lock()


@given(locks)
def test_what_is_written_is_read(lock: Lock) -> None:
    assert load_lock(lock_text(lock).encode(), "images.lock") == lock


@pytest.mark.parametrize(
    ("spec", "lock"),
    [("a/images.yaml", "a/images.lock"), ("x.prod.yml", "x.prod.lock"), ("spec", "spec.lock")],
)
def test_a_lock_lies_beside_its_spec(spec: str, lock: str) -> None:
    assert lock_path(Path(spec)) == Path(lock)


def test_a_spec_is_not_its_own_lock() -> None:
    with pytest.raises(SpecError, match="is the name of a lock"):
        lock_path(Path("images.lock"))


def test_there_may_be_no_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "images.lock", "images.lock") is None


@pytest.mark.parametrize("kind", ["folder", "link to nothing", "too long"])
def test_what_cannot_be_read_is_not_taken_for_none(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "images.lock"
    match kind:
        case "folder":
            path.mkdir()
        case "link to nothing":
            path.symlink_to("nothing")
        case _:
            path.write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(SpecError) as caught:
        read_lock(path, "images.lock")
    assert caught.value.hint == "put it right, or remove it and run releaser lock"
