"""The version that a file declares."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version as PackagingVersion

from releaser.core.pep440 import PythonVersion
from releaser.core.version import Version
from releaser.core.versioning import declared_version
from releaser.core.versioning.files import MAX_BYTES, MAX_DEPTH, semantic
from releaser.errors import Location, SpecError


def complaint(name: str, text: str | bytes) -> SpecError:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(SpecError) as caught:
        declared_version(name, raw)
    return caught.value


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("pyproject.toml", '[project]\nversion = "1.5.0rc1"', "1.5.0-rc.1"),
        ("a/b/pyproject.toml", '[tool.poetry]\nversion = "1.2"', "1.2.0"),
        ("pyproject.toml", '[project]\nversion="2.0"\n[tool.poetry]\nversion="1.0"', "2.0.0"),
        ("pyproject.toml", '[project]\ndynamic=["readme"]\n[tool.poetry]\nversion="1"', "1.0.0"),
        ("Cargo.toml", '[package]\nversion = "1.5.0-rc.1+b"', "1.5.0-rc.1+b"),
        ("Cargo.toml", '[workspace.package]\nversion = "1.5.0"', "1.5.0"),
        (
            "Cargo.toml",
            '[package]\nversion.workspace = true\n[workspace.package]\nversion = "1.5.0"',
            "1.5.0",
        ),
        ("package.json", '{"version": "1.5.0-rc.1"}', "1.5.0-rc.1"),
        ("composer.json", '\ufeff{"version": "1.5.0"}', "1.5.0"),
        ("chart.toml", 'version = "1.5.0"', "1.5.0"),
        ("VERSION", "1.5.0", "1.5.0"),
        ("VERSION", "\ufeff# a comment\r\n\r\n  v1.5.0-rc.1  \r\nmore", "1.5.0-rc.1"),
        ("version.txt", "1.5.0b2\n", "1.5.0-beta.2"),
        ("VERSION", "1.5.0-1", "1.5.0-1"),
        ("VERSION", "v1.5", "1.5.0"),
        (".toml/VERSION", "1.5.0", "1.5.0"),
        ("json", '{"version": "1.5.0"}', "1.5.0"),
    ],
)
def test_the_version_that_a_file_declares(name: str, text: str, version: str) -> None:
    assert str(declared_version(name, text.encode())) == version


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        ("pyproject.toml", "[project]\ndynamic = ['version']", "is dynamic", "name the file"),
        (
            "pyproject.toml",
            "[project]\ndynamic = ['version']\n[tool.poetry]\nversion = '0.0.0'",
            "is dynamic",
            "[project] version",
        ),
        ("pyproject.toml", "", "declares no version", "[project] version or [tool.poetry]"),
        ("pyproject.toml", "project = 1\ntool = []", "declares no version", "[project]"),
        ("pyproject.toml", "[project]\ndynamic = 'version'", "declares no version", ""),
        ("pyproject.toml", "[project]\nversion = 1.5", "must be text", "between quotes"),
        ("pyproject.toml", "[project]\nversion = 'x'", '"x" is not a version', "1.5.0rc1"),
        ("pyproject.toml", "[project]\nversion = '1!2'", "it has an epoch", "1.5.0rc1"),
        ("Cargo.toml", "[package]\nversion.workspace = true", "the workspace's", "Cargo.toml of"),
        ("Cargo.toml", "[package]\nversion.workspace = false", "must be text", "[package]"),
        ("Cargo.toml", "[package]", "declares no version", "[workspace.package] version"),
        ("Cargo.toml", "[package]\nversion = '1.5'", '"1.5" is not a version', "write 1.5.0"),
        ("package.json", '{"version": "v1.5.0"}', "is not a version", "write 1.5.0"),
        ("package.json", '{"version": "1.0.post1"}', "is not a version", "1.4.2"),
        ("package.json", '{"version": null}', "declares no version", '"version" at the top'),
        ("package.json", '{"version": ["1.5.0"]}', "must be text", "between quotes"),
        ("package.json", '{"version": "\\ud800\\u001b"}', '"" is not a version', ""),
        ("package.json", "[]", "declares no version", ""),
        ("package.json", f'{{"a": {"1" * 5000}}}', "a number that is too long", ""),
        ("a.toml", f"a = {'1' * 5000}", "not TOML: Exceeds", ""),
        ("a.toml", "a" + ".a" * (MAX_DEPTH + 1) + " = 1", "nested too deeply", ""),
        ("a.toml", "[" + '"a" .' * (MAX_DEPTH + 1) + "'b']", "nested too deeply", ""),
        ("a.toml", "a = " + "[" * 100_000, "nested too deeply", ""),
        ("a.json", "[" * 100_000, "nested too deeply", ""),
        ("VERSION", "", "declares no version", "first line"),
        ("VERSION", "# 1.5.0\n\n", "declares no version", "first line"),
        ("VERSION", "x" * MAX_BYTES, "…", "1.4.2"),
        ("VERSION", "x" * (MAX_BYTES + 1), "larger than 1 MiB", "name the file"),
    ],
)
def test_what_is_refused(name: str, text: str, message: str, hint: str) -> None:
    error = complaint(name, text)
    assert message in error.message
    assert hint in (error.hint or "")
    assert dict(error.details)["allowed"]
    assert error.at is not None
    assert error.at.file == name


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("VERSION", b"# a\n\n1.x", 3),
        ("VERSION", b"# a\n1.0.post1", 2),
        ("VERSION", b"1\n\xff", 2),
        ("a.toml", b"a = 1\nb =", None),
        ("a.toml", b"a = 1\nb = =", 2),
        ("a.json", b'{"a": 1,\n}', 2),
        ("pyproject.toml", b"\xff\xfe", 1),
    ],
)
def test_where_it_is_wrong(name: str, text: bytes, line: int | None) -> None:
    assert complaint(name, text).at == Location(name, line)


def test_dots_in_text_are_not_deep() -> None:
    dots = "a." * 200
    text = f"a = \"{dots}\"\nb = \"\"\"\n{dots}\n\"\"\"\nc = '{dots}' # {dots}\nd = '''{dots}'''\n"
    versions = ", ".join(['"1.2.3"', "1.5"] * 100)
    whole = f"{text}\ne = [{versions}]\nversion = '1.0.0'"
    assert declared_version("a.toml", whole.encode()) == Version(1, 0, 0)


# -- versions of Python


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1.0.0"),
        ("1.2.3", "1.2.3"),
        ("1.2.3.0", "1.2.3"),
        ("0!1.2", "1.2.0"),
        ("1.5.0a2", "1.5.0-alpha.2"),
        ("1.5.0-beta", "1.5.0-beta.0"),
        ("1.5.0c1", "1.5.0-rc.1"),
        ("1.5.0.dev3", "1.5.0-dev.3"),
        ("1!1.0", "it has an epoch"),
        ("1.0.post1", "it is a post-release"),
        ("1.0+local", "it has a local part"),
        ("1.2.3.4", "it has more than three numbers"),
        ("1.0rc1.dev2", "it comes before a prerelease"),
        ("1.0a" + "1" * 120, "it is too long"),
    ],
)
def test_the_semantic_version_in_the_same_place(text: str, expected: str) -> None:
    found = PythonVersion.find(text)
    assert found is not None
    assert str(semantic(found)) == expected


releases = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda n: ".".join(map(str, n)))
early = st.builds("{}{}".format, st.sampled_from(["", "a", "b", "rc"]), st.integers(0, 12)).map(
    lambda one: one if one[0].isalpha() else ""
)


@given(st.lists(st.builds("{}{}".format, releases, early), min_size=2, max_size=6))
def test_the_order_stays(texts: list[str]) -> None:
    def made(text: str) -> Version:
        found = PythonVersion.find(text)
        assert found is not None
        version = semantic(found)
        assert isinstance(version, Version)
        return version

    ordered = sorted(texts, key=PackagingVersion)
    assert [str(made(one)) for one in ordered] == [str(one) for one in sorted(map(made, ordered))]


# -- hostile files

names = st.sampled_from(["pyproject.toml", "Cargo.toml", "package.json", "x.toml", "VERSION"])
words = st.sampled_from(
    [
        *(
            "[project]",
            "[tool.poetry]",
            "[package]",
            "[workspace.package]",
            "\n",
            "=",
            ".",
            "[[a]]",
        ),
        *("version", 'version = "1.2.3"', "version.workspace = true", "dynamic = ['version']", '"'),
        *('{"version":', "}", "1.5.0rc1", "[", "{", "'''", '"""', "\\", "#", " ", "1e9", "\ufeff"),
        *("1979-05-27T07:32:00Z", "99999-01-01", "nan", "\\ud800", "\x00", "v", "!"),
    ]
)
anything = st.binary(max_size=60) | st.lists(words, max_size=12).map(
    lambda one: "".join(one).encode()
)
versions_of_sorts = st.text("0123456789.abcrvpostdev!+-_ ", max_size=14)
data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | versions_of_sorts,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.just("version") | st.text(), some),
    max_leaves=6,
)


