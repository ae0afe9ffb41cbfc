"""The version that a file declares: of a Python, Rust or JavaScript package, or a file VERSION.

Packages of Python have versions as PEP 440 writes them (https://peps.python.org/pep-0440/). They
stand for the semantic version in the same place: 1.5.0rc1 for 1.5.0-rc.1, 1.2 for 1.2.0. Some have
none: nothing is made up for them.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from releaser.core.pep440 import PythonVersion
from releaser.core.version import Version
from releaser.core.versioning.conventional import one_line
from releaser.errors import Location, SpecError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
"""How many names of a TOML file may stand behind one another; its reader is slow with more."""

_SEMANTIC = "MAJOR.MINOR.PATCH, perhaps with -PRERELEASE: 1.4.2, 2.0.0-rc.1"
_PYTHON = "releases of up to three numbers, perhaps with a, b, rc or .dev: 1.4.2, 1.5.0rc1"
_WORDS = {"a": "alpha", "b": "beta", "rc": "rc"}
_TOML_PLACE = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)\Z")
_TOML_OPAQUE = re.compile(
    r"""\#[^\n]*
    |\"{3}(?:[^\\]|\\.)*?(?:\"{3}|\\?\Z)
    |'{3}.*?(?:'{3}|\Z)
    |"(?:[^"\\\n]|\\[^\n])*"?
    |'[^'\n]*'?""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    text: str

    def wrong(
        self, message: str, hint: str, *, allowed: str = _SEMANTIC, line: int | None = None
    ) -> SpecError:
        """The complaint that the file has no version that can be used."""
        at = Location(self.name, line)
        return SpecError(message, at=at, details=(("allowed", allowed),), hint=hint)


def declared_version(name: str, text: bytes) -> Version:
    """The version that a file of this name declares.

    In ``pyproject.toml`` it is ``[project] version``, else ``[tool.poetry] version``; in
    ``Cargo.toml`` ``[package] version``, else ``[workspace.package] version``; in any other TOML or
    JSON file ``version``. Any other file has it in its first line that is neither empty nor a
    comment (``#``), perhaps with a leading ``v``; it may be written as for Python there.

    Raises:
        SpecError: there is none, it is no version, or the file cannot be read.
    """
    base = name.rpartition("/")[2]
    reader = _BY_NAME.get(base) or _BY_ENDING.get(base.rpartition(".")[2], _first_line)
    return reader(_File(name, _decoded(name, text)))


def semantic(found: PythonVersion) -> Version | str:
    """The semantic version that stands in the place of a Python one; a text says why none does."""
    if found.epoch:
        return "it has an epoch"
    if found.post is not None:
        return "it is a post-release"
    if found.local:
        return "it has a local part"
    if any(found.release[3:]):
        return "it has more than three numbers"
    if found.pre and found.dev is not None:
        return "it comes before a prerelease"
    early = ("dev", found.dev) if found.dev is not None else found.pre
    name = f"{_WORDS.get(early[0], early[0])}.{early[1]}" if early else None
    made = Version(*found.numbers, name)
    return made if Version.find(str(made)) else "it is too long"


def _decoded(name: str, text: bytes) -> str:
    if len(text) > MAX_BYTES:
        raise _File(name, "").wrong(
            "the file is larger than 1 MiB", "name the file that declares the version"
        )
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        message = "the file is not UTF-8"
        raise _File(name, "").wrong(message, "save it as UTF-8", line=line) from None


def _pyproject(file: _File) -> Version:
    data = _toml(file)
    project = _table(data, "project")
    dynamic = project.get("dynamic")
    found = project.get("version")
    if found is None and isinstance(dynamic, list) and "version" in dynamic:
        raise file.wrong(
            'the version is dynamic: "version" is in [project] dynamic',
            "name the file that the version is taken from, or write it in [project] version",
            allowed=_PYTHON,
        )
    found = _table(data, "tool", "poetry").get("version") if found is None else found
    return _python(file, _text(file, found, "[project] version or [tool.poetry] version"))


