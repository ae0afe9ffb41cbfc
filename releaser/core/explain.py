"""Why an image must be built: what differs from its last release, followed to the root cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from releaser.core.candidate import Candidate, World
from releaser.core.comparison import Change, Comparison, How, compare, renamed
from releaser.core.rebuild import Build, Decision, Reason, ReasonCode
from releaser.core.record import Record, Unreadable

_CODES = {
    "dockerfile": ReasonCode.DOCKERFILE_CHANGED,
    "arg": ReasonCode.ARG_CHANGED,
    "base": ReasonCode.BASE_CHANGED,
    "upstream": ReasonCode.UPSTREAM_CHANGED,
}
_FILES = {
    How.CHANGED: ReasonCode.FILE_CHANGED,
    How.ADDED: ReasonCode.FILE_ADDED,
    How.REMOVED: ReasonCode.FILE_REMOVED,
}
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains builds. ``root`` is the folder that paths are shown from."""

    world: World
    root: str

    def local(self, candidate: Candidate) -> Build:
        """The decision to build an image that the engine does not have."""
        return Build(Reason(ReasonCode.NOT_IN_ENGINE, candidate.fingerprint.tag))

    def published(self, candidate: Candidate, upstream: Mapping[str, Decision]) -> Build:
        """The decision to build an image that no registry has, measured against its last record."""
        record = self.world.records.get(candidate.name)
        match record:
            case Record():
                if record.image != candidate.name:
                    return Build(
                        Reason(ReasonCode.RECORD_UNREADABLE, f"it is that of {record.image[:80]}")
                    )
                comparison = self._compare(record, candidate)
                return Build(_compared(candidate, comparison, upstream), comparison)
            case Unreadable(why):
                return Build(Reason(ReasonCode.RECORD_UNREADABLE, why))
            case None:
                return Build(self._unrecorded(candidate, upstream))

    def _unrecorded(self, candidate: Candidate, upstream: Mapping[str, Decision]) -> Reason:
        tags = self.world.registries.tags
        if not any(tags.get(repository) for _, repository in candidate.repositories):
            return Reason(ReasonCode.FIRST_BUILD, f"nothing in {candidate.repositories[0][1]}")
        built = [edge.needs for edge in candidate.image.edges if is_new(upstream[edge.needs])]
        if built:
            return Reason(ReasonCode.UPSTREAM_CHANGED, ", ".join(built))
        what = f"no {candidate.fingerprint.tag} in the registry, and no record of the last release"
        return Reason(ReasonCode.INPUTS_CHANGED, what)

    def _compare(self, record: Record, candidate: Candidate) -> Comparison:
        """What differs, with files named as they are seen from the spec's folder."""
        found = compare(record, candidate.record())
        path_of = candidate.image.path_of
        changes = (
            replace(one, name=path_of(one.where, one.name, self.root), where="")
            if one.kind == "file"
            else one
            for one in found.changes
        )
        return replace(found, changes=tuple(dict.fromkeys(changes)))


def _compared(
    candidate: Candidate, comparison: Comparison, upstream: Mapping[str, Decision]
) -> Reason:
    if not comparison.changes:
        gone = f"no {candidate.fingerprint.tag} in the registry"
        return Reason(ReasonCode.CONTENT_GONE, gone)
    own = tuple(_without_renames(comparison.own))
    first = (own or comparison.own or comparison.changes)[0]
    if first.kind == "upstream":
        return Reason(ReasonCode.UPSTREAM_CHANGED, root_cause(upstream_of(first), upstream))
    always = always_built(candidate)
    if first.kind == "release" and always is not None:
        return always
    more = len(comparison.own) - 1
    rest = f" (and {more} more)" if more else ""
    return Reason(_code(first), shown(first) + rest)


def always_built(candidate: Candidate) -> Reason | None:
    """Why an image is built in every release: nobody can tell whether what it fetches changed."""
    urls = candidate.image.unpinned
    if not urls:
        return None
    rest = f" (and {len(urls) - 1} more)" if len(urls) > 1 else ""
    return Reason(ReasonCode.ALWAYS_BUILT, f"{urls[0]} is not pinned{rest}")


def is_new(upstream: Decision) -> bool:
    """Whether what an image stands on is new, and not just missing from this engine."""
    missing = ReasonCode.NOT_IN_ENGINE
    return isinstance(upstream, Build) and upstream.reason.code is not missing


def upstream_of(change: Change) -> str:
    """The image that a changed upstream is: it may be called otherwise in the Dockerfile."""
    return change.name.partition(" as ")[0]


def root_cause(image: str, decisions: Mapping[str, Decision]) -> str:
    """An upstream, and why that one is built, followed down to where nothing below it changed."""
    decision = decisions.get(image)
    if not isinstance(decision, Build):
        return image
    if decision.reason.code is ReasonCode.UPSTREAM_CHANGED:
        return decision.reason.detail
    words = decision.reason.code.value.replace("-", " ")
    return f"{image}: {words}: {decision.reason.detail}" if decision.reason.detail else image


def shown(change: Change) -> str:
    """A change in a few words: a file by its path, another one with both values."""
    values = f"{value_of(change, change.before)} → {value_of(change, change.after)}"
    match change.kind:
        case "file":
            return change.name
        case "dockerfile":
            return _instructions(change)
        case "arg" | "base":
            return f"{change.name} {values}"
        case "secret" | "ssh":
            return f"{change.kind} {change.name} {change.how.value}"
        case _:
            return " ".join(f"{change.kind} {change.name} {values}".split())


def _instructions(change: Change) -> str:
    """The first instruction that is gone and the first that is new."""
    by_sign = {sign: clipped(text) for sign, text in reversed(change.instructions)}
    if len(by_sign) == 2:
        return f"{by_sign['-']} → {by_sign['+']}"
    return " ".join(f"{sign} {text}" for sign, text in by_sign.items())


def value_of(change: Change, value: str | None) -> str:
    """One of the two values of a change, for people."""
    if value is None and change.kind == "base":
        return "not used"
    if value is None or (change.kind == "arg" and not value):
        return "unset"
    if change.kind == "base" and value.startswith("sha256:"):
        return value[:19]
    if change.kind == "release":
        return " ".join(part[:7] if len(part) == 40 else part for part in value.split())
    return clipped(value.removeprefix("=") if change.kind == "arg" else value) or '""'


def clipped(text: str) -> str:
    """``text`` on one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _code(change: Change) -> ReasonCode:
    if change.kind == "file":
        return _FILES[change.how]
    return _CODES.get(change.kind, ReasonCode.DEFINITION_CHANGED)


def _without_renames(changes: Iterable[Change]) -> Iterable[Change]:
    """The changes without the files that only bear another name now, if there are any others."""
    listed = list(changes)
    moved = {one for pair in renamed(listed) for one in pair}
    return (change for change in listed if change not in moved)
