"""Build contexts as archives for the engine's own builder."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from releaser.engines.classic_context import GENERATED, packed
from releaser.errors import SpecError


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def archive(
    folder: Path, dockerfile: Path | None = None, *, changed: bool = False
) -> dict[str, str]:
    """What is in the archive of a context; ``-> DOCKERFILE`` is the Dockerfile's name in it."""
    path = dockerfile or folder / "Dockerfile"
    with packed(str(folder), str(path), "FROM sent\n", changed=changed) as sent:
        with tarfile.open(fileobj=sent.archive) as tar:
            members = tar.getmembers()
            assert all((m.uid, m.gid, m.uname, m.gname) == (0, 0, "", "") for m in members)
            assert len({m.name for m in members}) == len(members)
            found = {m.name: _content(tar, m) for m in members}
        return {**found, "->": sent.dockerfile}


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if not member.isreg():
        return "dir" if member.isdir() else f"link {member.linkname}"
    content = tar.extractfile(member)
    assert content
    return content.read().decode()


def test_an_ignored_dockerfile_is_sent_all_the_same(tmp_path: Path) -> None:
    write(
        tmp_path, {"Dockerfile": "FROM x", ".dockerignore": "*\n!a/keep", "a/keep": "k", "b/c": ""}
    )
    assert archive(tmp_path) == {
        ".dockerignore": "*\n!a/keep",
        "Dockerfile": "FROM x",
        "a": "dir",
        "a/keep": "k",
        "->": "Dockerfile",
    }


def test_a_changed_dockerfile_has_a_name_that_the_build_does_not_see(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM x", "f": "1"})
    assert archive(tmp_path, changed=True) == {
        "Dockerfile": "FROM x",
        "f": "1",
        ".dockerignore": f"{GENERATED}\n.dockerignore\n",
        GENERATED: "FROM sent\n",
        "->": GENERATED,
    }
    write(tmp_path, {".dockerignore": "f\n"})
    assert archive(tmp_path, changed=True) == {
        "Dockerfile": "FROM x",
        ".dockerignore": f"f\n{GENERATED}\n",
        GENERATED: "FROM sent\n",
        "->": GENERATED,
    }


def test_a_dockerfile_outside_of_the_context(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM x", "ctx/f": "1"})
    found = archive(tmp_path / "ctx", tmp_path / "Dockerfile")
    assert (found["->"], found["f"], found[GENERATED]) == (GENERATED, "1", "FROM sent\n")


def test_the_ignore_file_beside_the_dockerfile_comes_first(tmp_path: Path) -> None:
    write(tmp_path, {"d/X": "FROM x", "d/X.dockerignore": "d", ".dockerignore": "f", "f": "1"})
    found = archive(tmp_path, tmp_path / "d" / "X")
    assert "f" in found
    assert "d/X" not in found


def test_links_stay_links_and_second_names_are_files(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM x", "a": "same"})
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(".")
    found = archive(tmp_path)
    assert [found[name] for name in "abc"] == ["same", "same", "link /etc/passwd"]
    assert found["loop"] == "link ."


def test_odd_entries(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM x", "ünï\n": "1", "x" * 200: "2"})
    os.mkfifo(tmp_path / "fifo")
    os.utime(tmp_path / "Dockerfile", (-5, -5))
    found = archive(tmp_path)
    assert (found["ünï\n"], found["x" * 200]) == ("1", "2")


@pytest.mark.parametrize("files", [{}, {"ctx": "file"}, {"ctx/.dockerignore": "[a-"}])
def test_a_context_that_cannot_be_used(tmp_path: Path, files: Mapping[str, str]) -> None:
    write(tmp_path, files)
    with pytest.raises(SpecError):
        archive(tmp_path / "ctx")
