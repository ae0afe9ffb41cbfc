"""Plans and runs as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from releaser.core.events import Outcome, StepRecord
from releaser.core.harmless import harmless
from releaser.core.oci import Digest
from releaser.core.plan import Action, ImagePlan, Mode, Plan, ReferencePlan, TagAction
from releaser.core.rebuild import ReasonCode
from releaser.core.steps import TagStep
from releaser.reports.run import Run, digests_of, image_outcome
from releaser.reports.words import clean, counted

_MARKS = {TagAction.CREATE: "+", TagAction.MOVE: "~", TagAction.KEEP: "=", TagAction.REFUSE: "!"}
_REASONS = {
    ReasonCode.FIRST_BUILD: "first build",
    ReasonCode.DOCKERFILE_CHANGED: "Dockerfile changed",
    ReasonCode.FILE_CHANGED: "file changed",
    ReasonCode.FILE_ADDED: "file added",
    ReasonCode.FILE_REMOVED: "file removed",
    ReasonCode.ARG_CHANGED: "build arg changed",
    ReasonCode.BASE_CHANGED: "base image changed",
    ReasonCode.DEFINITION_CHANGED: "definition changed",
    ReasonCode.UPSTREAM_CHANGED: "what it stands on changed",
    ReasonCode.INPUTS_CHANGED: "something it is made of changed",
    ReasonCode.RECORD_UNREADABLE: "changed, but the record of its last release is unreadable",
    ReasonCode.CONTENT_GONE: "nothing changed, but its content is gone",
    ReasonCode.ALWAYS_BUILT: "in every release",
    ReasonCode.NOT_IN_ENGINE: "not in the engine",
    ReasonCode.NOT_PUSHED: "not everywhere",
    ReasonCode.TAGS_DIFFER: "tags to write",
    ReasonCode.NOTHING_CHANGED: "nothing changed",
    ReasonCode.NOT_NEEDED: "not needed",
    ReasonCode.NOT_ASKED: "the registry was not asked",
}
_COUNTED = {
    Action.BUILD: "to build",
    Action.PUSH: "to push",
    Action.COPY: "to copy",
    Action.RETAG: "to tag",
    Action.UP_TO_DATE: "up to date",
}


def plan_text(plan: Plan) -> str:
    """The plan: a headline, then per image the action, the reason and what happens to its tags."""
    return harmless("\n".join(_plan_lines(plan))) + "\n"


def _plan_lines(plan: Plan) -> Iterator[str]:
    yield f"{headline(plan)}: {counts(plan.images)}"
    yield ""
    width = max((len(_name(image)) for image in plan.images), default=0)
    for image in plan.images:
        yield f"{_name(image):<{width}}  {image.action.value:<10}  {reason_words(image)}"
        if plan.mode is Mode.PUBLISH:
            yield from (f"  {line}" for line in _reference_lines(image.references))
    if not plan.changes:
        yield ""
        yield "nothing to do"


def _name(image: ImagePlan) -> str:
    return f"{image.name} {image.version}" if image.version else image.name


def headline(plan: Plan) -> str:
    """The project and the version that the plan is for."""
    return f"{plan.project} {plan.version}" if plan.version else plan.project


def counts(images: Iterable[ImagePlan]) -> str:
    """How many images get which action."""
    found = Counter(image.action for image in images)
    total = sum(found.values())
    parts = [f"{found[action]} {words}" for action, words in _COUNTED.items() if found[action]]
    return f"{counted(total, 'image')}, " + ", ".join(parts)


def reason_words(image: ImagePlan) -> str:
    """Why an image gets the action it gets, as a person would say it."""
    return words_of(image.reason.code.value, image.reason.detail)


def words_of(code: str, detail: str) -> str:
    """A reason as a person would say it; one that is not known, of a later release, by its code."""
    known = {one.value: words for one, words in _REASONS.items()}
    words = known.get(code, clean(code))
    return f"{words}: {clean(detail)}" if detail else words


def _reference_lines(references: Iterable[ReferencePlan]) -> Iterator[str]:
    for one in references:
        if one.action is not TagAction.KEEP or one.reason:
            yield reference_line(one)


def reference_line(one: ReferencePlan) -> str:
    """What happens to a reference, with a mark that shows it at a glance."""
    return f"{_MARKS[one.action]} {one.reference}{_movement(one)}"


def _movement(one: ReferencePlan) -> str:
    match one.action:
        case TagAction.CREATE:
            return ""
        case TagAction.MOVE:
            return f"  moves from {_short(one.before)}"
        case TagAction.KEEP if not one.reason:
            return "  is there"
        case TagAction.KEEP:
            where = f"stays at {one.before.short}" if one.before else "not written"
            return f"  {where}: {one.reason}"
        case TagAction.REFUSE:
            return f"  refused: {one.reason} ({_short(one.before)})"


def _short(digest: Digest | None) -> str:
    return digest.short if digest else "nothing"


def run_text(run: Run) -> str:
    """What a run came to: per image its end, its digest, and the references that were written."""
    if run.plan is None or run.result is None:
        return ""
    return harmless("\n".join(_run_lines(run, run.plan))) + "\n"


def _run_lines(run: Run, plan: Plan) -> Iterator[str]:
    records = run.result.records if run.result else {}
    width = max((len(image.name) for image in plan.images), default=0)
    for image in plan.images:
        own = [record for record in records.values() if record.image == image.name]
        end = image_outcome(image, own, run)
        word = image.action.value if end == "done" else end
        note = _note(end, own) or next(iter(digests_of(image, run).values()), "")
        yield f"{image.name:<{width}}  {_PAST.get(word, word):<10}  {note}".rstrip()
        for one in image.references:
            record = records.get(TagStep.key_of(one.reference))
            written = record is not None and record.outcome is Outcome.DONE
            if written or (plan.mode is Mode.LOCAL and end == "done"):
                yield f"  {_MARKS[one.action]} {one.reference}"
    yield ""
    yield f"{headline(plan)}: {ending(run)} in {run.seconds:.1f} s"


def _note(end: str, own: Iterable[StepRecord]) -> str:
    """Which step an image failed at, or is blocked by."""
    if end == Outcome.FAILED.value:
        return next(f"at {one.key}" for one in own if one.outcome is Outcome.FAILED)
    if end == Outcome.BLOCKED.value:
        return next(f"by {one.blocked_by}" for one in own if one.blocked_by)
    return ""


_PAST = {
    "build": "built",
    "push": "pushed",
    "copy": "copied",
    "retag": "tagged",
    "up-to-date": "up to date",
    "not-pushed": "not pushed",
}


def ending(run: Run) -> str:
    """How a run ended, in words."""
    words = {"partial": "partly published", "unknown": "nobody knows what is published"}
    return words.get(run.outcome, run.outcome.replace("-", " "))
