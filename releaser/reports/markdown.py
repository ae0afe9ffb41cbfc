"""Plans and runs as Markdown: for a pull request's comment or a job's summary."""

from __future__ import annotations

import re
from collections.abc import Iterable

from releaser.core.events import Outcome
from releaser.core.harmless import in_markdown
from releaser.core.plan import ImagePlan, Plan, ReferencePlan, TagAction
from releaser.core.steps import TagStep
from releaser.reports.run import Run, digests_of, image_outcome
from releaser.reports.text import counts, ending, headline, reason_words
from releaser.reports.words import clean


def plan_markdown(plan: Plan) -> str:
    """The plan as a table, a row an image."""
    rows = (
        (
            escape(image.name),
            image.action.value,
            escape(reason_words(image)),
            _lines(
                _planned(one)
                for one in image.references
                if one.action is not TagAction.KEEP or one.reason
            ),
        )
        for image in plan.images
    )
    title = f"{headline(plan)}: {counts(plan.images)}"
    return _document(title, "", ("image", "action", "reason", "references"), rows)


def run_markdown(run: Run) -> str:
    """What a run came to: its error, if it has one, and a table with a row an image."""
    error = escape(str(run.error)) if run.error else ""
    if run.plan is None or run.result is None:
        project = f"{headline(run.plan)}: " if run.plan else ""
        return _document(f"{project}{ending(run)}", error, (), ())
    rows = (_ran(image, run) for image in run.plan.images)
    title = f"{headline(run.plan)}: {ending(run)}"
    return _document(title, error, ("image", "outcome", "digest", "written"), rows)


def _document(
    title: str, note: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> str:
    lines = [f"### {escape(title)}", *(["", note] if note else [])]
    if columns:
        lines += ["", _row(columns), _row(["---"] * len(columns)), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return re.sub(" +", " ", f"| {' | '.join(cells)} |")


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(texts)


def _planned(one: ReferencePlan) -> str:
    from_where = f" from `{one.before.short}`" if one.before else ""
    why = f": {escape(one.reason)}" if one.reason else ""
    moves = one.action is TagAction.MOVE
    return f"{one.action.value} `{one.reference}`{from_where if moves else ''}{why}"


def _ran(image: ImagePlan, run: Run) -> tuple[str, ...]:
    records = run.result.records if run.result else {}
    own = [one for one in records.values() if one.image == image.name]
    digests = dict.fromkeys(digests_of(image, run).values())
    written = [
        f"`{one.reference}`"
        for one in image.references
        if (record := records.get(TagStep.key_of(one.reference))) and record.outcome is Outcome.DONE
    ]
    outcome = image_outcome(image, own, run)
    return escape(image.name), outcome, _lines(f"`{one}`" for one in digests), _lines(written)


def escape(text: str) -> str:
    """``text`` with everything that Markdown or HTML would act on made harmless."""
    return in_markdown(clean(text.replace("\n", " ")))
