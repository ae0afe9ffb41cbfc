"""What BuildKit really sees of a context, held against what DiskContexts says it sees.

Each case is built from scratch and the result is read as a tar archive. A case of COPY . compares
paths, kinds and modes; the others compare the contents that arrive, since COPY renames.
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from releaser.core.dockerfile import parse, target_use
from releaser.core.facts import ContextFacts
from releaser.errors import SpecError
from releaser.sources.context import DiskContexts

pytestmark = pytest.mark.engine

Layout = Mapping[str, str]
"""Files by path: ``path/`` is a folder, ``path@`` a link whose target is the text."""


def lay(root: Path, layout: Layout, dockerfile: str) -> None:
    for name, text in {"Dockerfile": dockerfile, **layout}.items():
        path = root / name.removesuffix("@")
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif name.endswith("@"):
            path.symlink_to(text)
        else:
            path.write_text(text)
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def built(root: Path) -> list[tarfile.TarInfo] | str:
    """What the image holds, or the end of the complaint where the build fails."""
    done = subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--output=type=tar,dest=-", str(root)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        return done.stderr.decode(errors="replace")[-400:]
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = archive.getmembers()
        for one in members:
            held = archive.extractfile(one) if one.isreg() else None
            text = held.read() if held else one.linkname.encode()
            one.pax_headers = {"sha256": "" if one.isdir() else hashlib.sha256(text).hexdigest()}
        return members


def seen(root: Path) -> ContextFacts:
    path = str(root / "Dockerfile")
    contexts = DiskContexts()
    use = target_use(contexts.dockerfile(path), None, {})
    return contexts.files(str(root), path, use.paths)


IGNORED: dict[str, tuple[str, Layout]] = {
    "nothing": ("", {"a": "", "d/e/": "", "d/f": ""}),
    "everything": ("*", {"a": "", "d/f": ""}),
    "one file": ("a", {"a": "", "b/a": ""}),
    "at any depth": ("**/a", {"a": "", "b/a": "", "b/ba": "", "b/a.txt": ""}),
    "ends in": ("**foo", {"barfoo": "", "a/barfoo": "", "a/foo/x": "", "foob": ""}),
    "begins with": ("foo**", {"foo/x": "", "foobar/y": "", "foob": "", "a/foo": ""}),
    "all in a folder": ("foo/**", {"foo/x": "", "foobar/y": "", "foob": "", "a/foo": ""}),
    "stars in the middle": ("a/**/z", {"a/z": "", "a/b/z": "", "a/b/c/z": "", "a/bz": ""}),
    "a folder and a negation": ("out\n!out/keep", {"out/x": "", "out/keep": "", "a": ""}),
    "a negation too early": ("!out/keep\nout", {"out/x": "", "out/keep": "", "a": ""}),
    "order decides": ("b\n!b/c\nb/*", {"b/c": "", "b/d": "", "a": ""}),
    "an allow-list": ("*\n!src\n**/*.log", {"src/a": "", "src/x/b.log": "", "README": ""}),
    "an allow-list deep down": ("*\n!a/b/c", {"a/b/c/d": "", "a/b/e": "", "a/x": ""}),
    "negated at any depth": ("**\n!**/c", {"foo": "", "b/c": "", "b/d/c/e": ""}),
    "a parent's negation": ("a/b\n!a", {"a/b": "", "a/c": ""}),
    "a nested negation": ("**/b\n!a/b/d", {"a/b/c": "", "a/b/d": "", "a/e": ""}),
    "a deep one": ("a/b/*\n!a/b/c/d", {"a/b/c/d": "", "a/b/c/e": "", "a/x": ""}),
    "dots and slashes": (
        "x/../foo\n../b\n./c/./\n.\n/\n/d/\n//e",
        {"foo": "", "b": "", "c": "", "d": "", "e": "", "x/y": ""},
    ),
    "spaces, comments, CRLF": (
        " a \r\n#b\r\n  #c\r\n\r\n! d\r\n",
        {"a": "", "b": "", "#c": "", "#b": "", "d": ""},
    ),
    "a byte order mark": ("\ufefffoo", {"foo": "", "b": ""}),
    "letter case": ("foo*", {"Foo": "", "foo2": ""}),
    "question marks": ("?\na?c", {"ü": "", "uu": "", "abc": "", "a/c": ""}),
    "classes": (
        "a[a-c]\nb[^x]\nc[!x]",
        {"ab": "", "ad": "", "bx": "", "by": "", "c!": "", "cy": ""},
    ),
    "escapes": ("a\\*c\nd\\d\n[*]x", {"a*c": "", "abc": "", "d1": "", "dd": "", "*x": ""}),
    "characters of regexes": ("a{b}*\nc.d\n(e)+", {"a{b}1": "", "cxd": "", "(e)+": "", "ee": ""}),
    "empty folders": ("a/b", {"a/b/": "", "c/": "", "d/e/f/": ""}),
    "links": ("t\nl/x", {"t": "", "a/l@": "../t", "d/x": "", "l@": "d", "gone@": "nowhere"}),
    "the Dockerfile itself": ("Dockerfile\n.dockerignore", {"a": ""}),
}


@pytest.mark.parametrize("case", IGNORED)
def test_a_build_sees_what_we_say(tmp_path: Path, case: str) -> None:
    ignore, layout = IGNORED[case]
    files = {**layout, ".dockerignore": ignore} if ignore else layout
    lay(tmp_path, files, "FROM scratch\nCOPY . /\n")
    members = built(tmp_path)
    assert not isinstance(members, str), members
    kinds = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symlink"}
    expected = [
        (one.name.rstrip("/"), kinds[one.type], one.mode, one.pax_headers["sha256"])
        for one in members
    ]
    found = seen(tmp_path)
    assert [(f.path, f.kind, f.mode, f.digest) for f in found.files] == sorted(expected)


TREE: Layout = {
    "a.txt": "1",
    "b.txt": "2",
    "a.md": "3",
    "d/a.txt": "4",
    "d/e/b.txt": "5",
    "d/e/c.md": "6",
    "link@": "d",
    "to-file@": "d/e/b.txt",
    "out-of-here@": "../../d/a.txt",
    "absolute@": "/d/e",
    "x/back@": "..",
    "[odd].txt": "7",
}

COPIED: dict[str, tuple[str, Layout]] = {
    "a file": ("COPY a.txt /", {}),
    "a folder": ("COPY d /", {}),
    "stars": ("COPY *.txt /", {}),
    "question marks": ("COPY ?.txt /", {}),
    "a class": ("COPY [ab].txt /", {}),
    "a negated class": ("COPY [^a].txt /", {}),
    "a class meets a slash": ("COPY d[^x]a.txt /", {}),
    "an escaped bracket": ("COPY [[]odd].txt /", {}),
    "two stars are one": ("COPY **/*.txt /", {}),
    "a star for a folder": ("COPY d/* /", {}),
    "nothing matches": ("COPY a.txt none* /", {}),
    "dots": ("COPY ../d/./e/../a.txt /", {}),
    "a link to a folder": ("COPY link /", {}),
    "a link to a file": ("COPY to-file /", {}),
    "a link on the way": ("COPY link/e /", {}),
    "a pattern behind a link": ("COPY link/*.txt /", {}),
    "a link that would leave": ("COPY out-of-here /", {}),
    "an absolute link": ("COPY absolute /", {}),
    "a pattern meets links": ("COPY l* to* /", {}),
    "a pattern does not pass links": ("COPY a.md l*/a.txt /", {}),
    "exclude": ("COPY --exclude=e/*.md --exclude=a.txt d /", {}),
    "exclude leaves files alone": ("COPY --exclude=a.* a.txt a.md d /", {}),
    "exclude with a negation": ("COPY --exclude=e --exclude=!e/b.txt d /", {}),
    "exclude that is rooted": ("COPY --exclude=/e d /", {}),
    "an ignored folder, one file kept": ("COPY d /", {".dockerignore": "d\n!d/a.txt"}),
    "a pattern, one file kept": ("COPY d* /", {".dockerignore": "d\n!d/a.txt"}),
    "ignored files of a folder": ("COPY d /", {".dockerignore": "d/*"}),
    "a pattern over ignored files": ("COPY a.md *.txt /", {".dockerignore": "*.txt"}),
    "a bind mount's kin": ("COPY d/e/b.txt a.md /", {".dockerignore": "**/*.md\n!a.md"}),
}


@pytest.mark.parametrize("case", COPIED)
def test_an_instruction_takes_what_we_say(tmp_path: Path, case: str) -> None:
    instruction, more = COPIED[case]
    lay(tmp_path, {**TREE, **more}, f"FROM scratch\n{instruction}\n")
    members = built(tmp_path)
    assert not isinstance(members, str), members
    expected = {one.pax_headers["sha256"] for one in members if one.isreg()}
    found = seen(tmp_path)
    assert found.missing == ()
    assert {file.digest for file in found.files if file.kind == "file"} == expected


REFUSED: dict[str, tuple[str, Layout]] = {
    "no such file": ("COPY none /", {}),
    "no such folder before a star": ("COPY none/* a.txt /", {}),
    "below a file": ("COPY a.txt/b /", {}),
    "an ignored file": ("COPY a.txt /", {".dockerignore": "a.*"}),
    "an ignored folder": ("COPY d /", {".dockerignore": "d"}),
    "an ignored link": ("COPY link /", {".dockerignore": "link"}),
    "a link to something ignored": ("COPY link /", {".dockerignore": "d"}),
    "a link to nowhere": ("COPY nowhere /", {"nowhere@": "gone"}),
    "a pattern that meets one": ("COPY nowh* /", {"nowhere@": "gone"}),
    "a link to itself": ("COPY loop /", {"loop@": "loop"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_missing_for_us_fails_in_a_build(tmp_path: Path, case: str) -> None:
    instruction, more = REFUSED[case]
    lay(tmp_path, {**TREE, **more}, f"FROM scratch\n{instruction}\n")
    assert isinstance(built(tmp_path), str)
    ((source, line),) = seen(tmp_path).missing
    assert (source in instruction, line) == (True, 2)


@pytest.mark.parametrize("ignore", ["[", "a[]", "a[b-]", "!", "x\\", "[b-a]x", "ok\n[z"])
def test_a_pattern_that_we_refuse_fails_in_a_build(tmp_path: Path, ignore: str) -> None:
    lay(tmp_path, {"a": "", ".dockerignore": ignore}, "FROM scratch\nCOPY . /\n")
    assert isinstance(built(tmp_path), str)
    with pytest.raises(SpecError, match="not a legal pattern"):
        seen(tmp_path)


def test_modes_sockets_and_fifos(tmp_path: Path) -> None:
    lay(tmp_path, {"d/a": "x"}, "FROM scratch\nCOPY . /\n")
    os.mkfifo(tmp_path / "fifo", 0o640)
    (tmp_path / "d").chmod(0o2775)
    (tmp_path / "d" / "a").chmod(0o4711)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
    members = built(tmp_path)
    assert not isinstance(members, str), members
    found = {file.path: file for file in seen(tmp_path).files}
    assert {one.name.rstrip("/"): one.mode for one in members} == {
        path: file.mode for path, file in found.items()
    }
    assert found["socket"].digest == hashlib.sha256(b"").hexdigest()


def test_an_ignore_file_beside_the_dockerfile_wins_even_when_it_is_empty(tmp_path: Path) -> None:
    files = {"a": "", ".dockerignore": "a", "Dockerfile.dockerignore": ""}
    lay(tmp_path, files, "FROM scratch\nCOPY . /\n")
    members = built(tmp_path)
    assert not isinstance(members, str), members
    assert {one.name for one in members} == {file.path for file in seen(tmp_path).files}


@pytest.mark.parametrize("target", ["rules/mine", "/rules/mine", "../../rules/mine"])
def test_an_ignore_file_that_is_a_link_is_followed_inside_the_context(
    tmp_path: Path, target: str
) -> None:
    files = {"a": "", "b": "", "rules/mine": "a", ".dockerignore@": target}
    lay(tmp_path, files, "FROM scratch\nCOPY . /\n")
    members = built(tmp_path)
    assert not isinstance(members, str), members
    assert {one.name.rstrip("/") for one in members} == {f.path for f in seen(tmp_path).files}


def test_a_dockerfile_that_needs_nothing_takes_nothing(tmp_path: Path) -> None:
    lay(tmp_path, {"a": ""}, "FROM scratch\nLABEL a=b\n")
    assert target_use(parse("FROM scratch\n", "Dockerfile"), None, {}).paths == ()
    assert seen(tmp_path) == ContextFacts()
