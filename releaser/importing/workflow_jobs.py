"""The steps of a GitHub workflow that build images, each with what is known in its job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from releaser.importing.draft import Losses, Value
from releaser.importing.expanding import Expander
from releaser.importing.remote import Origin

BUILD, META = "docker/build-push-action", "docker/metadata-action"


@dataclass(slots=True)
class Build:
    """A step that builds: its job, its inputs, and the metadata-action steps before it."""

    job: str
    inputs: dict[str, Any]
    metas: dict[str, dict[str, Any]]
    expander: Expander
    matrix: dict[str, Value]


def once(builds: list[Build]) -> list[Build]:
    """The builds without those that only load for a test what another one of the job pushes."""

    def same(one: Build, other: Build) -> bool:
        keys = ("context", "file", "target")
        return all(one.inputs.get(key) == other.inputs.get(key) for key in keys)

    return [
        one
        for one in builds
        if "load" not in one.inputs
        or not any(two is not one and two.job == one.job and same(one, two) for two in builds)
    ]


def builds_of(data: dict[str, Any], losses: Losses, origin: Origin) -> Iterator[Build]:
    """The steps of all jobs that build an image, in the order of the file."""
    for job, body in _map(data.get("jobs")).items():
        steps = [one for one in _list(_map(body).get("steps")) if isinstance(one, dict)]
        env = {**_map(data.get("env")), **_map(_map(body).get("env"))}
        matrix = _matrix(_map(_map(body).get("strategy")).get("matrix"), job, losses)
        rows = [{}, *rows_of(matrix.get("include"))]
        axes = {*matrix, *(key for row in rows for key in row)} - {"include", "exclude"}
        metas: dict[str, dict[str, Any]] = {}
        for step in steps:
            uses = str(step.get("uses", "")).partition("@")[0].lower()
            inputs = _map(step.get("with"))
            if uses == META:
                metas[str(step.get("id", ""))] = inputs
            if uses == BUILD:
                known = {**env, **_map(step.get("env"))}
                texts = {key: str(one) for key, one in known.items()}
                expander = Expander(origin, losses, f"job {job}", texts, frozenset(axes))
                yield Build(job, dict(inputs), dict(metas), expander, matrix)
            elif uses == "docker/bake-action":
                losses.add(f"job {job}", "docker/bake-action", "releaser init --from bake reads it")


def rows_of(value: Value | None) -> list[dict[str, Value]]:
    """The rows of a matrix's ``include`` or ``exclude``."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _matrix(value: object, job: str, losses: Losses) -> dict[str, Value]:
    if not isinstance(value, dict):
        if value is not None:
            losses.add(f"job {job}", "its matrix", "only a run of the workflow knows it")
        return {}
    found: dict[str, Value] = {}
    for axis, items in value.items():
        if not isinstance(items, list) or "${{" in str(items):
            losses.add(f"job {job}", f"matrix.{axis}", "only a run of the workflow knows it")
        else:
            found[str(axis)] = items
    return found


# Images.


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
