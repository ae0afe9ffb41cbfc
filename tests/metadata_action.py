"""What docker/metadata-action makes of rules at an event, as its documents tell it.

As plain as it can be, and with nothing made safe: a model to measure the product against. Names are
not escaped for HTML, and what is no legal tag is given all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import semver
from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion

from releaser.core.facts import EventFacts
from releaser.core.tag_rules import Flavor, Rule
from releaser.core.tag_rules.dates import written
from releaser.core.tag_rules.expressions import DateCall, without_calls
from releaser.core.template import blank, render_known

ALWAYS_DEFAULT = re.compile("create|discussion|issues|schedule")
Value = tuple[str, bool] | None
"""A tag with whether it brings ``latest`` along, or nothing."""


class MetadataAction:
    """The outcome of every rule, in order: its tag, or ``None``; and ``latest``, if it is given."""

    def __init__(self, rules: tuple[Rule, ...], flavor: Flavor, event: EventFacts) -> None:
        self.event = event
        self.flavor = flavor
        self.values = [self._value(rule) for rule in rules]
        first = next((value for value in self.values if value), None)
        given = flavor.latest == "true" or (flavor.latest == "auto" and bool(first and first[1]))
        prefix = flavor.prefix if flavor.prefix_latest else ""
        suffix = flavor.suffix if flavor.suffix_latest else ""
        self.latest = sanitized(f"{prefix}latest{suffix}") if first and given else None

    @property
    def tags(self) -> list[str]:
        """The tags, each once."""
        found = [value[0] for value in self.values if value]
        return list(dict.fromkeys([*found, self.latest] if self.latest else found))

    def _value(self, rule: Rule) -> Value:
        if self._global(rule.get("enable") or "true") != "true":
            return None
        made = getattr(self, f"_{rule.type.value}")(rule)
        if made is None:
            return None
        body, latest = made
        prefix, suffix = rule.get("prefix"), rule.get("suffix")
        before = self._global(self.flavor.prefix if prefix is None else prefix)
        text = before + body + self._global(self.flavor.suffix if suffix is None else suffix)
        return (sanitized(text), latest) if text else None

    def _schedule(self, rule: Rule) -> Value:
        if "schedule" not in self.event.name:
            return None
        return without_calls(rule.get("pattern") or "nightly", self._date), False

    def _semver(self, rule: Rule) -> Value:
        raw = self._text(rule)
        plain = (raw or "").strip().removeprefix("v")
        if raw is None or not semver.Version.is_valid(plain):
            return None
        found = semver.Version.parse(plain)
        parts = {
            "raw": raw,
            "version": str(found.replace(build=None)),
            "major": str(found.major),
            "minor": str(found.minor),
            "patch": str(found.patch),
        }
        return self._versioned(rule, parts, final=not found.prerelease)

    def _pep440(self, rule: Rule) -> Value:
        raw = self._text(rule)
        try:
            found = PythonVersion(raw or "")
        except InvalidVersion:
            return None
        parts = {
            "raw": raw or "",
            "version": str(found),
            "major": str(found.major),
            "minor": str(found.minor),
            "patch": str(found.micro),
        }
        return self._versioned(rule, parts, final=not (found.is_prerelease or found.is_postrelease))

    def _versioned(self, rule: Rule, parts: Mapping[str, str], *, final: bool) -> Value:
        pattern = rule.get("pattern") or ""
        if not final and pattern.replace(" ", "") != "{{raw}}":
            pattern = "{{version}}"
        return render_known(pattern, parts), final

    def _match(self, rule: Rule) -> Value:
        text = self._global(rule.get("value") or "") or self.event.tag
        found = rule.pattern.search(text) if text else None
        return (found[int(rule.get("group") or 0)] or "", True) if found else None

    def _edge(self, rule: Rule) -> Value:
        wanted = rule.get("branch") or self.event.default_branch
        return ("edge", False) if wanted and self.event.branch == wanted else None

    def _ref(self, rule: Rule) -> Value:
        kind = rule.get("event")
        told = {"branch": self.event.branch, "tag": self.event.tag, "pr": self.event.request}
        found = told[kind or ""]
        return (found, kind == "tag") if found else None

    def _raw(self, rule: Rule) -> Value:
        return self._global(rule.get("value") or ""), False

    def _sha(self, rule: Rule) -> Value:
        sha = self.event.sha
        return (sha if rule.get("format") == "long" else sha[:7], False) if sha else None

    def _text(self, rule: Rule) -> str | None:
        value = rule.get("value")
        text = self._global(value) if value else self.event.tag
        if text is None:
            return None
        found = re.search(rule.get("match") or "(.*)", text, re.ASCII)
        return (found[1] if found and rule.get("match") else text).replace("/", "-")

    def _global(self, text: str) -> str:
        default = self._is_default_branch()
        known = {
            "branch": self.event.branch or "",
            "tag": self.event.tag or "",
            "base_ref": self.event.base_ref or "",
            "sha": (self.event.sha or "")[:7],
            "is_default_branch": "true" if default else "false",
            "is_not_default_branch": "false" if default else "true",
        }
        return blank(render_known(without_calls(text, self._date), known), "")

    def _is_default_branch(self) -> bool:
        branch = self.event.ref.removeprefix("refs/heads/")
        if not branch:
            return False
        return branch == self.event.default_branch or bool(ALWAYS_DEFAULT.search(self.event.name))

    def _date(self, call: DateCall) -> str:
        seconds = self.event.now if call.name == "date" else self.event.commit_time
        return written(seconds or 0, call.format, call.zone)


def sanitized(text: str) -> str:
    """Every run of characters that no tag may have as one dash."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)
