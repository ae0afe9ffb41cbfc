"""The reader against the official Go parser, which the ``dockerfile`` package wraps.

The package holds BuildKit 0.12.5. Newer versions differ from it in two places, and the reader
follows them: the directive ``check`` exists, and text behind a JSON array makes it the shell form.
"""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from releaser.core.dockerfile import Dockerfile, Instruction, parse
from releaser.errors import SpecError

if sys.platform == "linux" and platform.machine() == "x86_64":
    official: Any = importlib.import_module("dockerfile")
else:
    official = pytest.importorskip("dockerfile")

Seen = tuple[str, str | None, tuple[tuple[str, str], ...], tuple[str, ...], bool, int, int, Any]

CORPUS = {
    "minimal": "FROM scratch\n",
    "no line end": "FROM alpine",
    "lower case": "from alpine as build\nrun true\nCopy --from=build /a /b\n",
    "tabs and spaces": "\t FROM \t alpine \n  RUN\ttrue  \n RUN \t a\t b\n",
    "windows line ends": "FROM a\r\nRUN a \\\r\n  b\r\nCOPY <<EOF /x\r\nhi\r\nEOF\r\nRUN c\r\n",
    "byte order mark": "\ufeff# escape=`\nFROM alpine\nRUN a `\n b\n",
    "comments": "# a\n#b\n  # c\nFROM alpine\n# d\nRUN true # not a comment\n",
    "comments in a continuation": "FROM a\nRUN x \\\n# one\n  # two\n\n   \n  && y \\\n#\n && z\n",
    "continuation with blanks behind": "FROM a\nRUN x \\ \t \n  y\n",
    "two backslashes": "FROM a\nRUN x \\\\\nRUN y\n",
    "continued at the end": "FROM a\nRUN x \\\n",
    "continued into nothing": "FROM a\nRUN x \\\n\n\n# c\n",
    "backslash alone": "FROM a\n\\\nRUN x\n   \\\n  RUN y\n",
    "escape backtick": "# escape=`\nFROM a\nRUN x `\n  y\nCOPY c:\\a\\ c:\\b\nRUN z \\\nRUN q\n",
    "escape spelled out": "#  EsCaPe =  ` \nFROM a\nRUN x `\ny\n",
    "escape too late": "# comment\n# escape=`\nFROM a\nRUN x \\\n y\n",
    "escape below a blank": "\n# escape=`\nFROM a\nRUN x \\\n y\n",
    "syntax and escape": "# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN x `\n y\n",
    "unknown directive": "# foo=bar\n# escape=`\nFROM a\nRUN x \\\n y\n",
    "directive without value": "# escape=\nFROM a\nRUN x \\\n y\n",
    "heredoc": "FROM a\nRUN <<EOF\nFROM nothing\n# kept\n\n  x \\\nEOF\nRUN y\n",
    "heredoc chomped": "FROM a\nRUN <<-EOF\n\tx\n\t\ty\n\t\tEOF\nRUN z\n",
    "heredoc quoted": "FROM a\nRUN <<'EOF' cat\n$x\nEOF\nRUN <<\"E F\"\na\nE F\n",
    "heredoc quoted in part": 'FROM a\nRUN <<E"O"F\nb\nEOF\n',
    "heredocs": "FROM a\nCOPY <<a.txt <<b.txt /d/\n1\na.txt\n2\nb.txt\nRUN 3<<a 4<<-b\na\n\tb\n",
    "heredoc with flags": "FROM a\nRUN --mount=type=cache,target=/c --network=none <<E\nx\nE\n",
    "heredoc continued": "FROM a\nRUN cat \\\n  <<E \\\n  | sort\nx\nE\nRUN y\n",
    "heredoc in onbuild": "FROM a\nONBUILD RUN <<E\nx\nE\nONBUILD COPY <<F /x\ny\nF\n",
    "no heredoc": "FROM a\nRUN echo \"<<E\" '<<F' \\<<G $((1<<2)) x<<H <<<I << J\nCMD <<K\n",
    "heredoc named by a variable": "FROM a\nRUN <<$X\nq\n$X\nRUN <<${Y:-z}\nq\n${Y:-z}\n",
    "unclosed quote hides a heredoc": 'FROM a\nRUN echo <<E "it\nRUN y\n',
    "json": 'FROM a\nRUN ["a", "b c"]\nCMD [ "x" ]\nENTRYPOINT ["é\\u00e9\\n"]\nSHELL ["sh"]\n',
    "json over lines": 'FROM a\nCMD ["a", \\\n  "b"]\n',
    "json copy": 'FROM a\nCOPY --chown=a:b ["x y", "z", "/d/"]\nADD ["a","b"]\nVOLUME ["/a"]\n',
    "json almost": "FROM a\nCMD [a]\nCMD ['a', 'b']\nCMD [\"a\",]\nCMD [NaN]\nCOPY [x] y\n",
    "json empty": "FROM a\nCMD []\nENTRYPOINT [ ]\n",
    "json with a heredoc inside": 'FROM a\nCOPY ["<<E", "/x"]\nRUN ["cat", "<<E"]\n',
    "flags": 'FROM --platform=x/y a AS b\nRUN --a=1 --b --c=\'d e\' --d="f" --e=\\"g h --i\n',
    "flags end": "FROM a\nRUN -- --x\nRUN --\tx\nRUN - --x\nRUN --a\\ b c\nRUN --x<<E y\n",
    "flag and nothing else": "FROM a\nRUN --mount=type=bind\nRUN --\n",
    "env": 'FROM a\nENV a b c\nENV a=b c="d e" f=\'g h\' i=j\\ k\nENV l=\nENV m=n=o p=""q\n',
    "env over lines": "FROM a\nENV a=1 \\\n    b=2 \\\n    # no\n    c=3\n",
    "label": 'FROM a\nLABEL a=b "c d"="e f" g.h=\'i\'\nLABEL x y z\nLABEL multi="a \\\nb"\n',
    "escape at the very end": "FROM a\nARG x \\\u00a0\nENV a=b\\\u00a0\n",
    "arg": "ARG A\nARG B=1 C=\"2 3\" D\nFROM a\nARG E='f' \\\n  G\nARG H=$B${C:-x}\n",
    "escapes in words": 'FROM a\nENV a=\\"b\\" c="\\"d" e=\'\\\' f=g\\\n',
    "onbuild": 'FROM a\nONBUILD RUN --m=x y\nonbuild copy a b\nONBUILD CMD ["x"]\nONBUILD ENV a b',
    "healthcheck": (
        "FROM a\nHEALTHCHECK --interval=5s --retries=3 CMD curl -f  localhost\n"
        'HEALTHCHECK NONE\nHEALTHCHECK CMD ["a", "b"]\nhealthcheck  cmd  x\n'
    ),
    "the rest": (
        "FROM a\nMAINTAINER a  b <c@d>\nEXPOSE 80  443/tcp $P\nUSER a:b\nWORKDIR /a b\n"
        "STOPSIGNAL SIGTERM\nVOLUME /a /b\n"
    ),
    "unicode": "FROM a\nRUN echo ünï\u00a0cödé\u3000x\nLABEL ключ=значение\n\u00a0RUN x\u00a0\n",
    "several stages": "ARG V=1\nFROM a:$V AS one\nFROM b AS two\nCOPY --from=one /x /\nFROM two\n",
    "vertical tab": "FROM a\nRUN\x0bx\x0cy\nEXPOSE 1\x0b2\n",
    "long line": f"FROM a\nRUN {'x' * 65_000}\nRUN y\n",
    "empty": "",
    "only comments": "# a\n# b\n",
    "unterminated heredoc": "FROM a\nRUN <<EOF\nx\n",
    "malformed heredoc": "FROM a\nRUN <<${X:-\\'}\n",
    "json of numbers": "FROM a\nCMD [1]\n",
    "json nested": 'FROM a\nCMD ["a", ["b"]]\n',
    "env without a value": "FROM a\nENV x\n",
    "env with a stray word": "FROM a\nENV a=b c\n",
    "directive twice": "# escape=`\n# escape=`\nFROM a\n",
    "impossible escape": "# escape=x\nFROM a\n",
    "line too long": f"FROM a\nRUN {'x' * 70_000}\n",
}
REFUSED = {
    "empty", "only comments", "unterminated heredoc", "malformed heredoc", "json of numbers",
    "json nested", "env without a value", "env with a stray word", "directive twice",
    "impossible escape", "line too long",
}  # fmt: skip


