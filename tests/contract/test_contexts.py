"""What every implementation of Contexts must do; run on the disk and on the fake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from releaser.core.dockerfile import PathUse
from releaser.core.facts import ContextFacts
from releaser.errors import SpecError
from releaser.interfaces import Contexts
from releaser.sources.context import DiskContexts
from tests.fakes.contexts import MemoryContexts

Make = Callable[[Mapping[str, str]], tuple[Contexts, str]]


@pytest.fixture(params=["disk", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes contexts that hold files (a path that ends in / is a folder), and says their root."""

    def on_disk(files: Mapping[str, str]) -> tuple[Contexts, str]:
        for name, text in files.items():
            path = tmp_path / name
            folder = path if name.endswith("/") else path.parent
            for one in [folder, *folder.parents]:
                if one.is_relative_to(tmp_path) and not one.exists():
                    one.mkdir(parents=True)
            if not name.endswith("/"):
                path.write_bytes(text.encode())
        for path in tmp_path.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return DiskContexts(), str(tmp_path)

    def in_memory(files: Mapping[str, str]) -> tuple[Contexts, str]:
        return MemoryContexts({f"/src/{name}": text for name, text in files.items()}), "/src"

    return on_disk if request.param == "disk" else in_memory


def copy(*sources: str, line: int = 2, exclude: tuple[str, ...] = ()) -> PathUse:
    return PathUse(sources, line, "COPY", exclude)


def paths(facts: ContextFacts) -> list[str]:
    return [file.path for file in facts.files]


def test_a_dockerfile_is_parsed(make: Make) -> None:
    contexts, root = make({"Dockerfile": "FROM scratch AS one\nFROM one AS two\n"})
    parsed = contexts.dockerfile(f"{root}/Dockerfile")
    assert [stage.name for stage in parsed.stages] == ["one", "two"]
    assert contexts.dockerfile(f"{root}/Dockerfile") == parsed


def test_a_missing_dockerfile_is_an_error_that_names_it(make: Make) -> None:
    contexts, root = make({"other": ""})
    with pytest.raises(SpecError, match="Dockerfile"):
        contexts.dockerfile(f"{root}/Dockerfile")


def test_a_malformed_dockerfile_is_an_error_with_its_place(make: Make) -> None:
    contexts, root = make({"Dockerfile": "FROM scratch\nNONSENSE\n"})
    with pytest.raises(SpecError) as caught:
        contexts.dockerfile(f"{root}/Dockerfile")
    assert caught.value.at is not None
    assert caught.value.at.line == 2


def test_files_come_sorted_with_kind_mode_and_hash(make: Make) -> None:
    contexts, root = make({"c/b.txt": "b", "c/a/x.txt": "x", "c/empty/": "", "c/Dockerfile": ""})
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [copy(".")])
    assert [(file.path, file.kind, file.mode) for file in facts.files] == [
        ("Dockerfile", "file", 0o644),
        ("a", "directory", 0o755),
        ("a/x.txt", "file", 0o644),
        ("b.txt", "file", 0o644),
        ("empty", "directory", 0o755),
    ]
    digests = {file.path: file.digest for file in facts.files}
    assert digests["a"] == ""
    assert digests["b.txt"] == hashlib.sha256(b"b").hexdigest()
    assert facts.missing == ()


def test_only_what_is_used_counts(make: Make) -> None:
    contexts, root = make({"c/a.txt": "", "c/b.txt": "", "c/d/x": "", "c/d/y/z": ""})
    assert paths(contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [])) == []
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [copy("a.txt"), copy("d")])
    assert paths(facts) == ["a.txt", "d", "d/x", "d/y", "d/y/z"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("*.txt", ["a.txt", "b.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[a]*", ["a.txt"]),
        ("[^a]*", ["b.txt", "d", "d/a.txt", "d/e", "d/e/a.txt"]),
        ("*", ["a.txt", "b.txt", "d", "d/a.txt", "d/e", "d/e/a.txt"]),
        ("*/a.txt", ["d/a.txt"]),
        ("**/a.txt", ["d/a.txt"]),
        ("d/*", ["d/a.txt", "d/e", "d/e/a.txt"]),
        ("d/e/../a.txt", ["d/a.txt"]),
        ("/d/e/", ["d/e", "d/e/a.txt"]),
        ("../../a.txt", ["a.txt"]),
        ("nothing*", []),
        ("d/nothing*", []),
    ],
)
def test_a_source_is_a_path_or_a_pattern(make: Make, source: str, expected: list[str]) -> None:
    contexts, root = make({"c/a.txt": "", "c/b.txt": "", "c/d/a.txt": "", "c/d/e/a.txt": ""})
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [copy(source)])
    assert (paths(facts), facts.missing) == (expected, ())


