"""A release told in a changelog that people wrote: nothing else in it is touched.

It is read as Markdown as far as that matters: headings and link references, but none between fences
or in comments. Text is taken and given with the line ends that it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from releaser.core.version import Version
from releaser.core.versioning.changelog import Release, told
from releaser.core.versioning.links import Links, quoted

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_HEADING = re.compile(r"\ufeff? {0,3}(#{1,3})[ \t]+(.*)")
_NAMED_VERSION = re.compile(
    r"(?:version |release )?\[?v?([0-9][0-9A-Za-z.+-]*)", re.IGNORECASE | re.ASCII
)
_UNRELEASED = re.compile(r"\[?unreleased\b", re.IGNORECASE)
_REFERENCE = re.compile(r" {0,3}\[([^\]]+)\]:[ \t]*(\S+)")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line and where it stands, its end behind its line end."""

    start: int
    end: int
    text: str

    @property
    def version(self) -> Version | None:
        """The version that it is the heading of."""
        heading = _HEADING.match(self.text)
        named = _NAMED_VERSION.match(heading[2]) if heading else None
        return Version.find(named[1]) if named else None

    @property
    def level(self) -> int:
        """How deep a heading it is; 9: none."""
        heading = _HEADING.match(self.text)
        return len(heading[1]) if heading else 9

    @property
    def is_unreleased(self) -> bool:
        """Whether it is the heading of what was not released yet."""
        heading = _HEADING.match(self.text)
        return bool(heading and _UNRELEASED.match(heading[2]))

    @property
    def reference(self) -> tuple[str, str] | None:
        """The label, in lower case, and the address of a link reference."""
        found = _REFERENCE.match(self.text)
        return (found[1].lower(), found[2]) if found else None


def inserted(
    existing: str, release: Release, *, before: str | None = None, url: str | None = None
) -> str:
    """``existing`` with ``release`` told above the other versions, below what is unreleased.

    Where there are no versions it stands at the end, above the link references. Where its version
    is there already, or it has none, nothing changes: so that twice is as good as once.

    Its link is made as the one of ``[unreleased]`` is, which then begins at its tag; where there is
    none, from ``before`` (the tag of the release before it) and ``url`` as in a changelog.
    """
    lines, end = _shown(existing)
    if release.version is None or release.version in [line.version for line in lines]:
        return existing
    told_too = _placed(existing, _place(lines, end), told(release))
    return _linked(told_too, release.label, release.tag, before, Links.find(url))


def _place(lines: Sequence[_Line], end: int) -> int:
    """Where the newest version belongs."""
    unreleased = next((n for n, line in enumerate(lines) if line.is_unreleased), None)
    level = 0 if unreleased is None else lines[unreleased].level
    for line in lines if unreleased is None else lines[unreleased + 1 :]:
        if line.version or line.level <= level:
            return line.start
    return _foot(lines, end)


def _foot(lines: Sequence[_Line], end: int) -> int:
    """Where the link references at the end begin; the end where there are none."""
    found = place = end
    for line in reversed(lines):
        if line.end != place or (line.text.strip() and not line.reference):
            break
        place = line.start
        found = place if line.reference else found
    return found


def _placed(text: str, at: int, piece: str) -> str:
    """``text`` with lines put in, with an empty line before and after them."""
    before, after = text[:at], text[at:]
    lines = before.removeprefix("\ufeff")
    written = lines.rstrip(" \t\r\n")
    wanted = 2 if written else 0
    # A line that is not ended is ended first, even one of spaces alone.
    missing = max(wanted - lines.count("\n", len(written)), bool(lines.rpartition("\n")[2]))
    whole = "\n" * missing + piece + ("\n" if after else "")
    return f"{before}{whole.replace(chr(10), _line_end(text))}{after}"


def _linked(text: str, label: str, tag: str | None, before: str | None, links: Links | None) -> str:
    """``text`` with the link reference of a version, where it is known what that is."""
    lines, end = _shown(text)
    references = [(line, *line.reference) for line in lines if line.reference]
    if tag is None or label.lower() in [known for _, known, _ in references]:
        return text
    for line, known, address in references:
        moved = _moved(address, tag) if known == "unreleased" else None
        if moved:
            changed = line.text.replace(address, moved[0])
            own = f"{_line_end(text)}[{label}]: {moved[1]}"
            return text[: line.start] + changed + own + text[line.start + len(line.text) :]
    if links is None:
        return text
    own = f"[{label}]: {links.between(before, tag)}"
    for line, known, _ in references:
        if Version.find(known.removeprefix("v")):
            return text[: line.start] + own + _line_end(text) + text[line.start :]
    return _placed(text, end, f"{own}\n")


def _moved(address: str, tag: str) -> tuple[str, str] | None:
    """Addresses of what came after ``tag`` and of what it has, from that of what is unreleased."""
    folder, found, compared = address.rpartition("/compare/")
    before, dots, head = compared.partition("...")
    now = quoted(tag)
    if not (found and before and dots and head) or before == now:
        return None
    return f"{folder}{found}{now}...{head}", f"{folder}{found}{before}...{now}"


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _shown(text: str) -> tuple[list[_Line], int]:
    """The lines that stand in no fence and no comment, and where the text ends that does not.

    A fence or comment that nobody closes hides all that follows.
    """
    found: list[_Line] = []
    since, is_closed_by = 0, None
    for match in _LINE.finditer(text):
        line = match[0].rstrip("\r\n")
        if is_closed_by:
            is_closed_by = None if is_closed_by(line) else is_closed_by
            continue
        since, is_closed_by = match.start(), _opened(line)
        if not is_closed_by:
            found.append(_Line(match.start(), match.end(), line))
    return found, since if is_closed_by else len(text)


def _opened(line: str) -> Callable[[str], bool] | None:
    """What tells the line that closes what ``line`` opens; ``None`` where it opens nothing."""
    fence = _FENCE.match(line)
    if fence:
        mark = fence[1]
        return lambda other: other.strip().startswith(mark) and not other.strip().strip(mark[0])
    if line.lstrip().startswith("<!--") and "-->" not in line:
        return lambda other: "-->" in other
    return None
