"""What the Dockerfile reader says, case by case; tables put the expected value first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from releaser.core.dockerfile import (
    Directives,
    Dockerfile,
    ImageUse,
    Instruction,
    PathUse,
    TargetUse,
    UrlUse,
    parse,
    target_use,
)
from releaser.core.dockerfile.lexer import Scope, expand, heredoc
from releaser.core.dockerfile.model import ExpansionError
from releaser.errors import Location, SpecError

NO_ARGS: Mapping[str, str] = {}


def use(
    text: str,
    target: str | None = None,
    args: Mapping[str, str] = NO_ARGS,
    contexts: AbstractSet[str] = frozenset(),
    platform: str = "linux/amd64",
) -> TargetUse:
    return target_use(parse(text), target, args, contexts=contexts, platform=platform)


def references(found: TargetUse) -> list[str]:
    return [image.reference for image in found.images]


def sources(found: TargetUse) -> list[tuple[str, ...]]:
    return [path.sources for path in found.paths]


def only(text: str) -> Instruction:
    """The one instruction behind ``FROM a``."""
    (instruction,) = parse(f"FROM a\n{text}\n").stages[0].instructions
    return instruction


def lines(dockerfile: Dockerfile) -> list[tuple[str, int, int]]:
    stages = dockerfile.stages
    return [(each.keyword, each.line, each.end_line) for s in stages for each in s.instructions]


# -- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (Directives(), "FROM a"),
        (Directives(syntax="docker/dockerfile:1"), "# syntax=docker/dockerfile:1\nFROM a"),
        (Directives(syntax="x y"), "#  SYNTAX =  x y \nFROM a"),
        (Directives(escape="`"), "# escape=`\nFROM a"),
        (Directives(escape="\\"), "# escape=\\\nFROM a"),
        (Directives("x", "`", "skip=all"), "# syntax=x\n# check=skip=all\n# escape=`\nFROM a"),
        (Directives(escape="`"), "\ufeff# escape=`\nFROM a"),
        (Directives(escape="`"), "# escape=`\r\nFROM a\r\n"),
        (Directives(), "# a comment\n# escape=`\nFROM a"),
        (Directives(), "\n# escape=`\nFROM a"),
        (Directives(), "# other=1\n# escape=`\nFROM a"),
        (Directives(), "FROM a\n# escape=`\n"),
        (Directives(), "# syntax=\nFROM a"),
        (Directives(syntax="x"), "#!/usr/bin/env x\n# syntax=x\n# escape=`\nFROM a"),
    ],
)
def test_directives_stand_at_the_very_top(expected: Directives, text: str) -> None:
    assert expected == parse(text).directives


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([("RUN", 2, 2)], "FROM a\nRUN x"),
        ([("RUN", 2, 4)], "FROM a\nRUN x \\\n y \\\n z"),
        ([("RUN", 4, 8), ("USER", 9, 9)], "# c\n\nFROM a\nRUN x \\\n# c\n\n  # d\n y\nUSER z"),
        ([("RUN", 2, 5), ("USER", 6, 6)], "FROM a\nRUN <<E\nFROM b\n# c\nE\nUSER z"),
        ([("RUN", 2, 7)], "FROM a\nRUN <<A <<B\nx\nA\ny\nz\nB"),
        ([("COPY", 2, 4), ("USER", 5, 5)], "FROM a\r\nCOPY <<E /x\r\ny\r\nE\r\nUSER z\r\n"),
        ([("ONBUILD", 2, 4)], "FROM a\nONBUILD RUN <<E\nx\nE"),
        ([("RUN", 2, 2)], "FROM a\nRUN x \\"),
    ],
)
def test_lines_are_counted_as_an_editor_does(
    expected: list[tuple[str, int, int]], text: str
) -> None:
    assert expected == lines(parse(text))


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (("a  b",), "RUN a \\\n b"),
        (("a b",), "RUN a \\ \t\nb"),
        (("a \\\\",), "RUN a \\\\"),
        (("ab",), "RUN a\\\r\nb\r"),
        (("a", "b"), 'RUN ["a", "b"]'),
        (("a", "b"), 'RUN ["a", \\\n "b"]'),
        (("[a]",), "RUN [a]"),
        (('["a"] b',), 'RUN ["a"] b'),
        (("[NaN]",), "CMD [NaN]"),
        (("\ufffd",), 'CMD ["\\ud800"]'),
        (("a", "b\\ c", "d", "e"), "ENV a=b\\ c d=e"),
        (("a", "b  c"), "ENV a b  c"),
        (("a", "'b c'", "d", '"e"'), "LABEL a='b c' d=\"e\""),
        (("a=1", "b", 'c="2 3"'), 'ARG a=1 b c="2 3"'),
        (("x",), "ARG x \\\u00a0"),
        (("80", "443/tcp"), "EXPOSE 80 \t 443/tcp"),
        (("CMD", "a b"), "HEALTHCHECK --interval=5s CMD a b"),
        (("CMD", "a", "b"), 'HEALTHCHECK CMD ["a", "b"]'),
        (("NONE",), "HEALTHCHECK NONE"),
        (("/a b",), "WORKDIR /a b"),
        (("a", "b"), "ONBUILD COPY a b"),
        ((), "CMD"),
        ((), "RUN --mount=type=cache,target=/x"),
    ],
)
def test_each_instruction_splits_its_words(expected: tuple[str, ...], text: str) -> None:
    assert expected == only(text).words


@pytest.mark.parametrize(
    ("expected", "rest", "text"),
    [
        ((), "a --b", "RUN a --b"),
        ((("from", "x"), ("link", "")), "a b", "COPY --from=x --link a b"),
        (
            (("exclude", "*.md"), ("exclude", "a b")),
            "c d",
            'ADD --exclude=*.md --exclude="a b" c d',
        ),
        ((("a", 'x"y'),), "b", "RUN --a='x\"y' b"),
        ((("a", 'x"'),), "b", 'RUN --a=x\\" b'),
        ((("a", 'x"'),), "b", 'RUN --a="x\\"" b'),
        ((("mount", "a"), ("mount", "b")), "c", "RUN --mount=a \\\n  --mount=b c"),
        ((), "--a", "RUN -- --a"),
        ((("a", "x"),), "", "RUN --a=x\\"),
        ((("ü", "é"),), "x", "RUN --ü=é x"),
    ],
)
def test_flags(expected: tuple[tuple[str, str], ...], rest: str, text: str) -> None:
    assert (expected, rest) == (only(text).flags, only(text).rest)


def test_the_last_of_several_flags_holds() -> None:
    instruction = only("RUN --network=none --network=host x")
    assert (instruction.flag("network"), instruction.flag("mount")) == ("host", None)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([("E", "x\n", True, False, 0)], "RUN <<E\nx\nE"),
        ([("E", "\tx\n", True, True, 0)], "RUN <<-E\n\tx\n\t\tE"),
        ([("E", "$x\n", False, False, 0)], "RUN <<'E' cat\n$x\nE"),
        ([("E", "", False, False, 0)], 'RUN <<"E"\nE'),
        ([("a b", "", False, False, 0)], "RUN <<'a b'\na b"),
        ([("E", "x\r\n", True, False, 3)], "RUN 3<<E\nx\r\nE\r\n"),
        ([("A", "B\n", True, False, 0), ("B", "", True, False, 0)], "COPY <<A <<B /\nB\nA\nB"),
        ([("$X", "", True, False, 0)], "RUN <<$X\n$X"),
        ([("${X/a/b}", "", True, False, 0)], "RUN <<${X/a/b}\n${X/a/b}"),
        ([("E", "", True, False, 0)], "ONBUILD ADD <<E /x\nE"),
        ([], "CMD <<E"),
        ([], 'RUN ["a", "<<E"]'),
        ([], 'RUN "<<E"'),
        ([], "RUN \\<<E"),
        ([], "RUN a<<E $((1<<2)) <<<F << G <<"),
        ([], 'RUN <<E "'),
    ],
)
def test_heredocs(expected: list[tuple[str, str, bool, bool, int]], text: str) -> None:
    found = only(text).heredocs
    seen = [(h.name, h.content, h.expand, h.chomp, h.descriptor) for h in found]
    assert expected == seen


def test_an_onbuild_holds_what_it_triggers() -> None:
    trigger = only("onbuild run --mount=type=cache <<E\nx\nE").trigger
    assert trigger
    assert (
        trigger.keyword,
        trigger.flags,
        trigger.end_line,
    ) == ("RUN", (("mount", "type=cache"),), 4)
    assert [each.content for each in trigger.heredocs] == ["x\n"]


def test_stages_know_their_name_base_platform_and_line() -> None:
    text = "ARG V=1\nARG W X=2\nFROM --platform=$P a:$V aS Build.x\nRUN x\nFROM Build.x\n"
    dockerfile = parse(text, "web/Dockerfile")
    first, second = dockerfile.stages
    assert dockerfile.file == "web/Dockerfile"
    assert dockerfile.global_args == {"V": "1", "W": None, "X": "2"}
    assert (
        first.index,
        first.name,
        first.base,
        first.platform,
        first.line,
    ) == (0, "build.x", "a:$V", "$P", 3)
    assert (
        second.index,
        second.name,
        second.base,
        second.platform,
        second.line,
    ) == (1, None, "Build.x", None, 5)
    assert [each.keyword for each in first.instructions] == ["RUN"]
    assert [each.keyword for each in second.instructions] == []
    assert (first.title, second.title) == ("build.x", "1")


@pytest.mark.parametrize(
    ("line", "message", "text"),
    [
        (None, "no FROM", ""),
        (None, "no FROM", "# only\n# comments\n"),
        (None, "no FROM", "ARG A=1"),
        (1, "RUN stands before the first FROM", "RUN x\nFROM a"),
        (2, 'unknown instruction "COPPY"', "FROM a\nCOPPY a b"),
        (2, 'unknown instruction "ZZZZ"', "FROM a\nZZZZ"),
        (2, "unknown instruction", f"FROM a\n{'x' * 60_000}"),
        (2, "a line continues, but the file ends", "FROM a\n\\"),
        (1, "FROM needs", "FROM"),
        (1, "FROM takes", "FROM a b"),
        (1, "FROM takes", "FROM a AS"),
        (1, "FROM takes", "FROM a IS b"),
        (1, '"1a" is no name for a stage', "FROM a AS 1a"),
        (1, "is no name for a stage", "FROM a AS b/c"),
        (2, "ARG needs", "FROM a\nARG"),
        (2, "ARG has no name", "FROM a\nARG =b"),
        (2, "ENV needs", "FROM a\nENV"),
        (2, '"x" has no value', "FROM a\nENV x"),
        (2, '"c" is not of the form', "FROM a\nENV a=b c"),
        (2, '"=c" is not of the form', "FROM a\nLABEL a=b =c"),
        (2, "COPY needs a source and a destination", "FROM a\nCOPY x"),
        (2, "ADD needs a source and a destination", 'FROM a\nADD ["x"]'),
        (2, "WORKDIR needs", "FROM a\nWORKDIR"),
        (2, "HEALTHCHECK needs", "FROM a\nHEALTHCHECK"),
        (2, "ONBUILD needs", "FROM a\nONBUILD"),
        (2, "ONBUILD is not allowed", "FROM a\nONBUILD ONBUILD RUN x"),
        (2, "FROM is not allowed", "FROM a\nONBUILD from x"),
        (2, 'unknown instruction "XY"', "FROM a\nONBUILD xy"),
        (2, "strings only", "FROM a\nCMD [1]"),
        (2, "strings only", 'FROM a\nCOPY ["a", [1.5e9], null]'),
        (2, "strings only", f"FROM a\nCMD {'[' * 50_000}"),
        (2, 'the heredoc "E" never ends', "FROM a\nRUN <<E\nx\n"),
        (2, "malformed heredoc", "FROM a\nRUN <<${X:-\\'}\n"),
        (2, "malformed heredoc", "FROM a\nRUN <<${X:-b c}\n"),
        (2, '"escape" stands here twice', "# escape=`\n# escape=`\nFROM a"),
        (1, "the escape character is", "# escape=x\nFROM a"),
        (2, "longer than 65535 bytes", f"FROM a\nRUN {'ü' * 40_000}"),
        (None, "larger than 1048576 bytes", "#" * (1 << 20) + "\n"),
        (None, "not Unicode", "FROM a\nRUN \ud800"),
    ],
)
def test_what_cannot_be_read(line: int | None, message: str, text: str) -> None:
    with pytest.raises(SpecError, match=message.replace("(", "\\(")) as caught:
        parse(text, "df")
    assert Location("df", line) == caught.value.at


def test_a_misspelt_instruction_has_a_hint() -> None:
    with pytest.raises(SpecError) as caught:
        parse("FROM a\nCOPPY a b")
    assert caught.value.hint == 'did you mean "COPY"?'


# -- words -----------------------------------------------------------------------------------

VALUES = Scope({"A": "abc", "E": "", "P": "a/b/a.tar.gz", "B": "x", "PAT": "\\*", "S": "a*b"})


@pytest.mark.parametrize(
    ("expected", "word"),
    [
        ("a", "a"),
        ("abc", "$A"),
        ("abcd", "${A}d"),
        ("", "$Ad"),
        ("-", "$NOT-$NOT"),
        ("$", "$"),
        ("$.", "$."),
        ("x", "${12}x"),
        ("", "$12"),
        ("x", "$@x"),
        ("abc", '"$A"'),
        ("$A", "'$A'"),
        ("$A", "\\$A"),
        ("$A", '"\\$A"'),
        ('"', '"\\""'),
        ("\\x", '"\\x"'),
        ("x", "\\x"),
        ("", "\\"),
        ("a b", "a\\ b"),
        ("a'b", '"a\'b"'),
        ("d", "${NOT:-d}"),
        ("d", "${E:-d}"),
        ("", "${E-d}"),
        ("abc", "${A-d}"),
        ("d", "${NOT-d}"),
        ("d", "${A:+d}"),
        ("", "${E:+d}"),
        ("d", "${E+d}"),
        ("", "${NOT+d}"),
        ("abc", "${A:?no}"),
        ("", "${E?no}"),
        ("abc", "${NOT:-${NOT:-$A}}"),
        ("}", "${NOT:-\\}}"),
        ("b/a.tar.gz", "${P#*/}"),
        ("a.tar.gz", "${P##*/}"),
        ("a/b/a.tar", "${P%.*}"),
        ("a/b/a", "${P%%.*}"),
        ("bc", "${A#?}"),
        ("abc", "${A#z}"),
        ("", "${NOT#x}"),
        ("bc", "${A#a}"),
        ("bc", "${A#a*}"),
        ("", "${A##a*}"),
        ("c", "${A#a*b}"),
        ("b", "${S#a\\*}"),
        ("a", "${S%\\*?}"),
        ("a", "${S%%${PAT}*}"),
        ("x/b/a.tar.gz", "${P/a/x}"),
        ("x/b/x.txr.gz", "${P//a/x}"),
        ("a-b-a.tar.gz", "${P//\\//-}"),
        ("x", "${A//*/x}"),
        ("xabc", "${A/$E/x}"),
        ("", "${NOT/a/b}"),
        ("a/b/a.tar.gz", "${P/q/x}"),
        ("aXc", "${A/b/X}"),
    ],
)
def test_expansion(expected: str, word: str) -> None:
    found = expand(word, VALUES)
    assert (expected, True) == (found.text, found.certain)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("closing '", "'a"),
        ('closing "', '"a'),
        ('closing "', '"a\\'),
        ("bad substitution", "${"),
        ("bad substitution", "${}"),
        ("bad substitution", "${:-a}"),
        ("looking for }", "${A:-b"),
        ("looking for /", "${A/b}"),
        ("looking for }", "${A/b/c"),
        ("unsupported operator '='", "${A=b}"),
        ("unsupported operator '='", "${A:=b}"),
        ("unsupported operator ''", "${A"),
        ("NOT: say so", "${NOT:?say so}"),
        ("E: is not allowed", "${E:?}"),
        ("NOT: is not allowed", "${NOT?}"),
        ("nested more than 40 deep", "${a:-" * 50 + "}" * 50),
        ("invalid escape", "${A#\\q}"),
        ("at most 4096", "${LONG%x}"),
        ("longer than 65536", "$LONG" * 20),
    ],
)
def test_words_that_cannot_be_expanded(message: str, word: str) -> None:
    scope = Scope({**VALUES.values, "LONG": "x" * 5000})
    with pytest.raises(ExpansionError, match=message):
        expand(word, scope)


@pytest.mark.parametrize(
    ("expected", "word"),
    [
        (False, "$HOME"),
        (False, "${HOME:-x}"),
        (False, "${HOME:?x}"),
        (False, "${HOME#x}"),
        (False, "${HOME/x/y}"),
        (False, "a$UNKNOWN"),
        (True, "'$HOME'$A"),
        (True, "${A:-x}"),
    ],
)
def test_what_a_base_image_may_set_is_not_certain(expected: bool, word: str) -> None:
    scope = Scope({"A": "a", "UNKNOWN": None}, open=True)
    assert expected == expand(word, scope).certain


def test_the_backtick_can_be_the_escape_character() -> None:
    assert (
        expand("`$A", VALUES, "`").text,
        expand("\\$A", VALUES, "`").text,
    ) == ("$A", "\\abc")


@pytest.mark.parametrize("word", ["", "E", "<<", "<<-", "<E", "<<<E", "<<E sh"])
def test_no_heredoc(word: str) -> None:
    assert heredoc(word) is None


# -- stages and images -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "text", "target"),
    [
        (["a"], "FROM a", None),
        (["b"], "FROM a\nFROM b", None),
        (["a"], "FROM a AS x\nFROM b", "x"),
        (["a"], "FROM a AS X\nFROM b", "x"),
        (["a"], "FROM a AS x\nFROM b", "X"),
        (["a"], "FROM a AS x\nFROM x\nFROM x AS y", "y"),
        (["a", "b"], "FROM a AS x\nFROM b\nCOPY --from=x / /", None),
        (["a", "b"], "FROM a\nFROM b\nCOPY --from=0 / /", None),
        (["a", "b"], "FROM a AS x\nFROM b\nCOPY --from=X / /", None),
        (["a", "b"], "FROM a AS x\nFROM b\nRUN --mount=from=x,target=/y z", None),
        (["a", "b"], "FROM a\nFROM b\nRUN --mount=type=cache,from=0,target=/y z", None),
        (["b", "c:1"], "FROM a\nFROM b\nCOPY --from=c:1 / /", None),
        (["b", "c"], "FROM a\nFROM b\nRUN --mount=target=/y,from=c z", None),
        (["b", "c", "d"], "FROM b\nRUN --mount=from=c,target=/c --mount=from=d,target=/d z", None),
        ([], "FROM scratch", None),
        ([], "FROM scratch\nCOPY --from=scratch / /", None),
        (["a"], "FROM a AS scratch\nFROM scratch", None),
        (["x"], "FROM x AS x", None),
        (["x"], "FROM x AS x\nFROM x", None),
        (["b"], "FROM b AS a\nFROM a AS b", "b"),
        (["later"], "FROM later AS x\nFROM a AS later", "x"),
        (["b"], "FROM a AS x\nFROM b AS x\nFROM x", None),
        (["b"], "FROM a AS x\nFROM b AS x", "x"),
        (["a"], "FROM a AS x\nFROM X", None),
        (["a"], "ARG B=x\nFROM a AS x\nFROM $B", None),
        (["a"], "FROM a\nRUN <<E\nFROM b\nCOPY --from=c / /\nE", None),
        (["a"], "FROM a\nONBUILD COPY --from=c / /", None),
        (["a", "c"], "FROM a AS x\nONBUILD COPY --from=c / /\nFROM x", None),
        (["a", "c"], "FROM a AS x\nONBUILD COPY --from=c / /\nFROM x AS y\nFROM y", None),
        (["a"], "FROM a AS x\nFROM b\nCOPY --from=x / /\nFROM x", None),
        (["a", "a"], "FROM a AS x\nFROM a\nCOPY --from=x / /", None),
        (["localhost:5000/a/b:c"], "FROM localhost:5000/a/b:c", None),
        ([f"a@sha256:{'0' * 64}"], f"FROM a@sha256:{'0' * 64}", None),
    ],
)
def test_images_of_reached_stages(expected: list[str], text: str, target: str | None) -> None:
    assert expected == references(use(text, target))


def test_each_image_says_where_and_how_it_is_used() -> None:
    text = (
        "ARG V=1\nFROM a:$V AS x\n\nFROM b\nCOPY --from=x / /\nCOPY --from=c / /\n"
        "RUN --mount=from=d,target=/d e\n"
    )
    expected = (
        ImageUse("a:1", "a:$V", 2, "FROM"),
        ImageUse("b", "b", 4, "FROM"),
        ImageUse("c", "c", 6, "COPY --from"),
        ImageUse("d", "d", 7, "RUN --mount=from"),
    )
    assert expected == use(text).images


def test_reached_stages_are_in_the_order_of_the_file() -> None:
    text = (
        "FROM a AS one\nFROM b AS two\nFROM c AS three\nFROM two AS four\n"
        "COPY --from=one / /\nFROM d AS five\n"
    )
    assert [stage.name for stage in use(text, "four").stages] == ["one", "two", "four"]


@pytest.mark.parametrize(
    ("expected", "text", "args"),
    [
        ("a:1", "ARG V=1\nFROM a:$V", {}),
        ("a:2", "ARG V=1\nFROM a:$V", {"V": "2"}),
        ("a:2", "ARG V\nFROM a:$V", {"V": "2"}),
        ("a:latest", "FROM a:${V:-latest}", {}),
        ("a:latest", "FROM a:${V:-latest}", {"V": "2"}),
        ("a:1-slim", "ARG V=1\nARG T=$V-slim\nFROM a:$T", {}),
        ("a:2-slim", "ARG V=1\nARG T=$V-slim\nFROM a:$T", {"V": "2"}),
        ("a:1-slim", "ARG V=1 T=${V}-slim\nFROM a:$T", {}),
        ("a:b", 'ARG I="a:b"\nFROM $I', {}),
        ("a", "ARG I='a'\nFROM ${I}", {}),
        ("a", "FROM a${S}", {}),
        ("a-dbg", "ARG D\nFROM a${D:+-dbg}", {"D": "1"}),
        ("a:amd64", "FROM a:$TARGETARCH", {}),
        ("a:mine", "FROM a:$TARGETARCH", {"TARGETARCH": "mine"}),
        ("a:1", "ARG V=1\nARG V\nFROM a:$V", {}),
        ("a:x", "ARG V\nFROM b AS i\nARG V=y\nFROM a:${V:-x}", {}),
        ("a:y", "FROM a:${TARGETSTAGE} AS y", {}),
        ("a:default", "FROM a:${TARGETSTAGE}", {}),
    ],
)
def test_from_sees_the_global_arguments(expected: str, text: str, args: dict[str, str]) -> None:
    assert expected == references(use(text, None, args))[-1]


@pytest.mark.parametrize(
    ("expected", "platform"),
    [
        ("linux/amd64-linux-amd64-", "linux/amd64"),
        ("linux/amd64-linux-amd64-", "linux/x86_64"),
        ("linux/arm64-linux-arm64-", "linux/arm64/v8"),
        ("linux/arm/v7-linux-arm-v7", "linux/arm"),
        ("linux/arm/v6-linux-arm-v6", "linux/arm/v6"),
    ],
)
def test_platform_arguments(expected: str, platform: str) -> None:
    text = (
        "FROM scratch\nARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM\n"
        "ARG ALL=$TARGETPLATFORM-$TARGETOS-$TARGETARCH-$TARGETVARIANT\n"
    )
    args = dict(use(text, platform=platform).args)
    assert (expected, "linux/amd64") == (args["ALL"], args["BUILDPLATFORM"])


def test_the_build_platform_is_its_own() -> None:
    dockerfile = parse("FROM --platform=$BUILDPLATFORM a:$BUILDARCH")
    found = target_use(dockerfile, None, {}, platform="linux/s390x", build_platform="linux/arm64")
    assert found.args == (("BUILDARCH", "arm64"), ("BUILDPLATFORM", "linux/arm64"))


@pytest.mark.parametrize(
    ("line", "message", "text", "target"),
    [
        (None, 'no stage "z" in the Dockerfile', "FROM a AS x", "z"),
        (None, 'no stage "0" in the Dockerfile', "FROM a", "0"),
        (1, '"FROM \\$V" comes out empty', "FROM $V", None),
        (2, '"FROM \\$V" comes out empty', "ARG V\nFROM $V\nFROM a", None),
        (3, "comes out empty", "FROM a AS i\nARG V=1\nFROM $V", None),
        (1, '"--platform=\\$Q" comes out empty', "FROM --platform=$Q a", None),
        (1, '"a:" names no image', "FROM a:$V", None),
        (1, '"A" names no image', "FROM A", None),
        (2, '"B:c" names no image', "FROM a\nCOPY --from=B:c / /", None),
        (1, 'cannot expand "\\$\\{V:\\?no\\}": V: no', "FROM ${V:?no}", None),
        (1, "cannot expand", "ARG V=${\nFROM a", None),
        (2, "cannot expand", "FROM a\nARG V=${W!}", None),
        (2, "cannot expand", "FROM a\nENV V='", None),
        (2, "cannot expand", "FROM a\nCOPY ${ /", None),
        (2, "cannot expand", f"FROM a\nENV V=${{{'x' * 80}", None),
        (2, "is defined below, on line 3", "FROM a AS z\nCOPY --from=y / /\nFROM b AS y", "z"),
        (2, '"1" is defined below', "FROM a AS z\nCOPY --from=1 / /\nFROM b", "z"),
        (2, '"y" is defined below', "FROM a AS z\nRUN --mount=from=y x\nFROM b AS y", "z"),
        (2, '"z" copies from itself', "FROM a AS z\nCOPY --from=z / /", None),
        (2, '"0" copies from itself', "FROM a\nCOPY --from=0 / /", None),
        (2, '"a" copies from itself', "FROM a AS a\nCOPY --from=a / /", None),
        (2, "there is no stage 7", "FROM a\nCOPY --from=7 / /", None),
        (2, "there is no stage -1", "FROM a\nCOPY --from=-1 / /\nFROM b", None),
        (2, "there is no stage 9999", f"FROM a\nCOPY --from={'9' * 6000} / /\nFROM b", None),
        (
            2,
            "takes no variables",
            "FROM a\nCOPY --from=$V / /",
            None,
        ),
        (2, "takes no variables", "FROM a\nRUN --mount=from=${V},target=/ x\nFROM b", None),
        (2, "takes no variables", "FROM a\nRUN --mount=from='$V' x", None),
        (2, "a --mount without fields", "FROM a\nRUN --mount= x", None),
        (2, "a --mount without fields", "FROM a\nRUN --mount x", None),
        (2, "malformed --mount", 'FROM a\nRUN --mount=\\"a\\"b x', None),
        (2, 'COPY cannot fetch "https://x/y"', "FROM a\nCOPY https://x/y /", None),
        (2, 'COPY cannot fetch "git@x:y"', "FROM a\nCOPY git@x:y /", None),
    ],
)
def test_what_cannot_be_resolved(
    line: int | None, message: str, text: str, target: str | None
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        use(text, target)
    assert Location("Dockerfile", line) == caught.value.at


@pytest.mark.parametrize(
    ("expected", "text", "target"),
    [
        ('did you mean "build"?', "FROM a AS build", "biuld"),
        ("name a stage with FROM … AS name", "FROM a", "zzz"),
        (
            "give V a value: a build argument, or ARG name=default above the first FROM",
            "FROM $V",
            None,
        ),
        ('use "a"', "FROM A", None),
    ],
)
def test_hints(expected: str, text: str, target: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        use(text, target)
    assert expected == caught.value.hint


def test_an_unknown_target_lists_the_stages() -> None:
    with pytest.raises(SpecError) as caught:
        use("FROM a AS one\nFROM b\nFROM c AS two", "three")
    assert caught.value.details == (("stages", "one, two"),)


def test_an_unreached_stage_may_refer_to_one_below() -> None:
    text = "FROM a AS x\nCOPY --from=z / /\nFROM b AS z\nFROM c"
    assert references(use(text)) == ["c"]


# -- paths -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([("x",)], "COPY x /"),
        ([("x", "y")], "COPY x y /"),
        ([(".",)], "COPY . /"),
        ([(".",)], "COPY ./ /"),
        ([(".",)], "COPY / /"),
        ([(".",)], 'COPY ["", "/"]'),
        ([("x y", "z")], 'COPY ["x y", "z", "/"]'),
        ([("x/y",)], "COPY ./x//y/ /"),
        ([("y",)], "COPY x/../y /"),
        ([("y",)], "COPY ../../y /"),
        ([("*.py", "a/?.[ch]")], "COPY *.py a/?.[ch] /"),
        ([("x",)], "ADD x /"),
        ([("x.tar.gz",)], "ADD x.tar.gz https://x/y /"),
        ([("github.com/x/y",)], "ADD github.com/x/y /"),
        ([], "ADD https://x/y /"),
        ([], "COPY <<a <<-'b' /d/\na\nb"),
        ([("x",)], "COPY <<a x /d/\na"),
        ([], "COPY --from=b x /"),
        ([("x",)], "COPY --from= x /"),
        ([("x",)], "COPY --link --chown=1:1 --chmod=755 x /"),
        ([], "RUN x"),
        ([], "RUN --network=none --security=insecure x"),
        ([(".",)], "RUN --mount=target=/x y"),
        ([(".",)], "RUN --mount=type=bind,target=/x y"),
        ([("s",)], "RUN --mount=type=bind,source=s,target=/x y"),
        ([("s",)], "RUN --mount=SRC=/s,target=/x,ro y"),
        ([("t",)], "RUN --mount=src=s,source=t,target=/x y"),
        ([("s",), ("t",)], "RUN --mount=src=s,target=/s --mount=src=t,target=/t y"),
        ([("s,t",)], "RUN --mount='\"src=s,t\",target=/s' y"),
        ([], "RUN --mount=type=cache,target=/x y"),
        ([], "RUN --mount=type=cache,from=b,source=s,target=/x y"),
        ([], "RUN --mount=type=bind,from=b,source=s,target=/x y"),
        ([], "RUN --mount=type=secret,id=x y"),
        ([], "RUN --mount=type=ssh y"),
        ([], "RUN --mount=type=tmpfs,target=/x y"),
        ([("s",)], "ARG T=bind S=s\nRUN --mount=type=$T,source=$S,target=/x y"),
        ([], "ONBUILD COPY x /"),
        ([], "WORKDIR /x\nUSER y\nCMD z"),
    ],
)
def test_paths_of_the_context(expected: list[tuple[str, ...]], text: str) -> None:
    assert expected == sources(use(f"FROM a\n{text}"))


@pytest.mark.parametrize(
    ("flags", "excluded"),
    [
        ("--exclude=a --exclude=ü --exclude=b", ("a", "b")),
        ("--exclude=d --exclude=!d/ü --exclude=e", ("e",)),
        ("--exclude=d --exclude=!$X --exclude=e", ("e",)),
        ("--exclude=d --exclude=!d/e", ("d", "!d/e")),
    ],
)
def test_an_exclude_that_frontends_read_differently_only_makes_more_count(
    flags: str, excluded: tuple[str, ...]
) -> None:
    (found,) = use(f"FROM a\nCOPY {flags} x /\n").paths
    assert found.exclude == excluded


def test_each_path_says_where_and_how_it_is_used() -> None:
    text = (
        "FROM a\nCOPY --exclude=*.md --exclude=$X --exclude=t x \\\n  y /\n"
        "ADD --parents=true z /\nCOPY --parents a/./b /\nRUN --mount=target=/x y\n"
    )
    expected = (
        PathUse(("x", "y"), 2, "COPY", ("*.md", "t")),
        PathUse(("z",), 4, "ADD", parents=True),
        PathUse(("a/b",), 5, "COPY", parents=True),
        PathUse((".",), 6, "RUN --mount", literal=True),
    )
    assert expected == use(text).paths


@pytest.mark.parametrize(
    ("expected", "text", "args"),
    [
        ("d", "FROM a\nARG S=d\nCOPY $S /", {}),
        ("e", "FROM a\nARG S=d\nCOPY $S /", {"S": "e"}),
        ("d", "ARG S=d\nFROM a\nARG S\nCOPY $S /", {}),
        ("e", "ARG S=d\nFROM a\nARG S\nCOPY $S /", {"S": "e"}),
        ("f", "ARG S=d\nFROM a\nARG S=f\nCOPY $S /", {}),
        ("x", "ARG S=d\nFROM scratch\nCOPY x$S /", {}),
        ("x", "FROM scratch\nCOPY x$S /", {"S": "e"}),
        ("x", "FROM scratch\nARG S\nCOPY x$S /", {}),
        (".", "FROM a\nARG S\nCOPY x$S /", {}),
        (".", "FROM a\nCOPY $HOME /", {}),
        (".", "FROM scratch\nCOPY $PATH /", {}),
        (".", "FROM a\nENV S=$HOME/x\nCOPY $S /", {}),
        (".", "FROM a\nARG S=$HOME\nCOPY $S /", {}),
        ("$S", "FROM a\nCOPY \\$S /", {}),
        ("$S", "FROM a\nCOPY '$S' /", {}),
        ("a b", 'FROM a\nARG S="a b"\nCOPY $S /', {}),
        ("e", "FROM a\nARG S=d\nENV S=e\nCOPY $S /", {}),
        ("e", "FROM a\nARG S=d\nENV S=e\nCOPY $S /", {"S": "f"}),
        ("d", "FROM a\nENV S=e\nARG S=d\nCOPY $S /", {}),
        ("d", "FROM a\nENV S d\nCOPY $S /", {}),
        ("d/e", "FROM a\nARG A=d B=$A/e\nCOPY $B /", {}),
        ("d", "FROM a\nENV A=d\nENV A=e B=$A\nCOPY $B /", {}),
        ("d", "FROM a\nENV K=A\nENV $K=d\nCOPY $A /", {}),
        ("d", "FROM a AS b\nENV S=d\nFROM b\nCOPY $S /", {}),
        ("d", "FROM a AS b\nARG S=d\nFROM b\nCOPY $S /", {}),
        ("d", "FROM a AS b\nARG S=d\nFROM b AS c\nENV S=e\nFROM b\nCOPY $S /", {}),
        (".", "FROM a AS b\nARG S=d\nFROM a\nCOPY --from=b x y\nCOPY $S /", {}),
        ("amd64", "FROM a\nARG TARGETARCH\nCOPY $TARGETARCH /", {}),
        (".", "FROM a\nCOPY $TARGETARCH /", {}),
        ("d.tar", "FROM a\nARG S=d.tar.gz\nCOPY ${S%.gz} /", {}),
        ("d", "FROM a AS b\nONBUILD ENV S=d\nFROM b\nCOPY $S /", {}),
        ("`x", "# escape=`\nFROM a\nCOPY ``x /", {}),
        ("c:\\x", "# escape=`\nFROM a\nCOPY c:\\x /", {}),
        ("<<'x", "# escape=`\nFROM a\nCOPY <<`'x /", {}),
        (
            "http",
            "ARG HTTP_PROXY=no\nFROM a\nARG HTTP_PROXY\nCOPY $HTTP_PROXY /",
            {"HTTP_PROXY": "http"},
        ),
    ],
)
def test_variables_in_paths(expected: str, text: str, args: dict[str, str]) -> None:
    assert (expected,) == sources(use(text, None, args))[-1]


def test_onbuild_runs_in_the_stage_that_is_based_on_it_and_no_further() -> None:
    text = "FROM a AS x\nONBUILD COPY t /\nFROM x AS y\nFROM y AS z\nCOPY u /\n"
    assert [sources(use(text, name)) for name in "xyz"] == [[], [("t",)], [("t",), ("u",)]]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([UrlUse("https://x/1", None, 3)], "ARG V=1\nADD https://x/$V /"),
        ([UrlUse("http://x/y", "sha256:1", 2)], "ADD --checksum=sha256:1 http://x/y /"),
        ([UrlUse("https://q", "c", 3)], "ARG C=c\nADD --checksum=$C https://q /"),
        ([UrlUse("git@h:a/b.git#v1", None, 2)], "ADD git@h:a/b.git#v1 /"),
        ([UrlUse("https://h/a.git#v1:s", None, 2)], "ADD --keep-git-dir https://h/a.git#v1:s /"),
        ([UrlUse("ssh://h/a", None, 2), UrlUse("git://h/b", None, 2)], "ADD ssh://h/a git://h/b /"),
        ([], "ADD x@y /"),
    ],
)
def test_urls(expected: list[UrlUse], text: str) -> None:
    assert expected == list(use(f"FROM a\n{text}").urls)


# -- named contexts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "paths", "used", "text", "contexts"),
    [
        ([], [(".", "c")], ["c"], "FROM c", {"c"}),
        ([], [(".", "c")], ["c"], "FROM c:latest", {"c"}),
        (
            [],
            [(".", "docker.io/library/c")],
            ["docker.io/library/c"],
            "FROM c",
            {"docker.io/library/c"},
        ),
        ([], [(".", "c:1")], ["c:1"], "FROM c:1", {"c:1", "c"}),
        (["c:1"], [], [], "FROM c:1", {"c"}),
        ([], [(".", "g.io/c")], ["g.io/c"], "ARG R=g.io\nFROM $R/c", {"g.io/c", "unused"}),
        (["a"], [("x", "c")], ["c"], "FROM a\nCOPY --from=c x /", {"c"}),
        (["a"], [("x", "c")], ["c"], "FROM a\nRUN --mount=from=c,src=x,target=/ y", {"c"}),
        (["a"], [("x", "c")], ["c"], "FROM a\nRUN --mount=type=cache,from=c,src=x y", {"c"}),
        (["a"], [(".", "c")], ["c"], "FROM a\nRUN --mount=from=c,target=/x y", {"c"}),
        (["a"], [], ["c"], "FROM a\nRUN --mount=type=tmpfs,from=c,target=/x y", {"c"}),
        (["b"], [("x", "s")], ["s"], "FROM a AS s\nCOPY q /\nFROM b\nCOPY --from=s x /", {"s"}),
        (["b"], [("x", "s")], ["s"], "FROM a AS s\nCOPY q /\nFROM b\nCOPY --from=0 x /", {"s"}),
        ([], [(".", "s"), ("x", None)], ["s"], "FROM a AS s\nCOPY q /\nFROM s\nCOPY x /", {"s"}),
        ([], [(".", "s")], ["s"], "FROM a AS s\nONBUILD COPY q /\nFROM s", {"s"}),
        ([], [(".", "s")], ["s"], "FROM a AS s\nCOPY --from=b q /", {"s"}),
        (["b"], [], [], "FROM a AS s\nFROM b AS t", {"s", "u"}),
        ([], [], [], "FROM scratch", {"scratch", "Context"}),
        (
            ["a"],
            [("x", "Odd Name")],
            ["Odd Name"],
            "FROM a\nCOPY --from=Odd\\ Name x /",
            {"Odd Name"},
        ),
    ],
)
def test_named_contexts(
    images: list[str],
    paths: list[tuple[str, str | None]],
    used: list[str],
    text: str,
    contexts: set[str],
) -> None:
    found = use(text, contexts=contexts)
    seen = [(path.sources[0], path.context) for path in found.paths]
    assert (images, paths, used) == (references(found), seen, list(found.contexts))


# -- arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "text", "args"),
    [
        ([], "FROM a", {"X": "1"}),
        ([], "ARG X=1\nFROM a", {}),
        ([("X", "1")], "ARG X=1\nFROM a:$X", {}),
        ([("X", "2")], "ARG X=1\nFROM a:$X", {"X": "2"}),
        ([("X", None)], "FROM a:${X:-1}", {"X": "2"}),
        ([("Y", "1b")], "ARG X=1\nARG Y=${X}b\nFROM a:$Y", {}),
        ([("X", "1")], "ARG X=1\nFROM a\nARG X", {}),
        ([("X", None)], "FROM a\nARG X", {}),
        ([("X", "2")], "FROM a\nARG X", {"X": "2"}),
        ([("X", "")], "FROM a\nARG X=", {}),
        ([("X", "1"), ("Y", None), ("Z", "3 4")], "FROM a\nARG Z='3 4' Y X=1", {}),
        ([("X", "1")], "FROM b\nARG Q\nFROM a\nARG X=1", {"Q": "1"}),
        ([("X", "1"), ("X", "2")], "FROM b AS s\nARG X=1\nFROM a\nCOPY --from=s / /\nARG X=2", {}),
        ([("X", None)], "FROM a\nARG X=$HOME", {}),
        ([("X", "ab")], "FROM a\nENV Y=b\nARG X=a$Y", {}),
        ([("BUILDPLATFORM", "linux/amd64")], "FROM --platform=$BUILDPLATFORM a", {}),
        ([("TARGETARCH", "amd64")], "FROM a\nARG TARGETARCH", {}),
        ([], "FROM a", {"HTTP_PROXY": "http://x"}),
        ([("HTTP_PROXY", "http://x")], "FROM a\nARG HTTP_PROXY", {"HTTP_PROXY": "http://x"}),
        ([("BUILDKIT_SYNTAX", "x")], "FROM a", {"BUILDKIT_SYNTAX": "x"}),
        ([("SOURCE_DATE_EPOCH", "0")], "ARG SOURCE_DATE_EPOCH=0\nFROM a", {}),
        (
            [("SOURCE_DATE_EPOCH", "1")],
            "ARG SOURCE_DATE_EPOCH=0\nFROM a",
            {"SOURCE_DATE_EPOCH": "1"},
        ),
        ([("TARGETSTAGE", "default")], "FROM a\nARG TARGETSTAGE", {}),
    ],
)
def test_arguments_that_matter(
    expected: list[tuple[str, str | None]], text: str, args: dict[str, str]
) -> None:
    assert expected == list(use(text, None, args).args)


# -- text ------------------------------------------------------------------------------------

ORIGINAL = """\
# syntax=docker/dockerfile:1
ARG V=1
FROM golang:$V AS build
COPY go.mod ./
RUN --mount=type=cache,target=/c \\
    go build
