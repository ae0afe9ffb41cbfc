"""The steps of a GitHub workflow that build images, each with what is known in its job."""

from __future__ import annotations

import posixpath
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
    """The builds without those that only try, or load for a test, what another one publishes."""
    published = {_what(one) for one in builds if _publishes(one)}
    return [one for one in builds if _publishes(one) or _what(one) not in published]


def _publishes(build: Build) -> bool:
    """Whether a step may push: one that says so, or nothing of where its image goes."""
    push = str(build.inputs.get("push", "")).lower()
    return push not in {"", "false"} or not (push or "load" in build.inputs)


def _what(build: Build) -> tuple[str, ...]:
    """What a step builds, and where: the job, context, Dockerfile and target."""
    context = str(build.inputs.get("context") or ".")
    file = str(build.inputs.get("file") or "") or posixpath.join(context, "Dockerfile")
    places = (posixpath.normpath(one) for one in (context, file))
    return (build.job, *places, str(build.inputs.get("target") or ""))


def builds_of(data: dict[str, Any], losses: Losses, origin: Origin) -> Iterator[Build]:
    """The steps of all jobs that build an image, in the order of the file."""
    for job, body in _map(data.get("jobs")).items():
        steps = [one for one in _list(_map(body).get("steps")) if isinstance(one, dict)]
        env = {**_map(data.get("env")), **_map(_map(body).get("env"))}
        matrix = _matrix(_map(_map(body).get("strategy")).get("matrix"), job, losses)
        rows = [{}, *rows_of(matrix.get("include"))]
        axes = {*matrix, *(key for row in rows for key in row)} - {"include", "exclude"}
        metas: dict[str, dict[str, Any]] = {}
        if _uses(steps, META) and not _uses(steps, BUILD):
            losses.add(f"job {job}", META, "no step of the job builds: its tags are not read")
        for step in steps:
            uses = _action(step)
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


def _action(step: dict[str, Any]) -> str:
    return str(step.get("uses", "")).partition("@")[0].lower()


def _uses(steps: list[dict[str, Any]], action: str) -> bool:
    return any(_action(one) == action for one in steps)


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
