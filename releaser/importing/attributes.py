"""Build attributes that bake, Compose and build-push-action write in the same ways."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping

from releaser.core.spec.paths import check_remote, is_remote, join
from releaser.errors import SpecError
from releaser.importing.draft import Value

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Say = Callable[[str, str], None]
"""Notes that something is lost: what, and why."""


def fields_of(line: str) -> dict[str, str]:
    """The fields of ``type=env,id=pip``: comma separated values, quoted where they hold a comma."""
    row = next(csv.reader([line]), [])
    pairs = (one.partition("=") for one in row)
    return {key.strip(): value for key, _, value in pairs}


def records_of(text: str) -> list[str]:
    """The records of an input that is a list: lines, or several in quotes.

    As docker/actions-toolkit reads them (``Util.getInputList``), commas within left alone. A quote
    that is not closed takes all that follows along.

    Raises:
        SpecError: one is longer than 128 KiB.
    """
    try:
        rows = [",".join(row).strip() for row in csv.reader(io.StringIO(text, newline=""))]
    except csv.Error as error:
        raise SpecError(f"a list of a workflow cannot be read: {error}") from None
    return [one for one in rows if one and not one.startswith("#")]


def line_of(fields: Mapping[str, Value]) -> str:
    """Fields as one line; a list is repeated fields in it."""
    pairs = [(key, one) for key, value in fields.items() for one in _many(value)]
    pairs.sort(key=lambda pair: pair[0] != "type")
    return ",".join(f'"{k}={v}"' if "," in str(v) else f"{k}={v}" for k, v in pairs)


def _many(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def as_lines(values: Value, say: Say, what: str) -> list[Value]:
    """Caches and the like: each a line, or a map of its fields."""
    found: list[Value] = []
    for one in _many(values):
        if isinstance(one, dict):
            found.append(line_of(one))
        elif isinstance(one, str) and one:
            found.append(one)
        elif one is not None and one != "":
            say(what, f"{one} is not read")
    return list(dict.fromkeys(str(one) for one in found))


def secrets_of(values: Value, say: Say) -> list[Value]:
    """Secrets as the file has them: an id, and the variable or the file with the value."""
    found: dict[str, Value] = {}
    for one in _many(values):
        if one in (None, ""):
            continue
        fields = dict(one) if isinstance(one, dict) else dict(fields_of(str(one)))
        secret = _secret({key: str(value) for key, value in fields.items()}, say)
        if secret is not None:
            found[str(secret["id"])] = dict(secret)
    return list(found.values())


def _secret(fields: Mapping[str, str], say: Say) -> dict[str, Value] | None:
    name = fields.get("id", "")
    file = fields.get("src") or fields.get("source") or fields.get("file")
    variable = fields.get("env")
    if fields.get("type") == "env" and file and not variable:
        variable, file = file, None
    if file and (file.startswith(("/", "~", "..", "$")) or "\\" in file):
        variable = re.sub(r"\W", "_", name).upper()
        say(
            f"secret {name}",
            f"its file {file} is outside of the folder: give its content in {variable}",
        )
        file = None
    if file:
        return {"id": name, "file": file}
    variable = variable or name
    if not name or not _VARIABLE.fullmatch(variable):
        say(f"secret {name or '(without id)'}", "no variable is named that holds it")
        return None
    return {"id": name, "env": variable}


def ssh_of(values: Value, say: Say) -> list[Value]:
    """SSH agents and keys: ``default`` or ``id=path``."""
    found: list[Value] = []
    for one in _many(values):
        if isinstance(one, dict):
            paths = one.get("paths")
            first = next(iter(_many(paths)), None) if paths else None
            name = str(one.get("id", "default"))
            text = f"{name}={first}" if first else name
        else:
            text = str(one or "")
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:=[^,\n]+)?", text):
            found.append(text)
        elif text:
            say("ssh", f"{text} is not read")
    return list(dict.fromkeys(str(one) for one in found))


def provenance_of(values: Value, say: Say) -> str | bool | None:
    """What of ``attest`` or ``provenance`` there is: settings, or whether there is any."""
    found: str | bool | None = None
    for one in _many(values):
        if isinstance(one, bool):
            found = one
            continue
        fields = dict(one) if isinstance(one, dict) else fields_of(str(one or ""))
        kind = str(fields.pop("type", "provenance"))
        off = str(fields.pop("disabled", "false")).lower() in {"true", "1"}
        if kind != "provenance":
            if not off:
                say(f"attestation {kind}", "only provenance is made")
        else:
            rest = {key: value for key, value in fields.items() if value}
            plain = next(iter(fields), "true").lower()
            found = False if off or plain == "false" else (line_of(rest) or True)
    return found


def hosts_of(values: Value) -> dict[str, Value]:
    """Lines for ``/etc/hosts`` as a map."""
    if isinstance(values, dict):
        return dict(values)
    found: dict[str, Value] = {}
    for one in _many(values):
        name, mark, address = str(one).partition("=")
        if not mark:
            name, _, address = str(one).partition(":")
        if name and address:
            found[name] = address.strip("[]") if address.startswith("[") else address
    return found


def pairs_of(values: Value, say: Say, what: str) -> dict[str, Value]:
    """A map, or lines of ``NAME=value``, as a map; one without a value is noted."""
    if isinstance(values, dict):
        pairs: Iterable[tuple[str, Value]] = values.items()
    else:
        lines = (str(one) for one in _many(values) if one is not None)
        split = (one.partition("=") for one in lines)
        pairs = [(name, value if equals else None) for name, equals, value in split]
    found: dict[str, Value] = {}
    for name, value in pairs:
        if value is None:
            say(f"{what} {name}", "it has its value from the environment: give it with a variable")
        elif isinstance(value, bool):
            found[name] = "true" if value else "false"
        else:
            found[name] = str(value)
    return found


def path_of(path: str, folder: str) -> str:
    """A path that is seen from ``folder`` as one that is seen from the folder of the file."""
    if is_remote(path) or path.startswith(("/", "~", "target:", "service:")):
        return path
    return join(folder, path)


def usable(source: str) -> bool:
    """Whether an additional context can be written: below the folder, or a URL without a login."""
    if not is_remote(source):
        return source.startswith(("target:", "service:")) or inside(source)
    try:
        check_remote(source)
    except SpecError:
        return False
    return True


def inside(path: str) -> bool:
    """Whether a path stays below the folder of the file."""
    return not path.startswith(("/", "~")) and path.partition("/")[0] != ".."


def dockerfile_of(dockerfile: str) -> str | None:
    """A Dockerfile, as seen from its context; ``None`` for the usual one."""
    tidy = posixpath.normpath(dockerfile)
    return None if tidy == "Dockerfile" else tidy
