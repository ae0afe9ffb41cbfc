"""The tags of an image: every rule in its order, then ``latest``, and each tag once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from releaser.core.oci import Tag
from releaser.core.steps import TagKind
from releaser.core.tag_rules import Flavor, Rule, RuleType
from releaser.core.tag_rules.expressions import (
    COMMIT_NAMES,
    VERSION_NAMES,
    DateCall,
    calls,
    names,
    render_known,
    without_calls,
)
from releaser.core.tagging.drafts import DIRTY, Draft, draft
from releaser.core.tagging.policy import Policy
from releaser.core.tagging.situation import Situation
from releaser.core.tagging.tags import (
    LONGEST_TAG,
    SkippedTag,
    WantedTag,
    legal,
    sanitized,
    slug,
    why_misleading,
)
from releaser.errors import SpecError

AUTO_LATEST = "flavor latest"
_VERSION_PARTS = frozenset(VERSION_NAMES)
_COMMIT_PARTS = frozenset(COMMIT_NAMES)
_OF_VERSIONS = frozenset({RuleType.SEMVER, RuleType.PEP440, RuleType.RAW})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What every rule gives, in their order; what the flavor gives comes last."""

    results: tuple[WantedTag | SkippedTag, ...] = ()

    @property
    def wanted(self) -> tuple[WantedTag, ...]:
        """The tags of an image, each once: the first rule that gives one decides about it."""
        found: dict[Tag, WantedTag] = {}
        for one in self.results:
            if isinstance(one, WantedTag):
                found.setdefault(one.tag, one)
        return tuple(found.values())

    @property
    def skipped(self) -> tuple[SkippedTag, ...]:
        """The rules that give no tag."""
        return tuple(one for one in self.results if isinstance(one, SkippedTag))

    @property
    def version(self) -> str | None:
        """What metadata-action calls the version: the first tag."""
        first = next((one for one in self.results if isinstance(one, WantedTag)), None)
        return str(first.tag) if first else None


def evaluate(policy: Policy, at: Situation) -> Outcome:
    """The tags that ``policy`` gives in a situation.

    Raises:
        SpecError: what a rule gives is not a legal tag, or its ``enable`` is neither true nor
            false.
    """
    known = at.known()
    results: list[WantedTag | SkippedTag] = []
    first: Draft | None = None
    for rule in policy.ordered:
        made = draft(rule, at) if _enabled(rule, known) else "it is not enabled"
        if isinstance(made, Draft):
            made = replace(made, body=_around(made.body, rule, policy.flavor))
            says = _says_something(made, known)
            if rule.type is RuleType.RAW and {"branch", "base_ref"} & set(names(made.body)):
                made = replace(made, follows="branch")
            # What would come out empty is no tag: not even one of the suffix alone.
            made = replace(made, body=f"{made.body}{policy.behind}") if says else made
            results.append(_One(made, str(rule), policy, at, known).tag())
            first = first or (made if says else None)
        else:
            results.append(SkippedTag(str(rule), made))
    if first and _gives_latest(first, policy.flavor):
        version = first.version or at.version
        latest = Draft(f"{_latest(policy.flavor)}{policy.behind}", version=version, line=True)
        results.append(_One(latest, AUTO_LATEST, policy, at, known).tag())
    return Outcome(tuple(results))


def _says_something(made: Draft, known: Mapping[str, str]) -> bool:
    """Whether it would be a tag if nothing were held back: that decides on ``latest``."""
    body = without_calls(made.body, lambda call: call.format)
    return bool(render_known(body, dict.fromkeys(names(body), "") | {**known, **made.known}))


def _enabled(rule: Rule, known: Mapping[str, str]) -> bool:
    text = rule.get("enable") or "true"
    said = render_known(text, dict.fromkeys(names(text), "") | dict(known))
    if said not in {"true", "false"}:
        raise SpecError(
            f'"enable" of "{rule}" is neither true nor false but "{said}"',
            hint="write {{is_default_branch}} or {{is_not_default_branch}}",
        )
    return said == "true"


def _around(body: str, rule: Rule, flavor: Flavor) -> str:
    """A rule's own prefix and suffix take the place of the flavor's."""
    prefix, suffix = rule.get("prefix"), rule.get("suffix")
    before = flavor.prefix if prefix is None else prefix
    return f"{before}{body}{flavor.suffix if suffix is None else suffix}"


def _gives_latest(first: Draft, flavor: Flavor) -> bool:
    return flavor.latest == "true" or (flavor.latest == "auto" and first.latest)


def _latest(flavor: Flavor) -> str:
    prefix = flavor.prefix if flavor.prefix_latest else ""
    return f"{prefix}latest{flavor.suffix if flavor.suffix_latest else ''}"


