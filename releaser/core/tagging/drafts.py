"""What each type of rule makes of a situation: a template for a tag, or the reason why none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from releaser.core.pep440 import PythonVersion
from releaser.core.tag_rules import Rule, RuleType
from releaser.core.tag_rules.expressions import names, render_known, without_calls
from releaser.core.tagging.situation import Situation, parts_of
from releaser.core.tagging.tags import sanitized
from releaser.core.version import Version, dirty

DIRTY = "the tree has changes that the commit does not"
_NO_TAG = "the event is about no tag"
_IN_TEXT = re.compile(r"(?<![0-9.])[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?(?![0-9A-Za-z.+-])")
_MAX_NUMBER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a tag before its names are replaced.

    ``known`` are names beside those that every rule knows; ``version`` is the version that the tag
    stands for; ``latest`` tells that ``flavor`` gives ``latest`` after it by itself; ``follows``
    what kind of name the event chose the text by; a ``line`` is one of all versions.
    """

    body: str
    known: Mapping[str, str] = field(default_factory=dict)
    version: Version | None = None
    latest: bool = False
    follows: str = ""
    line: bool = False


Drafted = Draft | str
"""A draft, or why the rule gives no tag."""


def draft(rule: Rule, at: Situation) -> Drafted:
    """What ``rule`` makes of a situation."""
    return _MAKERS[rule.type](rule, at)


def _schedule(rule: Rule, at: Situation) -> Drafted:
    if not at.event.is_scheduled:
        return "the event is no schedule"
    return Draft(rule.get("pattern") or "", version=at.version)


def _edge(rule: Rule, at: Situation) -> Drafted:
    wanted = rule.get("branch") or at.event.default_branch
    if wanted is None:
        return "nothing says which branch is the default one"
    if at.event.branch != wanted:
        return f'the event is not about branch "{wanted}"'
    return Draft("edge", version=at.version)


def _sha(rule: Rule, at: Situation) -> Drafted:
    if at.source.commit is None:
        return "there is no commit"
    return Draft("{{sha}}" if rule.get("format") == "short" else "{{commit}}", version=at.version)


def _ref(rule: Rule, at: Situation) -> Drafted:
    match rule.get("event"):
        case "branch":
            if at.event.branch is None:
                return "the event is about no branch"
            known = {"branch": at.event.branch}
            return Draft("{{branch}}", known, at.version, follows="branch")
        case "tag":
            return _tag("{{tag}}", at, latest=True) if at.event.tag else _NO_TAG
        case _:
            if at.event.request is None:
                return "the event is no pull request"
            known = {"pr": sanitized(at.event.request)}
            return Draft("{{pr}}", known, at.version, follows="pull request")


def _raw(rule: Rule, at: Situation) -> Drafted:
    body = rule.get("value") or ""
    if "tag" in names(body) and at.event.tag:
        return _tag(body, at, latest=False)
    return Draft(body, version=at.version, line=body == "latest")


def _tag(body: str, at: Situation, *, latest: bool) -> Drafted:
    """A text with the git tag in it: where that names a version, the tag is one of a version."""
    tag = at.event.tag or ""
    version = _version(tag.removeprefix("v"))
    if version is None or version.build:
        if at.is_dirty:
            return DIRTY
        known = {"tag": sanitized(tag)}
        return Draft(body, known, _version_in(tag), latest=latest, follows="tag")
    spelled = "v{{version}}" if tag.startswith("v") else "{{version}}"
    made = dirty(version) if at.is_dirty else version
    return Draft(_with(body, "tag", spelled), parts_of(made), made, latest=latest)


def _semver(rule: Rule, at: Situation) -> Drafted:
    raw = _text(rule, at)
    if raw is None:
        return _NO_TAG
    version = _version(raw.strip().removeprefix("v"))
    if version is None:
        return f'"{raw}" is no semantic version'
    plain = Version(version.major, version.minor, version.patch, version.prerelease)
    own = at.is_release or bool(rule.get("value"))  # its own version is marked already
    made = dirty(plain) if at.is_dirty and not own else plain
    if raw == f"v{plain}":
        return _of_version(rule, parts_of(made), made, "v{{version}}")
    if raw == str(plain):
        return _of_version(rule, parts_of(made), made, "{{version}}")
    return _of_version(rule, {**parts_of(made), "raw": sanitized(raw)}, made, "{{raw}}")