def _cargo(file: _File) -> Version:
    data = _toml(file)
    found = _table(data, "package").get("version")
    is_inherited = isinstance(found, dict) and found.get("workspace") is True
    if found is None or is_inherited:
        found = _table(data, "workspace", "package").get("version")
    if found is None and is_inherited:
        raise file.wrong(
            "the version is the workspace's: version.workspace = true",
            "name the Cargo.toml of the workspace",
        )
    return _written(file, _text(file, found, "[package] version or [workspace.package] version"))


def _top(read: Callable[[_File], object]) -> Callable[[_File], Version]:
    """A reader of ``version`` at the top of what ``read`` gives."""

    def reader(file: _File) -> Version:
        found = _table(read(file)).get("version")
        return _written(file, _text(file, found, 'a "version" at the top'))

    return reader


def _first_line(file: _File) -> Version:
    for number, line in enumerate(file.text.splitlines(), start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            found = Version.find(text.removeprefix("v"))
            python = None if found else PythonVersion.find(text)
            if python:
                return _python(file, text, number)
            return found or _written(file, text, number)
    raise file.wrong("the file declares no version", "write the version in its first line")


def _written(file: _File, text: str, line: int | None = None) -> Version:
    """The semantic version that ``text`` is."""
    found = Version.find(text)
    if found is None:
        python = PythonVersion.find(text)
        meant = semantic(python) if python else ""
        hint = f"write {meant}" if isinstance(meant, Version) else "write a version like 1.4.2"
        raise file.wrong(f"{_shown(text)} is not a version", hint, line=line)
    return found


def _python(file: _File, text: str, line: int | None = None) -> Version:
    """The semantic version in the place of the Python version that ``text`` is."""
    python = PythonVersion.find(text)
    found = semantic(python) if python else ""
    if isinstance(found, Version):
        return found
    message = f"{_shown(text)} is not a version"
    if found:
        message = f"no semantic version stands for {_shown(text)}: {found}"
    raise file.wrong(message, "write a version like 1.4.2 or 1.5.0rc1", allowed=_PYTHON, line=line)


def _toml(file: _File) -> object:
    # The reader's time grows with the square of how many names stand behind one another.
    plain = _TOML_OPAQUE.sub("x", file.text)
    if any(run.count(".") > MAX_DEPTH for run in re.findall(r"[\w. \t-]+", plain)):
        raise file.wrong("the file is nested too deeply", "name the file of a package")
    try:
        return tomllib.loads(file.text)
    except RecursionError:
        raise file.wrong("the file is nested too deeply", "name the file of a package") from None
    except ValueError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else None
        reason = _TOML_PLACE.sub("", one_line(str(error), 200))
        raise file.wrong(f"the file is not TOML: {reason}", "correct it", line=line) from None


def _json(file: _File) -> object:
    try:
        return json.loads(file.text)
    except RecursionError:
        raise file.wrong("the file is nested too deeply", "name the file of a package") from None
    except json.JSONDecodeError as error:
        message = f"the file is not JSON: {error.msg}"
        raise file.wrong(message, "correct it", line=error.lineno) from None
    except ValueError:
        raise file.wrong("the file has a number that is too long", "shorten it") from None


def _table(data: object, *path: str) -> Mapping[str, object]:
    """The map at the end of ``path``; an empty one where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _text(file: _File, value: object, where: str) -> str:
    if value is None:
        raise file.wrong("the file declares no version", f"write {where}")
    if not isinstance(value, str):
        raise file.wrong("the version must be text", f"write {where} between quotes")
    return value


def _shown(text: str) -> str:
    return f'"{one_line(text, 60)}"'


_BY_NAME: Mapping[str, Callable[[_File], Version]] = {
    "pyproject.toml": _pyproject,
    "Cargo.toml": _cargo,
}
_BY_ENDING: Mapping[str, Callable[[_File], Version]] = {"toml": _top(_toml), "json": _top(_json)}
