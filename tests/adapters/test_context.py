"""DiskContexts on a real disk: what only a disk has."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from releaser.core.dockerfile import PathUse
from releaser.core.facts import ContextFacts
from releaser.core.ignore import IgnoreFile
from releaser.errors import SpecError
from releaser.sources import context, hashing, tree
from releaser.sources.context import DiskContexts
from releaser.sources.hashing import Hasher
from releaser.sources.tree import Tree
from tests.generated_contexts import case


def copy(*sources: str, line: int = 2) -> PathUse:
    return PathUse(sources, line, "COPY")


def files(folder: Path, *uses: PathUse) -> ContextFacts:
    return DiskContexts().files(str(folder), str(folder / "Dockerfile"), uses or [copy(".")])


def paths(facts: ContextFacts) -> list[str]:
    return [file.path for file in facts.files]


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


# -- Dockerfiles ----------------------------------------------------------------------------------


def test_a_missing_dockerfile_names_what_lies_near(tmp_path: Path) -> None:
    for name in ("Dockerfile.prod", "Containerfile", "app.dockerfile", "Dockerfile.dockerignore"):
        (tmp_path / name).touch()
    with pytest.raises(SpecError, match="there is no Dockerfile") as caught:
        DiskContexts().dockerfile(str(tmp_path / "Dockerfile.pord"))
    assert dict(caught.value.details)["found here"] == (
        "Containerfile, Dockerfile.prod, app.dockerfile"
    )
    assert caught.value.hint == 'did you mean "Dockerfile.prod"?'


def test_a_mount_of_what_looks_like_a_pattern_is_explained(tmp_path: Path) -> None:
    write(tmp_path, x1__a="", Dockerfile="")
    hint = DiskContexts().explain_missing(str(tmp_path), str(tmp_path / "Dockerfile"), "x[1]")
    assert hint == 'did you mean "x1"?'


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no Dockerfile") as caught:
        DiskContexts().dockerfile(str(tmp_path / "gone" / "Dockerfile"))
    assert caught.value.hint == f'there is no folder "{tmp_path}/gone" either'


def test_the_lower_case_name_does(tmp_path: Path) -> None:
    (tmp_path / "dockerfile").write_text("FROM scratch\n")
    assert len(DiskContexts().dockerfile(str(tmp_path / "Dockerfile")).stages) == 1


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"\xef\xbb\xbfFROM scratch\n")
    assert len(DiskContexts().dockerfile(str(tmp_path / "Dockerfile")).stages) == 1


def test_text_that_is_not_utf8_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_bytes(b"FROM scratch\nLABEL a=\xff\n")
    with pytest.raises(SpecError, match="not UTF-8") as caught:
        DiskContexts().dockerfile(str(path))
    assert str(caught.value).startswith(f"{path}:2: ")


def test_a_dockerfile_is_a_regular_file_of_bounded_size(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"#" * (1 << 20) + b"\n")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    reasons = {}
    for name in ("large", "folder", "fifo", "loop"):
        with pytest.raises(SpecError, match="cannot be read") as caught:
            DiskContexts().dockerfile(str(tmp_path / name))
        reasons[name] = dict(caught.value.details)["reason"]
    assert reasons["large"] == "it is larger than 1 MiB"
    assert reasons["fifo"] == "it is not a regular file"
    assert reasons["folder"] == "it is not a regular file"
    assert "symbolic links" in reasons["loop"]


def test_a_dockerfile_is_parsed_again_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch\n")
    contexts = DiskContexts()
    first = contexts.dockerfile(str(path))
    assert contexts.dockerfile(str(path)) is first
    path.write_text("FROM scratch AS other\n")
    assert contexts.dockerfile(str(path)).stages[0].name == "other"


# -- contexts -------------------------------------------------------------------------------------


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("real")
    expected = {
        "file": ("is not a folder", f'a context is a folder: "{tmp_path}"'),
        "link": ("is a symbolic link", f'name the folder itself: "{tmp_path}/real"'),
        "reel": ("there is no build context", 'did you mean "real"?'),
        "gone/x": ("there is no build context", f'there is no folder "{tmp_path}/gone" either'),
    }
    for name, (message, hint) in expected.items():
        with pytest.raises(SpecError, match=message) as caught:
            files(tmp_path / name)
        assert caught.value.hint == hint


def test_a_context_below_a_link_is_fine(tmp_path: Path) -> None:
    write(tmp_path, real__c__a="")
    (tmp_path / "link").symlink_to("real")
    assert paths(files(tmp_path / "link" / "c")) == ["a"]


def test_links_in_a_folder_stay_links_and_sources_are_followed(tmp_path: Path) -> None:
    write(tmp_path, d__a="1", e__b="2")
    (tmp_path / "d" / "up").symlink_to("../e")
    (tmp_path / "to-d").symlink_to("/d")
    inside = files(tmp_path, copy("d"))
    assert [(f.path, f.kind) for f in inside.files] == [
        ("d", "directory"),
        ("d/a", "file"),
        ("d/up", "symlink"),
    ]
    followed = files(tmp_path, copy("to-d/up"))
    assert paths(followed) == ["d/up", "e", "e/b", "to-d"]


def test_the_target_of_a_link_counts(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("one")
    before = files(tmp_path)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("two")
    assert before != files(tmp_path)


def test_bytes_and_modes_count_and_times_do_not(tmp_path: Path) -> None:
    write(tmp_path, a="one")
    first = files(tmp_path)
    os.utime(tmp_path / "a", (1, 1))
    assert files(tmp_path) == first
    (tmp_path / "a").write_text("two")
    second = files(tmp_path)
    assert second != first
    (tmp_path / "a").chmod(0o755)
    assert files(tmp_path) not in (first, second)


def test_one_object_looks_once_and_a_new_one_looks_again(tmp_path: Path) -> None:
    write(tmp_path, a="one")
    contexts = DiskContexts()
    dockerfile = str(tmp_path / "Dockerfile")
    first = contexts.files(str(tmp_path), dockerfile, [copy(".")])
    write(tmp_path, a="changed", b="new")
    assert contexts.files(str(tmp_path), dockerfile, [copy(".")]) == first
    assert paths(files(tmp_path)) == ["a", "b"]


def test_a_narrow_source_looks_at_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, app__a="", huge__x__y="", other="")
    contexts = DiskContexts()
    folder = str(tmp_path)
    contexts.files(folder, f"{folder}/Dockerfile", [copy("app", "other", "ap*/a")])
    ((_, context),) = contexts._contexts.items()
    assert set(context.tree._children) == {"", "app"}
    assert {key[1] for key in contexts._hasher._known} == {"app/a", "other"}


def test_an_excluded_folder_is_never_read(tmp_path: Path) -> None:
    write(tmp_path, a="", node_modules__x__y="")
    seen = Tree(str(tmp_path), IgnoreFile.parse("node_modules\n!a/b"))
    assert [entry.path for entry in seen.below("")] == ["a"]
    assert set(seen._children) == {""}


def test_names_that_are_not_utf8_are_refused_unless_excluded(tmp_path: Path) -> None:
    write(tmp_path, a="")
    (tmp_path / os.fsdecode(b"bad\xff")).touch()
    with pytest.raises(SpecError, match=r'the name of "bad\\xff" in the build context is not'):
        files(tmp_path)
    write(tmp_path, **{".dockerignore": "bad*"})
    assert paths(files(tmp_path)) == [".dockerignore", "a"]
    (tmp_path / "link").symlink_to(os.fsdecode(b"bad\xff"))
    assert files(tmp_path, copy("link")).missing == (("link", 2),)


def test_an_ignore_file_that_is_a_folder_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, a="", **{".dockerignore__x": "a"})
    assert paths(files(tmp_path)) == [".dockerignore", ".dockerignore/x", "a"]


def test_an_ignore_file_that_leads_out_of_the_context_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, outside="*", c__a="")
    (tmp_path / "c" / ".dockerignore").symlink_to("../outside")
    assert paths(files(tmp_path / "c")) == [".dockerignore", "a"]


def test_a_bad_ignore_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, a="", **{".dockerignore": "a\n[\n"})
    with pytest.raises(SpecError, match="not a legal pattern") as caught:
        files(tmp_path)
    assert str(caught.value.at) == f"{tmp_path}/.dockerignore:2"
    (tmp_path / "Dockerfile.dockerignore").write_bytes(b"\xff")
    with pytest.raises(SpecError, match="not UTF-8") as caught:
        files(tmp_path)
    assert str(caught.value.at) == f"{tmp_path}/Dockerfile.dockerignore:1"


def test_a_bad_pattern_has_the_place_of_its_instruction(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="not a legal pattern") as caught:
        files(tmp_path, copy("a[", line=7))
    assert str(caught.value.at) == f"{tmp_path}/Dockerfile:7"


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder with a file and a folder that nobody may read, and a user who is not root."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # pytest's own folders are for their owner only
        write(folder, file="x", folder__x="x")
        (folder / "file").chmod(0)
        (folder / "folder").chmod(0)
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            (folder / "folder").chmod(0o755)


@pytest.mark.parametrize("name", ["file", "folder"])
def test_what_cannot_be_read_is_named(closed: Path, name: str) -> None:
    with pytest.raises(SpecError, match=f'"{name}" in the build context cannot be') as caught:
        files(closed, copy(name))
    assert dict(caught.value.details) == {"context": str(closed), "reason": "permission denied"}
    assert caught.value.hint == "make it readable, or exclude it in .dockerignore"


def test_what_cannot_be_read_does_not_matter_when_it_is_excluded(closed: Path) -> None:
    seen = Tree(str(closed), IgnoreFile.parse("file\nfolder"))
    assert seen.below("") == ()


def test_a_file_that_vanishes_while_it_is_hashed_is_named(tmp_path: Path) -> None:
    write(tmp_path, a="x", b="y")
    seen = Tree(str(tmp_path), IgnoreFile())
    entries = seen.below("")
    (tmp_path / "a").unlink()
    with pytest.raises(SpecError, match='"a" in the build context cannot be read'):
        Hasher().digests(seen, entries)


def test_a_file_that_becomes_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, a="x")
    seen = Tree(str(tmp_path), IgnoreFile())
    entries = seen.below("")
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    assert set(Hasher().digests(seen, entries)) == {"a"}


def test_large_files_hash_the_same_in_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        (tmp_path / f"large{n}").write_bytes(os.urandom(hashing.LARGE * (n + 1)))
        (tmp_path / f"small{n}").write_bytes(os.urandom(10))
    alone = files(tmp_path)
    monkeypatch.setattr(hashing, "WORTH_A_POOL", 1)
    monkeypatch.setattr(hashing, "THREADS", 4)
    assert files(tmp_path) == alone


def test_a_context_that_is_much_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, a="", b="", c="")
    monkeypatch.setattr(tree, "MAX_ENTRIES", 2)
    with pytest.raises(SpecError, match="more than 2 files"):
        files(tmp_path)


def test_a_very_deep_folder_is_no_trouble(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 800)
    (tmp_path / deep).mkdir(parents=True)
    assert len(files(tmp_path).files) == 800


def test_a_thousand_images_over_one_context_cost_one_walk(tmp_path: Path) -> None:
    for n in range(400):
        write(tmp_path, **{f"d{n % 20}__f{n}": str(n)})
    contexts = DiskContexts()
    dockerfile = str(tmp_path / "Dockerfile")
    started = time.perf_counter()
    answers = [
        contexts.files(str(tmp_path), dockerfile, [copy(".", line=n)]).files for n in range(1000)
    ]
    assert all(answer is answers[0] for answer in answers)
    assert time.perf_counter() - started < 5


def test_several_threads_get_one_answer(tmp_path: Path) -> None:
    for n in range(200):
        write(tmp_path, **{f"d{n % 7}__f{n}": str(n)})
    contexts = DiskContexts()
    found: list[ContextFacts] = []

    def ask() -> None:
        dockerfile = str(tmp_path / "Dockerfile")
        found.append(contexts.files(str(tmp_path), dockerfile, [copy(".")]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(one == found[0] for one in found)


# -- why nothing is found -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "explanation"),
    [
        ("out/x", '"out/x" is excluded by "out" in .dockerignore, line 2'),
        ("out", '"out" is excluded by "out" in .dockerignore, line 2'),
        ("src/man.py", 'did you mean "src/main.py"?'),
        ("scr/main.py", 'did you mean "src"?'),
        ("src/main.py/x", '"src/main.py" is not a folder'),
        ("src/main.py/*", '"src/main.py" is not a folder'),
        ("nothing/alike", '"nothing" does not exist'),
        ("to-src/man.py", 'did you mean "src/main.py"?'),
        ("dangling", '"dangling" is a symbolic link that leads nowhere inside the build context'),
        ("to-out", '"out" is excluded by "out" in .dockerignore, line 2'),
    ],
)
def test_why_nothing_is_found(tmp_path: Path, source: str, explanation: str) -> None:
    write(tmp_path, src__main_py="", out__x="", **{".dockerignore": "# made\nout\n"})
    (tmp_path / "src" / "main_py").rename(tmp_path / "src" / "main.py")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "to-out").symlink_to("out")
    (tmp_path / "to-src").symlink_to("src")
    assert files(tmp_path, copy(source)).missing == ((source, 2),)
    contexts = DiskContexts()
    found = contexts.explain_missing(str(tmp_path), str(tmp_path / "Dockerfile"), source)
    assert found == explanation


# -- paths that may be no more -------------------------------------------------------------------


def taken(folder: Path, uses: list[PathUse], asked: list[str]) -> list[str]:
    place = (str(folder), str(folder / "Dockerfile"))
    return sorted(DiskContexts().taken(*place, uses, asked))


def test_what_was_taken_through_a_link_counts(tmp_path: Path) -> None:
    write(tmp_path, d__a="")
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "nowhere").symlink_to("out/x")
    asked = ["d/a", "d/gone", "link", "nowhere", "out/x", "other"]
    assert taken(tmp_path, [copy("link")], asked) == ["d/a", "d/gone", "link"]
    assert taken(tmp_path, [copy("link/gone")], asked) == ["d/gone", "link"]
    assert taken(tmp_path, [copy("lin*")], asked) == ["d/a", "d/gone", "link"]
    assert taken(tmp_path, [copy("nowhere")], asked) == ["nowhere", "out/x"]


def test_what_was_a_file_and_is_a_folder_now_counts_as_both(tmp_path: Path) -> None:
    write(tmp_path, d__a="")
    assert taken(tmp_path, [copy("d")], ["d", "d/a", "d/b"]) == ["d", "d/a", "d/b"]
    assert taken(tmp_path, [copy("d/a")], ["d", "d/b"]) == ["d"]


def test_what_is_taken_is_known_without_reading_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, a="")
    monkeypatch.setattr(Hasher, "digests", None)
    assert taken(tmp_path, [copy(".")], ["a", "b"]) == ["a", "b"]


def test_what_was_asked_in_many_steps_is_the_same_as_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "MOST_LISTINGS", 3)
    write(tmp_path, d__1="")
    contexts = DiskContexts()
    place = (str(tmp_path), str(tmp_path / "Dockerfile"))
    for number in range(20):
        asked = [f"{folder}/{n}" for folder in "de" for n in range(number)]
        for use, folders in ((copy("d"), "d"), (copy("."), "de")):
            expected = {f"{folder}/{n}" for folder in folders for n in range(number)}
            assert contexts.taken(*place, [use], asked) == expected


def test_what_a_thousand_images_take_of_ten_thousand_paths(tmp_path: Path) -> None:
    write(tmp_path, **{f"s{n}__a": "" for n in range(1000)})
    asked = frozenset(f"s{n % 1000}/f{n // 1000}" for n in range(10_000))
    contexts = DiskContexts()
    started = time.perf_counter()
    for n in range(1000):
        place = (str(tmp_path), str(tmp_path / f"s{n}" / "Dockerfile"))
        assert len(contexts.taken(*place, [copy(f"s{n}"), copy("s1")], asked)) in {10, 20}
    took = time.perf_counter() - started
    assert took < 10, f"{took:.1f} s; on an idle machine it takes less than one"


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_files_that_are_gone_were_taken_as_if_they_were_there(tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 100):
        made = case(seed)
        root = tmp_path / str(seed)
        made.lay(root)
        asked = {one.path for one in made.nodes if one.kind == "file"}
        place = (str(root / "context"), str(made.dockerfile(root, "app", "FROM scratch\n")))
        there: dict[PathUse, set[str]] = {}
        for one in made.instructions:
            use = PathUse(one.sources, 2, one.keyword, one.exclude, literal=one.keyword == "RUN")
            with suppress(SpecError):  # a malformed pattern
                found = DiskContexts().files(*place, [use]).files
                there[use] = {file.path for file in found} & asked
        for path in asked:
            (root / "context" / path).unlink()
        contexts = DiskContexts()
        for use, expected in there.items():
            assert contexts.taken(*place, [use], asked) == expected, (seed, use)
