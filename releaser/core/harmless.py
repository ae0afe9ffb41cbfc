"""Text from outside made fit for a terminal, a CI system's log and a report.

What a build prints, what an engine or a registry says, names of files, branches and tags: all of it
may hold sequences that a terminal obeys (ECMA-48, "Control functions"), characters that turn the
direction of text around (Unicode Standard Annex 9) or that nobody sees, and words that a CI system
takes for a command. Everybody who shows such text takes it through one of these functions.
"""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, movements of the cursor
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC, DCS and the like: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
# Control characters but the tab and the line's end, and what has no width or turns text around.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# GitHub's runner looks for these anywhere in a line, and for "::name::" where a line begins, on
# stdout and stderr alike (actions/runner, src/Runner.Common/ActionCommand.cs, TryParse and
# TryParseV2; src/Runner.Worker/Handlers/ScriptHandler.cs). Azure's agent has "##vso[".
_COMMAND = re.compile(r"##(?=[A-Za-z]*\[)")

_MARKDOWN = re.compile(r"([\\`*_{}\[\]|#@~])")


def harmless(text: str) -> str:
    """``text`` without control sequences, controls and invisible characters.

    Tabs and line ends stay. Words that are commands wherever they stand are broken; that no line
    begins with ``::`` is for whoever prints it to see to, by putting something before it.
    """
    if not (text.isascii() and text.isprintable()):
        text = _INVISIBLE.sub("", _SEQUENCES.sub("", text))
    return unspoken(text)


def one_line(text: str, longest: int) -> str:
    """:func:`harmless` text on one line, of at most ``longest`` characters."""
    text = harmless(text.replace("\n", ""))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def unspoken(text: str) -> str:
    """``text`` with nothing in it that a CI system takes for a command wherever it stands."""
    return _COMMAND.sub("# #", text) if "##" in text else text


def unspoken_json(text: str) -> str:
    """A JSON document that says the same, with nothing in it that a CI system takes for a command.

    Its lines begin with brackets, braces and quotation marks, so that only words are in question.
    """
    return _COMMAND.sub(r"#\\u0023", text) if "##" in text else text


def in_markdown(text: str) -> str:
    """:func:`harmless` text on one line, with nothing that Markdown or HTML would act on."""
    text = harmless(text.replace("\n", " ")).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\1", text)


def printable(text: str) -> str:
    """``text`` on one line, with what a terminal would act on made visible.

    For quoting what somebody wrote: tabs and line breaks become spaces; other control characters,
    and those that turn the direction of text, are shown as ``\\x1b`` or ``\\u202e``.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(_shown(character) for character in text)
    return unspoken(text)


def _shown(character: str) -> str:
    if character in "\t\r\n":
        return " "
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        code = ord(character)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character