@dataclass(frozen=True, slots=True)
class _One:
    """One draft on its way to a tag."""

    draft: Draft
    rule: str
    policy: Policy
    at: Situation
    shared: Mapping[str, str]

    def tag(self) -> WantedTag | SkippedTag:
        known = {**self.shared, **self.draft.known}
        parts = set(names(self.draft.body))
        reason = self._why_not(parts, known) or self._no_clock()
        if reason:
            return SkippedTag(self.rule, reason)
        template = self._template(known)
        text = render_known(template, known)
        kind = self._kind(parts)
        if self.draft.follows and kind is TagKind.FLOATING:
            reason = why_misleading(text, self.draft.follows, self._name(known), self._endings())
        elif not text:
            reason = "it comes out empty"
        if reason:
            return SkippedTag(self.rule, reason)
        line = kind is TagKind.FLOATING and self._is_line(parts) and self.policy.safety.forward
        width = self._width(parts, kind)
        tag = legal(text, self.rule)
        reason = self._reason(parts, kind, line=line)
        return WantedTag(
            tag=tag,
            kind=kind,
            rule=self.rule,
            template=template,
            version=self.draft.version,
            is_line=line,
            width=width,
            reason=reason,
            behind=self.policy.behind,
        )

    def _reason(self, parts: set[str], kind: TagKind, *, line: bool) -> str:
        """What lets the tag move, or not."""
        if kind is TagKind.IMMUTABLE:
            return "a commit" if parts & _COMMIT_PARTS else "a full version"
        if line:
            return "the newest version" if self.draft.line else "the newest version of its line"
        if self.draft.follows:
            return f"follows the {self.draft.follows}"
        return "moves with every run"

    def _endings(self) -> list[str]:
        """What stands behind a version in the tags that the policy gives."""
        bodies = (
            _around(rule.get("value") or rule.get("pattern") or "", rule, self.policy.flavor)
            for rule in self.policy.rules
            if rule.type in _OF_VERSIONS
        )
        found = (body.rpartition("}}")[2] + self.policy.behind for body in bodies if "}}" in body)
        return [*found, self.policy.behind, *sorted(self.policy.others)]

    def _is_line(self, parts: set[str]) -> bool:
        return self.draft.line or (bool(parts & _VERSION_PARTS) and not _names_one(parts))

    def _why_not(self, parts: set[str], known: Mapping[str, str]) -> str | None:
        unknown = min(parts - known.keys(), default=None)
        if unknown is not None:
            return _unknown_reason(unknown, self.at)
        version = self.draft.version
        line = self._is_line(parts) and self.policy.safety.forward
        if line and version is not None and version.prerelease:
            return f"{version} is a prerelease"
        if parts & _VERSION_PARTS == {"major"} and line and version and version.major == 0:
            return "0 is no line of compatible versions"
        if parts & _COMMIT_PARTS and self.at.source.changes:
            return DIRTY
        return None

    def _no_clock(self) -> str | None:
        if any(self.at.date(call) is None for call in calls(self.draft.body)):
            return "nothing says what time it is"
        return None

    def _template(self, known: Mapping[str, str]) -> str:
        """The text with the names of a version's parts left: of a branch as much as has room."""
        body = without_calls(self.draft.body, self._date)
        rest = {name: value for name, value in known.items() if name not in _VERSION_PARTS}
        room = LONGEST_TAG - len(render_known(body, {**known, "branch": ""}))
        plain = slug if body.startswith("{{") else sanitized
        rest["branch"] = plain(known.get("branch", ""))[: max(room, 0)]
        found = render_known(body, {**rest, **_plain(rest)})
        # What an event says may begin with what no tag begins with; what a person wrote may not.
        return found.lstrip("-.") if body.startswith("{{") else found

    def _date(self, call: DateCall) -> str:
        return sanitized(self.at.date(call) or "")

    def _name(self, known: Mapping[str, str]) -> str:
        event = self.at.event
        match self.draft.follows:
            case "branch" if "base_ref" in names(self.draft.body):
                return event.base_ref or ""
            case "branch":
                return known.get("branch", "")
            case "tag":
                return event.tag or ""
            case _:
                return event.request or ""

    def _kind(self, parts: set[str]) -> TagKind:
        """Immutable where the tag names one content, which a version marked as dirty does not."""
        version = self.draft.version
        dirty = version is not None and (version.prerelease or "").split(".")[-1] == "dirty"
        movable = dirty and not parts & _COMMIT_PARTS
        one = _names_one(parts) and not movable and self.policy.safety.immutable
        return TagKind.IMMUTABLE if one else TagKind.FLOATING

    def _width(self, parts: set[str], kind: TagKind) -> int:
        if kind is TagKind.IMMUTABLE:
            return 0
        if self.draft.line:
            return 9
        return 3 if not parts & _VERSION_PARTS else 1 if "minor" in parts else 2


def _plain(known: Mapping[str, str]) -> dict[str, str]:
    return {name: sanitized(known[name]) for name in ("tag", "base_ref") if name in known}


def _names_one(parts: set[str]) -> bool:
    """Whether a tag of these parts names one content: it spells a full version or a commit."""
    full = bool(parts & {"version", "raw"}) or {"major", "minor", "patch"} <= parts
    return full or bool(parts & _COMMIT_PARTS)


def _unknown_reason(part: str, at: Situation) -> str:
    if part == "branch":
        return "the event is about no branch" if at.event.name else "HEAD is on no branch"
    if part in _COMMIT_PARTS:
        return "there is no commit"
    if part in {"tag", "base_ref"}:
        return "the event is about no tag" if part == "tag" else "the event has no base"
    return "there is no version"
