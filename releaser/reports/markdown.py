"""Plans and runs as Markdown: for a pull request's comment or a job's summary."""

from __future__ import annotations

import re

from releaser.core.plan import Plan, TagAction
from releaser.reports.run import Run, digests_of, image_outcome
from releaser.reports.text import headline
from releaser.reports.words import clean


def plan_markdown(plan: Plan) -> str:
    """The plan as a table, a row an image."""
    lines = [
        f"### {escape(headline(plan))}",
        "",
        "| image | action | reason | references |",
        "| --- | --- | --- | --- |",
    ]
    for image in plan.images:
        references = "<br>".join(
            f"{one.action.value} `{one.reference}`"
            for one in image.references
            if one.action is not TagAction.KEEP
        )
        reason = f"{image.reason.code.value} {image.reason.detail}".strip()
        lines.append(
            f"| {escape(image.name)} | {image.action.value} | {escape(reason)} | {references} |"
        )
    return "\n".join(lines) + "\n"


def run_markdown(run: Run) -> str:
    """What a run came to as a table, a row an image."""
    if run.plan is None or run.result is None:
        return ""
    lines = [
        f"### {escape(headline(run.plan))}: {run.outcome}",
        "",
        "| image | outcome | digest |",
        "| --- | --- | --- |",
    ]
    for image in run.plan.images:
        own = [one for one in run.result.records.values() if one.image == image.name]
        digest = next(iter(digests_of(image, run).values()), "")
        outcome = image_outcome(image, own, run)
        lines.append(f"| {escape(image.name)} | {outcome} | {f'`{digest}`' if digest else ''} |")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """``text`` with everything that Markdown or HTML would act on made harmless."""
    text = clean(text.replace("\n", " ")).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_{}\[\]|#@])", r"\\\1", text)
