"""The files that a spec includes, on a real disk: what is read, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.errors import SpecError
from releaser.loader import DiskFiles, KnownFiles, load
from releaser.loader.including import MAX_FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, below another one with a file."""
    made = tmp_path / "spec"
    made.mkdir()
    (made / "a.yaml").write_text("images: {a: {}}\n")
    (tmp_path / "outside.yaml").write_text("images: {outside: {}}\n")
    return made


def refused(folder: Path, path: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        DiskFiles(folder).read(path)
    assert str(folder) not in str(caught.value)
    return caught.value


def test_a_link_is_followed_within_the_folder(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("a.yaml")
    assert DiskFiles(folder).read("link.yaml") == b"images: {a: {}}\n"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("../outside.yaml", "leaves the folder"),
        ("link.yaml", "leads to itself"),
        ("nothing.yaml", "there is no file"),
    ],
)
def test_a_link_that_leads_elsewhere(folder: Path, target: str, message: str) -> None:
    (folder / "link.yaml").symlink_to(target)
    assert message in refused(folder, "link.yaml").message


def test_what_is_no_file(folder: Path) -> None:
    (folder / "inner").mkdir()
    found = refused(folder, "inner")
    assert (found.message, found.hint) == (
        '"inner" is a folder', "name the file in it: inner/images.yaml"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("b.yaml", 'did you mean "a.yaml"?'),
        ("a.yaml/x", None),
        ("serivces/api/images.yaml", 'did you mean "services/api/images.yaml"?'),
        ("services/x/y.yaml", None),
    ],
)
def test_what_was_meant(folder: Path, path: str, hint: str | None) -> None:
    (folder / "services").mkdir()
    found = refused(folder, path)
    usual = "paths are seen from the folder of the file that names them"
    assert found.hint == (hint or usual)


def test_globs(folder: Path) -> None:
    for name in ("x/images.yaml", "x/y/images.yaml", ".git/images.yaml", "x/.hidden/images.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "z" / "images.yaml").mkdir(parents=True)
    files = DiskFiles(folder)
    assert files.matching("*/images.yaml") == ("x/images.yaml",)
    assert files.matching("**/images.yaml") == ("x/images.yaml", "x/y/images.yaml")
    assert files.matching(".git/*") == (".git/images.yaml",)
    assert files.matching("[!x]*.yaml") == ("a.yaml",)
    with pytest.raises(SpecError, match="is not a glob"):
        files.matching("a**.yaml")


@pytest.mark.parametrize("pattern", ["**", "x/**", "**/images.yaml", "*/**/*.yaml", "x/*"])
def test_globs_mean_the_same_where_files_are_known(folder: Path, pattern: str) -> None:
    names = ("a.yaml", "x/images.yaml", "x/y/images.yaml")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    known = KnownFiles(dict.fromkeys(names, b""))
    assert known.matching(pattern) == DiskFiles(folder).matching(pattern)


def test_too_many_files(folder: Path) -> None:
    for number in range(MAX_FILES + 1):
        (folder / f"f{number}.yml").write_text("")
    text = b'version: 1\ninclude: ["*.yml"]\nimages: {a: {}}\n'
    with pytest.raises(SpecError, match=f"more than {MAX_FILES} files"):
        load(text, "images.yaml", project="p", files=DiskFiles(folder))