def test_a_source_that_is_not_there_is_missing_with_its_line(make: Make) -> None:
    contexts, root = make({"c/a.txt": "", "c/out/x": "", "c/.dockerignore": "out\n"})
    uses = [copy("a.txt", "gone", line=4), copy("out", line=3), copy("no/*", line=9)]
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", uses)
    assert paths(facts) == ["a.txt"]
    assert facts.missing == (("out", 3), ("gone", 4), ("no/*", 9))


def test_the_ignore_file_is_applied(make: Make) -> None:
    files = {"c/a.log": "", "c/b": "", "c/out/x": "", "c/out/keep": ""}
    contexts, root = make({**files, "c/.dockerignore": "*.log\nout\n!out/keep\n.dockerignore\n"})
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [copy(".")])
    assert paths(facts) == ["b", "out", "out/keep"]


def test_the_ignore_file_beside_the_dockerfile_comes_first(make: Make) -> None:
    files = {"c/a": "", "c/b": "", "c/.dockerignore": "a\n", "d/app.Dockerfile.dockerignore": "b\n"}
    contexts, root = make(files)
    facts = contexts.files(f"{root}/c", f"{root}/d/app.Dockerfile", [copy(".")])
    assert paths(facts) == [".dockerignore", "a"]


def test_an_empty_ignore_file_beside_the_dockerfile_turns_the_other_one_off(make: Make) -> None:
    files = {"c/a": "", "c/.dockerignore": "*\n", "c/Dockerfile.dockerignore": ""}
    contexts, root = make(files)
    assert "a" in paths(contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [copy(".")]))


def test_exclude_counts_from_the_folder_that_is_copied(make: Make) -> None:
    contexts, root = make({"c/d/a.md": "", "c/d/e/b.md": "", "c/d/e/c.txt": "", "c/t.md": ""})
    use = copy("d", "t.md", exclude=("*.md", "e/b.*"))
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [use])
    assert paths(facts) == ["d", "d/e", "d/e/c.txt", "t.md"]


def test_parents_reaches_any_depth_and_counts_the_folders_above(make: Make) -> None:
    contexts, root = make({"c/d/a.txt": "", "c/d/e/b.txt": "", "c/t.txt": "", "c/z/x.md": ""})
    use = PathUse(("**/*.txt",), 2, "COPY", (), None, parents=True)
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [use])
    assert paths(facts) == ["d", "d/a.txt", "d/e", "d/e/b.txt", "t.txt"]
    one = PathUse(("d/e/b.txt",), 2, "COPY", (), None, parents=True)
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [one])
    assert paths(facts) == ["d", "d/e", "d/e/b.txt"]


def test_the_source_of_a_mount_is_a_path_also_where_it_looks_like_a_pattern(make: Make) -> None:
    contexts, root = make({"c/x[1]/a": "", "c/x1/b": "", "c/d*/c": "", "c/dd": ""})
    uses = [PathUse((one,), 2, "RUN --mount", literal=True) for one in ("x[1]", "d*")]
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", uses)
    assert paths(facts) == ["d*", "d*/c", "x[1]", "x[1]/a"]
    patterns = [copy("x[1]", "d*")]
    facts = contexts.files(f"{root}/c", f"{root}/c/Dockerfile", patterns)
    assert paths(facts) == ["d*", "d*/c", "dd", "x1", "x1/b"]


def test_uses_of_another_context_do_not_count(make: Make) -> None:
    contexts, root = make({"c/a": ""})
    other = PathUse(("a",), 2, "COPY", (), "docs")
    assert contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [other]) == ContextFacts()