def ours(text: str) -> list[Seen]:
    return [_ours(instruction) for instruction in _instructions(parse(text))]


def _instructions(dockerfile: Dockerfile) -> Iterator[Instruction]:
    yield from dockerfile.arguments
    for stage in dockerfile.stages:
        yield stage.head
        yield from stage.instructions


def _ours(instruction: Instruction) -> Seen:
    return (
        instruction.keyword,
        instruction.trigger.keyword if instruction.trigger else None,
        instruction.flags,
        instruction.words,
        instruction.json,
        instruction.line,
        instruction.end_line,
        # The official parser's wrapper loses the heredocs of an ONBUILD.
        tuple(
            (each.name, each.descriptor, each.content)
            for each in instruction.heredocs
            if not instruction.trigger
        ),
    )


def theirs(text: str) -> list[Seen]:
    return [_theirs(command) for command in official.parse_string(text)]


def _theirs(command: Any) -> Seen:  # noqa: ANN401 - a class of a Go extension
    # It takes the bytes of flags for characters, so that "ü" comes out as "Ã¼".
    flags = (flag.encode("latin-1").decode().removeprefix("--") for flag in command.flags)
    pairs = (flag.partition("=") for flag in flags)
    return (
        (command.cmd or "").upper(),
        command.sub_cmd and command.sub_cmd.upper(),
        tuple((name, value) for name, _, value in pairs),
        command.value,
        command.json,
        command.start_line,
        command.end_line,
        tuple((each.name, each.file_descriptor, each.content) for each in command.heredocs),
    )