def check(name: str, text: bytes) -> None:
    """It declares a version that can be written and read, or the complaint is one line of text."""
    try:
        found = declared_version(name, text)
    except SpecError as error:
        wrong = error
    else:
        assert Version.find(str(found)) == found
        return
    assert wrong.message.encode().count(b"\n") == 0
    assert wrong.hint


@given(names, anything)
def test_any_file_is_read(name: str, text: bytes) -> None:
    check(name, text)


@given(data)
def test_any_json_is_read(value: object) -> None:
    check("package.json", json.dumps(value).encode())


@given(versions_of_sorts)
def test_any_version_is_read(text: str) -> None:
    check("VERSION", text.encode())
    check("pyproject.toml", f'[project]\nversion = "{text}"'.encode())


@pytest.mark.parametrize("name", ["a.toml", "a.json", "VERSION"])
@pytest.mark.parametrize(
    ("start", "unit", "end"),
    [
        ("", "a.", "a=1"),
        ("", '" ".', "a=1"),
        ("a=", "[", ""),
        ("", "a={", ""),
        ("", '"', ""),
        ("", '"""\\', ""),
        ("", "'''\n", ""),
        ("[", "a.", "a]\n" + "\n".join(f"k{n}=1" for n in range(10_000))),
        ("a=", "1", ""),
        ("", " ", "x"),
        ("", "a", ""),
        ("", "\n", "1.0.0"),
        ("", '#"\n', ""),
        ("a=1979-05-27T07:32:00.", "9", ""),
        ("", "\\", ""),
    ],
)
def test_megabytes_are_harmless(name: str, start: str, unit: str, end: str) -> None:
    began = time.perf_counter()
    check(name, f"{start}{unit * (900_000 // len(unit))}{end}".encode())
    assert time.perf_counter() - began < 10