def test_a_named_context_has_no_dockerfile(make: Make) -> None:
    contexts, root = make({"c/a": "", "c/b": "", "c/.dockerignore": "b\n"})
    use = PathUse((".",), 2, "COPY", (), "docs")
    assert paths(contexts.files(f"{root}/c", "", [use])) == [".dockerignore", "a"]


def test_a_context_that_is_not_there_is_an_error(make: Make) -> None:
    contexts, root = make({"c/a": ""})
    with pytest.raises(SpecError, match="no build context"):
        contexts.files(f"{root}/gone", f"{root}/c/Dockerfile", [copy(".")])


def test_a_malformed_pattern_is_an_error(make: Make) -> None:
    contexts, root = make({"c/a": "", "d/a": "", "d/.dockerignore": "ok\n[\n"})
    with pytest.raises(SpecError, match="not a legal pattern"):
        contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [copy("a[")])
    with pytest.raises(SpecError, match="not a legal pattern") as caught:
        contexts.files(f"{root}/d", f"{root}/d/Dockerfile", [copy("a")])
    assert caught.value.at is not None
    assert caught.value.at.line == 2


def test_the_same_question_gets_the_same_answer(make: Make) -> None:
    contexts, root = make({"c/a": "x", "c/d/b": "y"})
    asked = [contexts.files(f"{root}/c", f"{root}/c/Dockerfile", [copy(".")]) for _ in range(3)]
    assert asked[0] == asked[1] == asked[2]


# -- paths that may be no more -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (copy("."), ["a.txt", "d/b.txt", "d/gone/c.txt", "gone.txt"]),
        (copy("gone.txt"), ["gone.txt"]),
        (copy("*.txt"), ["a.txt", "gone.txt"]),
        (copy("d"), ["d/b.txt", "d/gone/c.txt"]),
        (copy("d/gone"), ["d/gone/c.txt"]),
        (copy("d/*/c.txt", "nothing"), ["d/gone/c.txt"]),
        (copy("d", exclude=("gone",)), ["d/b.txt"]),
        (PathUse(("**/c.txt",), 2, "COPY", parents=True), ["d/gone/c.txt"]),
        (PathUse(("d*",), 2, "RUN --mount", literal=True), []),
        (PathUse(("a.txt",), 2, "COPY", context="docs"), []),
    ],
)
def test_what_was_taken_of_files_that_are_no_more(
    make: Make, use: PathUse, expected: list[str]
) -> None:
    contexts, root = make({"c/a.txt": "", "c/d/b.txt": "", "c/.dockerignore": "*.log\n"})
    asked = ["a.txt", "d/b.txt", "d/gone/c.txt", "gone.txt", "gone.log", "../out.txt", "/abs"]
    found = contexts.taken(f"{root}/c", f"{root}/c/Dockerfile", [use], asked)
    assert sorted(found) == expected


def test_what_is_taken_grows_with_what_is_asked(make: Make) -> None:
    contexts, root = make({"c/a": "", "c/.dockerignore": "out\n!out/keep\n"})
    place = (f"{root}/c", f"{root}/c/Dockerfile")
    assert contexts.taken(*place, [copy(".")], []) == frozenset()
    assert contexts.taken(*place, [], ["a"]) == frozenset()
    assert contexts.taken(*place, [copy("."), copy("a")], {"a", "b"}) == {"a", "b"}
    assert contexts.taken(*place, [copy(".")], ["out/x", "out/keep"]) == {"out/keep"}
    assert contexts.taken(*place, [copy("b")], ("a", "b", "b/c")) == {"b", "b/c"}
    assert contexts.taken(*place, [copy(".")], {"b"}) == {"b"}


def test_a_folder_counts_where_something_in_it_is_taken(make: Make) -> None:
    """As git names a submodule."""
    contexts, root = make({"c/m/x/y": "", "c/other/z": ""})
    place = (f"{root}/c", f"{root}/c/Dockerfile")
    assert contexts.taken(*place, [copy("m/x")], ["m", "other"]) == {"m"}


def test_what_was_taken_of_a_context_that_is_not_there_is_an_error(make: Make) -> None:
    contexts, root = make({"c/a": ""})
    with pytest.raises(SpecError, match="no build context"):
        contexts.taken(f"{root}/gone", f"{root}/c/Dockerfile", [copy(".")], ["a"])
