"""A plan that was saved, and what has moved since.

A saved plan is run by making the plan anew for the same request and comparing the two: what would
be done must be what was said, down to the digest that each tag has now. So a saved plan can be
refused, but it cannot be made to do anything that a fresh plan would not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from releaser.core.plan import SCHEMA, Plan
from releaser.errors import PlanError, SpecError

MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The plan's JSON, as plain data."""

    data: Mapping[str, object]

    @classmethod
    def parse(cls, text: bytes, file: str) -> SavedPlan:
        """The plan in ``text``.

        Raises:
            SpecError: it is no plan, one of another schema, or one that has asked no registry.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise SpecError(f"{file} is no plan: it is not JSON") from None
        if not isinstance(data, dict) or not isinstance(data.get("images"), list):
            raise SpecError(f"{file} is no plan", hint="save one: releaser plan -o plan.json")
        if data.get("schema") != SCHEMA:
            raise SpecError(
                f'{file} is a plan of schema "{data.get("schema")}"',
                details=(("known", str(SCHEMA)),),
                hint="save it anew with this releaser",
            )
        if data.get("offline"):
            raise SpecError(
                f"{file} was made offline: it does not know what the registries hold",
                hint="save one that does: releaser plan -o plan.json",
            )
        return cls(data)

    @property
    def commanded(self) -> tuple[str | None, tuple[str, ...]]:
        """The version that a person chose, and the images that it was chosen for.

        ``None`` where the checkout said all of them.
        """
        images = _by(self.data, "images", "name")
        chosen = {
            name: one.get("version") or self.data.get("version")
            for name, one in images.items()
            if one.get("commanded")
        }
        version = next(iter(chosen.values()), None)
        return (version if isinstance(version, str) else None), tuple(chosen)

    @property
    def images(self) -> tuple[str, ...]:
        """The names of the images that it is about."""
        return tuple(_by(self.data, "images", "name"))

    def reasons(self) -> Iterator[tuple[str, str, str, str]]:
        """Of every image its name, what is done with it, and the code and detail of the reason."""
        for name, one in _by(self.data, "images", "name").items():
            reason = one.get("reason")
            said = reason if isinstance(reason, dict) else {}
            action, code = str(one.get("action", "")), str(said.get("code", ""))
            yield name, action, code, str(said.get("detail", ""))


def check_unmoved(saved: SavedPlan, now: Plan) -> None:
    """Raise :class:`PlanError` that names everything in which the world has moved since."""
    moved = tuple(_differences(saved.data, now.as_json()))
    if moved:
        raise PlanError(
            "the saved plan is stale: the world has moved since",
            details=moved[:40],
            hint="look at a fresh plan, and save it outside every build context: "
            "releaser plan -o plan.json",
        )


def _differences(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key in ("project", "version"):
        if old.get(key) != new.get(key):
            yield key, _change(old.get(key), new.get(key))
    before, after = _by(old, "images", "name"), _by(new, "images", "name")
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield name, "is new" if name in after else "is gone"
            continue
        yield from _image_differences(name, before[name], after[name])


def _image_differences(
    name: str, old: Mapping[str, object], new: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    for key in ("version", "fingerprint", "action", "digest", "platforms"):
        if old.get(key) != new.get(key):
            yield f"{name} {key}", _change(old.get(key), new.get(key))
    before, after = _by(old, "references", "reference"), _by(new, "references", "reference")
    for reference in sorted(before.keys() | after.keys()):
        was, now = before.get(reference, {}), after.get(reference, {})
        for key in ("action", "from"):
            if was.get(key) != now.get(key):
                yield f"{reference} {key}", _change(was.get(key), now.get(key))


def _by(data: Mapping[str, object], key: str, name: str) -> dict[str, Mapping[str, object]]:
    """The entries of a list by their names."""
    items = data.get(key)
    found = items if isinstance(items, list) else []
    return {str(one[name]): one for one in found if isinstance(one, dict) and name in one}


def _change(old: object, new: object) -> str:
    return f"{_shown(old)} → {_shown(new)}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
