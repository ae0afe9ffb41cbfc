"""What a spec names on disk: other kinds of files, links that leave the tree, files without end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.conftest import Shop

Prepare = Callable[[Path], object]


def linked(name: str, target: str) -> Prepare:
    return lambda folder: (folder / name).symlink_to(target)


def fifo(name: str) -> Prepare:
    return lambda folder: os.mkfifo(folder / name)


def bound(name: str) -> Prepare:
    def prepare(folder: Path) -> None:
        with socket.socket(socket.AF_UNIX) as one:
            before = Path.cwd()
            os.chdir(folder)
            one.bind(name)
            os.chdir(before)

    return prepare


def sparse(name: str, size: int) -> Prepare:
    def prepare(folder: Path) -> None:
        with (folder / name).open("wb") as file:
            file.truncate(size)

    return prepare


def foreign(folder: Path) -> None:
    """A folder beside the project, and links into it."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "Dockerfile").write_text("FROM scratch\n")
    (outside / "secret").write_text("hunter2")
    (folder / "out").symlink_to("../outside")
    (folder / "far").symlink_to("out")
    (folder / "etc").symlink_to("/etc")


CONTEXTS = [
    pytest.param("nowhere", lambda _: None, 'there is no folder "nowhere"', id="S28c-missing"),
    pytest.param("Dockerfile", lambda _: None, '"Dockerfile" is no folder', id="S28c-file"),
    pytest.param("pipe", fifo("pipe"), '"pipe" is no folder', id="S28c-fifo"),
    pytest.param("s", bound("s"), '"s" is no folder', id="S28c-socket"),
    pytest.param("/dev/null", lambda _: None, "is not relative", id="S28c-device"),
    pytest.param("github.com/x/y", lambda _: None, "there is no folder", id="S28c-short-url"),
    pytest.param("loop", linked("loop", "loop"), "leads to itself", id="S28d-loop"),
    pytest.param("here", linked("here", "."), "is a symbolic link", id="S28d-link"),
    pytest.param("etc", foreign, "a link that leaves the folder", id="S28d-etc"),
    pytest.param("out", foreign, "a link that leaves the folder", id="S28d-out"),
    pytest.param("far", foreign, "a link that leaves the folder", id="S28d-chain"),
    pytest.param("out/below/..", foreign, "a link that leaves the folder", id="S28d-below"),
]


@pytest.mark.parametrize(("context", "prepare", "message"), CONTEXTS)
def test_a_context(shop: Shop, context: str, prepare: Prepare, message: str) -> None:
    prepare(shop.folder)
    shop.spec(f"context: {context}")
    ended = shop.refused("validate").says("images.yaml:4:14: ", message)
    assert ended.seconds < 5


def test_s28d_a_second_context_is_no_way_out(shop: Shop) -> None:
    foreign(shop.folder)
    shop.spec("context: .", "additional_contexts: {lib: out}")
    shop.refused("validate").says("images.yaml:5:32: ", "a link that leaves the folder")


DOCKERFILES = [
    pytest.param("sub", lambda folder: (folder / "sub").mkdir(), "not a regular file",
                 id="S29b-folder"),
    pytest.param("pipe", fifo("pipe"), "not a regular file", id="S29b-fifo"),
    pytest.param("huge", sparse("huge", 100 << 20), "larger than 1 MiB", id="S29b-100MB"),
    pytest.param("endless", sparse("endless", 1 << 40), "larger than 1 MiB", id="S29b-1TB"),
    pytest.param("nowhere", lambda _: None, 'there is no Dockerfile "nowhere"', id="S29b-missing"),
    pytest.param("loop", linked("loop", "loop"), "leads to itself", id="S29c-loop"),
    pytest.param("zero", linked("zero", "/dev/zero"), "a link that leaves", id="S29c-zero"),
    pytest.param("link", linked("link", "/etc/passwd"), "a link that leaves", id="S29c-passwd"),
    pytest.param("out/Dockerfile", foreign, "a link that leaves", id="S29c-below-a-link"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "prepare", "message"), DOCKERFILES)
def test_a_dockerfile(shop: Shop, name: str, prepare: Prepare, message: str) -> None:
    prepare(shop.folder)
    shop.spec(f"dockerfile: {name}")
    ended = shop.refused("validate").says("images.yaml:4:17: ", message)
    assert "root:" not in ended.err
    assert ended.seconds < 5


def test_s29c_a_dockerfile_that_nobody_named_is_no_way_out(shop: Shop) -> None:
    (shop.folder / "Dockerfile").unlink()
    (shop.folder / "Dockerfile").symlink_to("/etc/passwd")
    ended = shop.refused("validate").says("a link that leaves the folder")
    assert "root:" not in ended.err