def _pep440(rule: Rule, at: Situation) -> Drafted:
    raw = _text(rule, at)
    if raw is None:
        return _NO_TAG
    found = PythonVersion.find(raw)
    if found is None:
        return f'"{raw}" is no version of PEP 440'
    if at.is_dirty and not rule.get("value"):
        return DIRTY
    numbers = zip(("major", "minor", "patch"), map(str, found.numbers), strict=True)
    known = {"version": sanitized(found.clean), "raw": sanitized(raw), **dict(numbers)}
    return _of_version(rule, known, found.version, "{{raw}}", final=found.is_final)


def _of_version(
    rule: Rule, known: Mapping[str, str], version: Version, raw: str, *, final: bool | None = None
) -> Draft:
    """The pattern of a version; of one that is not final the whole version instead."""
    pattern = rule.get("pattern") or ""
    final = not version.prerelease if final is None else final
    if not final and not re.fullmatch(r"\{\{\s*raw\s*\}\}", pattern):
        pattern = "{{version}}"
    body = _with(pattern, "raw", raw)
    return Draft(body, known, version, latest=final, line=not names(body))


def _match(rule: Rule, at: Situation) -> Drafted:
    given = rule.get("value")
    text = _global(given, at) if given else at.event.tag
    if not text:
        return _NO_TAG
    found, group = rule.pattern.search(text), int(rule.get("group") or 0)
    value = found[group] if found else None
    if not found or not value:
        return f'"{rule.get("pattern")}" does not match "{text}"'
    whole = _cut_out_of(text, *found.span(group))
    if whole:
        return f'"{value}" is cut out of {whole}'
    if at.is_dirty and not given:
        return DIRTY
    return _matched(value, text)


def _cut_out_of(text: str, start: int, end: int) -> str | None:
    """The version of which a part that is none of its lines was matched: ``1.2.3`` of 1.2.34."""
    start += text.startswith("v", start)
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)*", text[start:end]):
        return None
    for run in re.finditer(r"[0-9]+(?:\.[0-9]+)+", text):
        if run.start() < end and start < run.end():
            whole = start == run.start() and (end == run.end() or text[end] == ".")
            return None if whole else run[0]
    return None


def _matched(value: str, text: str) -> Drafted:
    """What was matched in a text: a version, a line of versions, or any other word."""
    whole = _version_in(text)
    plain = value.removeprefix("v")
    mark = value[: len(value) - len(plain)]
    version = _version(plain)
    if version is not None and not version.build:
        if whole is not None and whole.prerelease and not version.prerelease:
            return f"{whole} is a prerelease"
        return Draft(f"{mark}{{{{version}}}}", parts_of(version), version, latest=True)
    for line in ("{{major}}.{{minor}}", "{{major}}") if "." in text else ():
        if whole and render_known(line, parts_of(whole)) == plain:
            return Draft(f"{mark}{line}", parts_of(whole), whole, latest=True)
    known = {"matched": sanitized(value)}
    return Draft("{{matched}}", known, whole or _version_in(value), latest=True, follows="tag")


def _text(rule: Rule, at: Situation) -> str | None:
    """The text that a version is read from; ``None`` where the event has none."""
    value = rule.get("value")
    text = _global(value, at) if value else None
    if not value and at.is_release and at.version:
        text = str(at.version)
    text = text if value else text or at.event.tag
    if text is None:
        return None
    found = rule.pattern.search(text) if rule.get("match") else None
    return (found[1] or "" if found else text).replace("/", "-")


def _global(text: str, at: Situation) -> str:
    """A value with its names replaced; what is not known is nothing."""
    plain = without_calls(text, lambda call: at.date(call) or "")
    return render_known(plain, dict.fromkeys(names(plain), "") | at.known())


def _version(text: str) -> Version | None:
    found = Version.find(text)
    if found and max(found.major, found.minor, found.patch) > _MAX_NUMBER:
        return None
    return found


def _version_in(text: str) -> Version | None:
    """The version that stands somewhere in a text, or that the text is for Python."""
    found = _IN_TEXT.search(text)
    semantic = _version(found[0]) if found else None
    python = PythonVersion.find(text)
    return semantic or (python.version if python else None)


def _with(text: str, name: str, value: str) -> str:
    return re.sub(rf"\{{\{{\s*{name}\s*\}}\}}", lambda _: value, text)


_MAKERS: Mapping[RuleType, Callable[[Rule, Situation], Drafted]] = {
    RuleType.SCHEDULE: _schedule,
    RuleType.SEMVER: _semver,
    RuleType.PEP440: _pep440,
    RuleType.MATCH: _match,
    RuleType.EDGE: _edge,
    RuleType.REF: _ref,
    RuleType.RAW: _raw,
    RuleType.SHA: _sha,
}