@pytest.mark.parametrize("name", sorted(CORPUS.keys() - REFUSED))
def test_reads_what_the_official_parser_reads(name: str) -> None:
    assert theirs(CORPUS[name]) == ours(CORPUS[name])


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refuses_what_the_official_parser_refuses(name: str) -> None:
    with pytest.raises(official.GoParseError):
        theirs(CORPUS[name])
    with pytest.raises(SpecError):
        ours(CORPUS[name])


def test_the_longest_line_is_the_same() -> None:
    longest = f"FROM a\nRUN {'x' * 65_531}\nRUN y\n"
    assert theirs(longest) == ours(longest)
    too_long = longest.replace("x\n", "xx\n")
    with pytest.raises(official.GoParseError, match="max allowed size of 65535"):
        theirs(too_long)
    with pytest.raises(SpecError, match="longer than 65535 bytes"):
        ours(too_long)


FRAGMENTS = [
    "a", "b", "x=y", "$V", "${V:-w}", "\\", "\\\\", "`", '"', "'", '"q r"', "'s t'", "<<E", "<<-F",
    "<<'G'", "E", "F", "\tF", "#", "# c", "--", "--f=1", "--from=x", "-", "[", "]", '["j"]', ",",
    "=", " ", "  ", "\t", "\n", "\n\n", "\\\n", "\\ \n", "`\n", "\r\n", "AS", "ü", "<<", "1<<E",
]  # fmt: skip
KEYWORDS = [
    "FROM a", "FROM a AS b", "RUN ", "COPY ", "ADD ", "ENV ", "LABEL ", "ARG ", "CMD ", "ONBUILD ",
    "ONBUILD RUN ", "ENTRYPOINT ", "HEALTHCHECK ", "VOLUME ", "EXPOSE ", "USER ", "WORKDIR ",
    "SHELL ", "STOPSIGNAL ", "MAINTAINER ", "run ", "RUN <<E\n", "NOPE ",
]  # fmt: skip
HEADS = ["", "# escape=`\n", "# syntax=x\n", "# c\n", "\ufeff", "ARG V=1\n", "\n"]

lines = st.builds(
    lambda keyword, parts, end: keyword + "".join(parts) + end,
    st.sampled_from(KEYWORDS),
    st.lists(st.sampled_from(FRAGMENTS), max_size=8),
    st.sampled_from(["\n", "\nE\n", "\nF\nE\n", "\r\n"]),
)


def _dockerfile(head: str, body: list[str]) -> str:
    """Only lines that can be read: else hardly any Dockerfile of several lines could be."""
    start = f"{head}FROM a\n"
    return start + "".join(line for line in body if _is_readable(start + line))


def _is_readable(text: str) -> bool:
    try:
        parse(text)
    except SpecError:
        return False
    return True


dockerfiles = st.builds(_dockerfile, st.sampled_from(HEADS), st.lists(lines, max_size=6))


@settings(max_examples=1000, deadline=None)
@given(dockerfiles | lines.map("FROM a\n".__add__))
@example("FROM a\nRUN '\\'\n")
@example("FROM a\nENV a='\\' b=c\n")
def test_generated_dockerfiles_are_read_alike(text: str) -> None:
    try:
        mine = ours(text)
    except SpecError:
        # We refuse more: what the official parser leaves to the next step of BuildKit.
        return
    try:
        expected = theirs(text)
    except official.GoParseError as error:
        pytest.fail(f"the official parser refuses this: {error}")
    for theirs_here, mine_here in zip(expected, mine, strict=False):
        if theirs_here[4] and not mine_here[4]:
            return  # Text behind a JSON array: from here on the two may read different heredocs.
        assert theirs_here == mine_here
    assert len(expected) == len(mine)