FROM alpine AS other
RUN nothing
FROM build AS final
COPY --from=build /out /out
RUN --mount=from=build,target=/b <<EOF
  x
# kept
EOF
"""


def test_the_text_of_reached_stages() -> None:
    expected = (
        "# syntax=docker/dockerfile:1",
        "FROM golang:$V",
        "COPY go.mod ./",
        "RUN --mount=type=cache,target=/c go build",
        "FROM #0",
        "COPY --from=#0 /out /out",
        'RUN --mount="{\\"from\\": \\"#0\\", \\"target\\": \\"/b\\"}" <<EOF\n  x\n# kept\nEOF',
    )
    assert expected == use(ORIGINAL).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("COPY go.mod", "# a comment\n\nCOPY go.mod"),
        ("    go build", "# in between\n\n    go build"),
        ("RUN nothing", "RUN something else"),
        ("FROM alpine AS other\nRUN nothing\n", ""),
        ("FROM alpine AS other", "FROM debian AS other\nCOPY --from=x y z"),
        ("ARG V=1", "ARG V=1\nARG W=2"),
        ("# syntax=docker/dockerfile:1\n", "# syntax=docker/dockerfile:1\n# check=skip=all\n"),
        ("--from=build", "--from=0"),
        ("--from=build", "--from=BUILD"),
        ("AS final", "AS last"),
        ("AS build", "AS Build"),
        ("go.mod ./\n", "go.mod ./\r\n"),
        ("RUN ", "run  "),
        ("go build\n", "go build   \n"),
    ],
)
def test_edits_that_do_not_count(old: str, new: str) -> None:
    edited = ORIGINAL.replace(old, new)
    assert edited != ORIGINAL
    assert use(ORIGINAL).text == use(edited).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dockerfile:1", "dockerfile:2"),
        ("# syntax=docker/dockerfile:1\n", ""),
        ("# syntax", "# escape=`\n# syntax"),
        (
            "# syntax=docker/dockerfile:1\n",
            "# syntax=docker/dockerfile:1\n# escape=\\\n# escape_\n",
        ),
        ("golang:", "--platform=linux/amd64 golang:"),
        ("go.mod ./", "go.sum ./"),
        ("go build", "go  build"),
        ("target=/c", "target=/d"),
        ("  x\n", "  y\n"),
        ("  x\n", " x\n"),
        ("# kept\n", ""),
        ("<<EOF", "<<'EOF'"),
        ("<<EOF", "<<-EOF"),
        ("--from=build /out", "--from=nginx /out"),
        ("--from=build /out", "/out"),
        ("--from=build /out", "--link --from=build /out"),
        ("FROM build", "FROM other"),
        ("target=/b", "target=/b,rw"),
        ("COPY go.mod ./\n", ""),
    ],
)
def test_edits_that_count(old: str, new: str) -> None:
    edited = ORIGINAL.replace(old, new)
    assert edited != ORIGINAL
    edited = edited.replace("\\\n", "`\n") if "escape" in new else edited
    assert use(ORIGINAL).text != use(edited).text


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("RUN -- --x", "RUN --x"),
        ('RUN --a="b --c" d', "RUN --a=b --c d"),
        ("COPY --from=b x y", "COPY --from=c x y"),
        ("RUN <<A\nx\nA", "RUN <<A\ny\nA"),
    ],
)
def test_texts_are_unambiguous(one: str, two: str) -> None:
    assert use(f"FROM a\n{one}").text != use(f"FROM a\n{two}").text


def test_a_named_context_takes_the_place_of_a_stage_in_the_text() -> None:
    text = (
        "FROM --platform=linux/amd64 a AS s\nRUN x\nFROM s\nCOPY --from=c y z\n"
        "RUN --mount=from=c,target=/c y"
    )
    expected = (
        "FROM @s",
        "FROM #0",
        "COPY --from=@c y z",
        'RUN --mount="{\\"from\\": \\"@c\\", \\"target\\": \\"/c\\"}" y',
    )
    assert expected == use(text, contexts={"s", "c"}).text


def test_the_text_keeps_the_platform_and_the_escape_character() -> None:
    text = "# escape=`\nFROM --platform=$BUILDPLATFORM a\nCOPY --from=b x y\nRUN --mount=from=c d\n"
    expected = (
        "# escape=`",
        "FROM --platform=$BUILDPLATFORM a",
        "COPY --from=b x y",
        "RUN --mount=from=c d",
    )
    assert expected == use(text).text


# -- any text --------------------------------------------------------------------------------

PIECES = [
    *(f"{word} " for word in ("FROM", "a", "AS b", "RUN", "COPY", "ADD", "ARG", "ENV", "ONBUILD")),
    "\n", "\n", "\\\n", "\\", "`", "$", "${", "}", ":-", "##", "%", "/", "'", '"', "[", "]",
    '["a"]', "<<E\n", "E\n", "<<", "-", "--", "--from=", "--mount=", "type=bind,", "from=b", "=",
    "V", " ", "# escape=`\n", "# syntax=x\n", "\r\n", "\t", "\x00", "\ufeff", "\x85", "ü", "0",
    "b", ",",
]  # fmt: skip
SAMPLE = ORIGINAL + "ENV A=${V:-x} B='c'\nADD --checksum=a https://x/y /\nONBUILD RUN [\"x\"]\n"


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = SAMPLE
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 12, len(text))))
        text = text[:start] + draw(st.sampled_from(PIECES) | st.text(max_size=3)) + text[end:]
    return text


@settings(max_examples=1000, deadline=None)
@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join) | mutated())
@example("FROM a\nRUN <<" + "E" * 1000)
@example("FROM a\nCOPY --from=\ud800 / /")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        dockerfile = parse(text)
        target_use(dockerfile, None, {"V": "1"}, contexts={"b"})
    except SpecError as error:
        complaint = error
    else:
        return
    assert complaint.at
    assert complaint.message


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\n" * 40_000,
        "FROM a\n" + "RUN x \\\n" * 100_000,
        "FROM a\n" + "RUN <<E\nE\n" * 20_000,
        "FROM a\nRUN " + "<<E " * 16_000 + "\n" + "E\n" * 16_000,
        "FROM a\n" + "".join(f"ENV A{n}=$A{n - 1}\n" for n in range(30_000)),
        "FROM a\nENV A=" + "\\x'y'\"z\"" * 7_000,
        "FROM a\nCMD [" + '"a",' * 16_000 + '"a"]',
        "# " + " " * 60_000 + "=" + " " * 1_000 + "x\nFROM a",
        "FROM a\nARG P=" + "a" * 4_000 + "\n" + "ARG Q=${P##" + "*a" * 500 + "b}\n",
    ],
    ids=lambda text: text[7:20],
)
def test_large_dockerfiles_take_seconds_at_most(text: str) -> None:
    assert len(text) <= 1 << 20
    start = time.monotonic()
    target_use(parse(text), None, {})
    assert time.monotonic() - start < 20


def test_values_cannot_grow_without_bounds() -> None:
    text = "FROM a\nARG A0=xxxxxxxxxx\n" + "".join(
        f"ARG A{n}={f'$A{n - 1}' * 10}\n" for n in range(1, 20)
    )
    with pytest.raises(SpecError, match="longer than 65536"):
        use(text)
