"""Why images are built, or are not: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from releaser.core.comparison import Change, How, renamed
from releaser.core.explain import upstream_of, value_of
from releaser.core.plan import Action, ImagePlan, Plan, TagAction
from releaser.reports.text import reason_words
from releaser.reports.words import clean

SCHEMA = 1
MOST = 50
"""How many changes of one image are shown to a person."""

_KINDS = {
    "base": "base image",
    "host": "extra host",
    "url": "ADD",
    "release": "not pinned, so built for each release",
}
_SETTLED = {
    Action.UP_TO_DATE: "is up to date",
    Action.RETAG: "is not built, only tagged",
    Action.COPY: "is not built, only copied",
    Action.PUSH: "is not built, only pushed",
    Action.BUILD: "is built",
}


def why_text(plan: Plan, images: Sequence[str]) -> str:
    """Each of ``images`` with its reason; what an upstream's change comes from stands below it."""
    known = {image.name: image for image in plan.images}
    lines = [line for name in images for line in _lines(known[name], known, frozenset())]
    return "\n".join(lines) + "\n"


def why_json(plan: Plan, images: Sequence[str]) -> dict[str, object]:
    """The same as plain data: ``images``, and with them every upstream that their changes name."""
    known = {image.name: image for image in plan.images}
    ahead, found = list(images), dict[str, ImagePlan]()
    while ahead:
        name = ahead.pop(0)
        if name in known and name not in found:
            found[name] = known[name]
            ahead.extend(upstream_of(change) for change in _upstreams(known[name]))
    return {"schema": SCHEMA, "images": [_entry(found[name]) for name in sorted(found)]}


def _entry(image: ImagePlan) -> dict[str, object]:
    compared = image.comparison
    return {
        "name": image.name,
        "action": image.action.value,
        "reason": {"code": image.reason.code.value, "detail": image.reason.detail},
        "fingerprint": str(image.fingerprint),
        "since": compared.since if compared else None,
        "changes": [_change(change) for change in compared.changes] if compared else [],
    }


def _change(change: Change) -> dict[str, str | None]:
    return {
        "kind": change.kind,
        "name": change.name,
        "where": change.where or None,
        "how": change.how.value,
        "before": change.before,
        "after": change.after,
    }


def _upstreams(image: ImagePlan) -> tuple[Change, ...]:
    changes = image.comparison.changes if image.comparison else ()
    return tuple(change for change in changes if change.kind == "upstream")


def _lines(
    image: ImagePlan, known: Mapping[str, ImagePlan], above: frozenset[str]
) -> Iterator[str]:
    compared = image.comparison
    what = f"{image.name} {_SETTLED[image.action]}"
    for one in image.references:
        if one.action is TagAction.REFUSE:
            yield f"{one.reference} is refused: {one.reason} ({one.before})"
    if image.action is not Action.BUILD or compared is None or not compared.changes:
        yield f"{what}: {reason_words(image)}"
        return
    count = len(compared.changes)
    differ = "1 thing differs" if count == 1 else f"{count} things differ"
    yield f"{what}: {differ} from {clean(compared.since) or 'its last release'}"
    lines = list(_own_lines(compared.own))
    yield from (f"  {clean(line)}" for line in lines[:MOST])
    if len(lines) > MOST:
        yield f"  … and {len(lines) - MOST} lines more (--format json has all)"
    for change in _upstreams(image):
        yield clean(f"  upstream {change.name} {_HOW[change.how]}")
        upstream = upstream_of(change)
        if upstream in known and upstream not in above and change.how is not How.REMOVED:
            below = _lines(known[upstream], known, above | {image.name})
            yield from (f"    {line}" for line in below)


_HOW = {How.CHANGED: "changed", How.ADDED: "is new", How.REMOVED: "is gone"}


def _own_lines(changes: Sequence[Change]) -> Iterator[str]:
    moved = dict(renamed(changes))
    hidden = set(moved.values())
    width = max(
        (len(_what(change)) for change in changes if change.kind != "dockerfile"), default=0
    )
    for change in changes:
        if change in moved:
            yield f"{_what(change):<{width}}  is now {moved[change].name}"
        elif change.kind == "dockerfile":
            yield f"Dockerfile{_where(change)}"
            yield from (f"  {sign} {text}" for sign, text in change.instructions)
        elif change not in hidden:
            yield f"{_what(change):<{width}}  {_values(change)}".rstrip()


def _what(change: Change) -> str:
    """A changed ingredient by its kind and its name."""
    kind = _KINDS.get(change.kind, change.kind)
    return f"{kind}{_where(change)} {change.name}".rstrip()


def _where(change: Change) -> str:
    return f" ({change.where})" if change.where else ""


def _values(change: Change) -> str:
    if change.kind == "file":
        return _file_values(change)
    if change.kind in {"secret", "ssh"}:
        return _HOW[change.how]
    return f"{value_of(change, change.before)} → {value_of(change, change.after)}"


def _file_values(change: Change) -> str:
    if change.before is None or change.after is None:
        return _HOW[change.how]
    was, now = change.before.split(" "), change.after.split(" ")
    changed = [
        f"{word}{old} → {new}"
        for word, old, new in zip(("", "mode ", ""), _padded(was), _padded(now), strict=True)
        if old != new
    ]
    return ", ".join(changed)


def _padded(parts: Iterable[str]) -> tuple[str, str, str]:
    kind, mode, content, *_ = (*parts, "", "", "")
    return kind, mode, content or "empty"
