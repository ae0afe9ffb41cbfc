"""A draft as the text of ``images.yaml``: the one place that writes YAML with comments.

Text that another reader of YAML could take for something else (numbers, dates, true, a brace, an
asterisk) is quoted, so that the file means the same to every tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from releaser.importing.draft import FIELDS, Draft, ImageDraft, Value

NAME = "images.yaml"
WIDTH = 100

_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./@+~=,%-]|:(?=\S)| (?=[A-Za-z0-9_./]))*")
_ODD = re.compile(
    r"(?:true|false|yes|no|on|off|y|n|null|\.nan|[+-]?\.inf)"
    r"|[+-]?(?:\.?[0-9][0-9_.,:]*(?:e[+-]?[0-9]*)?|0[xob][0-9a-f_]*)|[0-9]{4}-[0-9].*",
    re.IGNORECASE,
)


def scalar(value: str | bool | int | None) -> str:  # noqa: FBT001 - any value
    """A single value in one line of YAML, quoted where it could be read as another one.

    >>> scalar("api"), scalar("3.10"), scalar("{{version}}"), scalar(True)
    ('api', '"3.10"', '"{{version}}"', 'true')
    """
    match value:
        case None:
            return "~"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
    if _PLAIN.fullmatch(value) and not _ODD.fullmatch(value):
        return value
    # A string of JSON is one of YAML, once what YAML counts as a line's end is escaped.
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[\x7f-\xa0\u2028\u2029\ufeff]", lambda one: f"\\u{ord(one[0]):04x}", text)


def write(draft: Draft) -> str:
    """The text of the file."""
    lines = [f"# Made by releaser init from {_comment(draft.source)}.", *_INTRODUCTION, ""]
    lines += ["version: 1", f"project: {scalar(draft.project)}"]
    if draft.registries:
        lines += ["", *_comments([draft.registry_comment or _PLACES]), "registries:"]
        lines += _map(draft.registries, 2)
    for key, comment in _SECTIONS:
        section: Mapping[str, Value] = getattr(draft, key)
        if section:
            lines += ["", *_comments([comment]), f"{key}:", *_map(section, 2)]
    lines += ["", *_comments([_IMAGES]), "images:"]
    for number, image in enumerate(draft.images):
        lines += [*([""] if number else []), *_image(image)]
    if draft.lost:
        lines += ["", "# What could not be carried over:"]
        lines += [line for one in draft.lost for line in _comments([f"- {one}"])]
    return "\n".join(lines) + "\n"


_INTRODUCTION = (
    "# Next: releaser plan. All keys: images.yaml.example; which image stands on which is read",
    "# from the Dockerfiles.",
)
_PLACES = 'Where images go: the image "api" to PREFIX/api.'
_IMAGES = "Every image, its context as seen from the folder of this file."
_SECTIONS = (
    ("vars", "To use as {{vars.NAME}}; --var NAME=VALUE or RELEASER_VAR_NAME sets them."),
    ("tag_policies", "Rules for tags under a name; releaser tags shows what they give."),
    ("groups", "Names for several images: releaser build NAME."),
)


def _image(image: ImageDraft) -> Iterator[str]:
    yield from _comments(image.comments, 2)
    known = [key for key in FIELDS if key in image.fields]
    more = [key for key in image.fields if key not in FIELDS]
    if not known and not more:
        yield f"  {scalar(image.name)}: {{}}"
        return
    yield f"  {scalar(image.name)}:"
    yield from _map({key: image.fields[key] for key in (*known, *more)}, 4)


def _map(values: Mapping[str, Value], indent: int) -> Iterator[str]:
    for key, value in values.items():
        head = f"{' ' * indent}{scalar(key)}:"
        match value:
            case dict() | list() if _flow(value) and len(head) + len(_in_line(value)) < WIDTH:
                yield f"{head} {_in_line(value)}"
            case dict():
                yield head
                yield from _map(value, indent + 2)
            case list():
                yield head
                yield from _list(value, indent + 2)
            case _:
                yield f"{head} {scalar(value)}"


def _list(values: Iterable[Value], indent: int) -> Iterator[str]:
    for value in values:
        text = _in_line(value)
        yield f"{' ' * indent}- {text}"


def _flow(value: Value) -> bool:
    """Whether a value is small enough for one line: an empty one, or one without maps of maps."""
    if isinstance(value, dict):
        return len(value) <= 3 and not any(isinstance(one, dict | list) for one in value.values())
    return isinstance(value, list) and len(_in_line(value)) <= 60


def _in_line(value: Value) -> str:
    match value:
        case dict():
            inner = ", ".join(f"{_word(key)}: {_in_line(one)}" for key, one in value.items())
            return f"{{{inner}}}"
        case list():
            return f"[{', '.join(_in_line(one) for one in value)}]"
        case str():
            return _word(value)
        case _:
            return scalar(value)


def _word(text: str) -> str:
    """A text inside brackets, where a comma ends it."""
    plain = scalar(text)
    return json.dumps(text) if plain == text and "," in text else plain


def _comments(lines: Iterable[str], indent: int = 0) -> Iterator[str]:
    """Lines of comment, broken between words before they become too long."""
    before = " " * indent + "# "
    for text in lines:
        current = ""
        for word in _comment(text).split():
            if current and len(before) + len(current) + 1 + len(word) > WIDTH:
                yield before + current
                current = "  " if text.startswith("- ") else ""
            current = f"{current} {word}" if current.strip() else current + word
        if current.strip():
            yield before + current


def _comment(text: str) -> str:
    """What may stand in a comment: one line, with nothing that a terminal would obey."""
    return "".join(one if one.isprintable() else "?" for one in text.replace("\n", " "))