@pytest.mark.parametrize("name", [".dockerignore", "Dockerfile.dockerignore"])
def test_s29c_an_ignore_file_is_no_way_out(shop: Shop, name: str) -> None:
    (shop.folder / name).symlink_to("/etc/passwd")
    ended = shop.refused("validate").says(f'{name}" is reached by a link that leaves the folder')
    assert "root:" not in ended.err


def test_s29d_texts_that_are_no_dockerfiles(shop: Shop) -> None:
    for content in (b"\xff\xfeF\0R\0", b"FROM \xff\n", b"", b"FROM\n", b"RUN x\n", b"\0" * 100):
        shop.write("Dockerfile", content)
        shop.refused("validate")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        pytest.param("*\n", "Dockerfile:2", 'excluded by "*" in .dockerignore', id="S30-all"),
        pytest.param("[a\n", ".dockerignore:1", "is not a legal pattern", id="S30-bad"),
        pytest.param("a" * 70_000, ".dockerignore:1", "more than 64 KiB", id="S30-long"),
        pytest.param("*" + "\n!../../etc/passwd\n!/etc\n", "Dockerfile:2", "excluded",
                     id="S30-out"),
    ],
)  # fmt: skip
def test_an_ignore_file(shop: Shop, text: str, place: str, message: str) -> None:
    shop.write("Dockerfile", "FROM scratch\nCOPY a /\n")
    shop.write("a")
    shop.write(".dockerignore", text)
    shop.refused("validate").says(place, message)


def test_s30_an_ignore_file_may_name_the_dockerfile(shop: Shop) -> None:
    shop.write("Dockerfile", "FROM scratch\nCOPY a /\n")
    shop.write("a")
    shop.write(".dockerignore", "Dockerfile\n.dockerignore\n!../x\n")
    assert shop.run("validate").code == 0


# -- files of a context ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(fifo("pipe"), id="S28e-fifo"),
        pytest.param(bound("socket"), id="S28e-socket"),
        pytest.param(linked("loop", "loop"), id="S28e-loop"),
        pytest.param(linked("zero", "/dev/zero"), id="S28e-zero"),
        pytest.param(linked("up", "../.."), id="S28e-up"),
    ],
)
def test_what_lies_in_a_context_is_not_followed(shop: Shop, prepare: Prepare) -> None:
    prepare(shop.folder)
    shop.write("Dockerfile", "FROM scratch\nCOPY . /\n")
    ended = shop.run("plan", "--version=1.0.0")
    assert ended.code == 0
    assert ended.seconds < 5


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("../../etc/passwd", 'copies "etc/passwd", which is not in', id="S28f-up"),
        pytest.param("/etc/passwd", 'copies "etc/passwd", which is not in', id="S28f-root"),
        pytest.param("link", "leads nowhere inside the build context", id="S28f-link"),
    ],
)
def test_a_copy_does_not_leave_its_context(shop: Shop, source: str, message: str) -> None:
    (shop.folder / "link").symlink_to("/etc/passwd")
    shop.write("Dockerfile", f"FROM scratch\nCOPY {source} /\n")
    shop.refused("validate").says("Dockerfile:2: ", message)


# -- secrets --------------------------------------------------------------------------------------


def test_s31b_a_secret_that_a_copy_takes(shop: Shop) -> None:
    shop.write("token.txt", "hunter2")
    shop.write("Dockerfile", "FROM scratch\nCOPY . /\n")
    shop.spec("context: .", "secrets: [{id: npm, file: ./token.txt}]")
    ended = shop.refused("validate")
    ended.says("images.yaml:5:31: ", 'takes "token.txt", the file of its secret "npm"')
    ended.says("hint: exclude it in .dockerignore")
    assert "hunter2" not in ended.err
    shop.refused("plan", "--version=1.0.0").says('takes "token.txt"')
    shop.write(".dockerignore", "*.txt\n")
    assert shop.run("validate").code == 0


def test_s31b_a_secret_of_another_context(shop: Shop) -> None:
    shop.write("lib/token.txt", "hunter2")
    shop.write("api/Dockerfile", "FROM scratch\nCOPY --from=lib . /\n")
    lines = ("context: api", "additional_contexts: {lib: lib}")
    shop.spec(*lines, "secrets: [{id: npm, file: lib/token.txt}]")
    shop.refused("validate").says('takes "lib/token.txt"')
    shop.write("api/Dockerfile", "FROM scratch\nCOPY --from=lib --exclude=*.txt . /\n")
    assert shop.run("validate").code == 0


def test_s31c_a_secret_behind_a_link(shop: Shop) -> None:
    foreign(shop.folder)
    shop.spec("secrets: [{id: a, file: out/secret}, {id: b, file: b}]")
    (shop.folder / "b").symlink_to("/etc/shadow")
    ended = shop.refused("validate")
    ended.says("images.yaml:4:29: ", "images.yaml:4:56: ", "give it in a variable")
    assert "hunter2" not in ended.err
