"""Progress as plain lines: nothing that a build prints can act on a terminal or a CI runner."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import TextIO

import hypothesis.strategies as st
import pytest
from hypothesis import given

from releaser.core.events import (
    Event,
    Notice,
    Outcome,
    StepFinished,
    StepProgress,
    StepStarted,
)
from releaser.core.oci import Digest
from releaser.reports.markdown import escape
from releaser.reports.progress import PlainProgress
from releaser.reports.words import MAX_LINE, clean, is_noise, step_words

DIGEST = Digest("sha256:" + "ab" * 32)
EVIL = [
    "::set-output name=x::y",
    "\n::error::gotcha",
    "\r\n::add-mask::a",
    "\x1b[2J\x1b[H::stop-commands::x",
    "\x1b]0;title\x07::warning::",
    "\x85::debug::x",
    "\u2028::group::x",
    "a##[set-env name=PATH]b",
    "##vso[task.setvariable variable=x]y",
    "\u202eright to left",
    "\x08\x08\x08\x7f\x9b2J",
]


def said(*events: Event, verbose: bool = True, images: tuple[str, ...] = ("api",)) -> list[str]:
    """The lines that events are shown as."""
    stream = io.StringIO(newline="")
    progress = PlainProgress(stream, images, verbose=verbose)
    for event in events:
        progress.on(event)
    return stream.getvalue().split("\n")[:-1]


def line(text: str) -> StepProgress:
    return StepProgress("build:api", "api", line=text)


def activity(text: str, *, cached: bool = False) -> StepProgress:
    return StepProgress("build:api", "api", activity=text, cached=cached)


def test_a_run_as_lines() -> None:
    lines = said(
        StepStarted("build:api", "api"),
        activity("FROM busybox"),
        activity("RUN make", cached=True),
        activity("RUN make", cached=True),
        line("compiling"),
        StepFinished("build:api", "api", Outcome.DONE, 3.21, digest=DIGEST),
        StepStarted("push:base@ghcr", "base"),
        StepProgress("push:base@ghcr", "base", activity="pushed 1.0 MB of 2.0 MB"),
        StepFinished("push:base@ghcr", "base", Outcome.FAILED, 0.5),
        StepFinished("build:web", "web", Outcome.BLOCKED, blocked_by="build:api"),
        StepFinished("push:web@ghcr", "web", Outcome.BLOCKED, blocked_by="build:api"),
        StepFinished("build:more", "more", Outcome.CANCELLED),
        StepStarted("tag:ghcr.io/a/api:1", "api"),
        StepFinished("tag:ghcr.io/a/api:1", "api", Outcome.DONE, 0.1, digest=DIGEST),
        StepFinished("tag:ghcr.io/a/api:2", "api", Outcome.BLOCKED, blocked_by="build:api"),
        Notice("the registry was slow", "try again"),
        images=("api", "base"),
    )
    assert lines == [
        "api   build …",
        "api   FROM busybox",
        "api   cached RUN make",
        "api   | compiling",
        "api   build done in 3.2 s  sha256:abababababab",
        "base  push to ghcr …",
        "base  push to ghcr FAILED after 0.5 s",
        "web   build blocked by build:api",
        "more  build cancelled",
        "api   tag ghcr.io/a/api:1 done in 0.1 s  sha256:abababababab",
        "note: the registry was slow (try again)",
    ]


def test_what_a_build_prints_is_shown_on_request_only() -> None:
    assert said(line("noise"), activity("RUN make"), verbose=False) == ["api  RUN make"]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_foreign_reaches_the_margin(text: str) -> None:
    lines = said(line(text), activity(text), Notice(text, text))
    assert len(lines) == 3
    for one in lines:
        assert one.startswith(("api  ", "note: "))
        assert not one.lstrip().startswith("::")
        assert not re.search(r"##[A-Za-z]*\[", one)
        assert one.isprintable()


@given(st.text(max_size=600))
def test_any_text_is_one_short_harmless_line(text: str) -> None:
    shown = clean(text)
    assert len(shown) <= MAX_LINE
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert not re.search(r"##[A-Za-z]*\[", shown)


@given(st.text(alphabet="#[]abc\x1b\x00 ", max_size=30))
def test_what_is_taken_out_leaves_no_command_behind(text: str) -> None:
    assert not re.search(r"##[A-Za-z]*\[", clean(text))
    assert clean(clean(text)) == clean(text)


@given(st.text(max_size=200))
def test_markdown_shows_text_and_nothing_else(text: str) -> None:
    shown = escape(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[`|*_\[\]~]", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", "&lt;img src=x>"),
        ("@everyone #1", r"\@everyone \#1"),
        ("[a](http://x)", r"\[a\](http://x)"),
        ("&lt;", "&amp;lt;"),
        ("a\\|b", r"a\\\|b"),
        ("one\ntwo\x1b[0m", "one two"),
    ],
)
def test_markdown_of_hostile_names(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("build:api", "build"),
        ("push:api@ghcr", "push to ghcr"),
        ("copy:api@hub", "copy to hub"),
        ("attach:api@prod:sha256:0123456789ab", "attach to prod"),
        ("withdraw:api@prod", "keep in prod what is rolled back"),
        ("remove:r.example/shop/api#2", "remove tags from r.example/shop/api"),
        ("name:api", "name in the engine"),
        ("tag:ghcr.io/a/api:1.4", "tag ghcr.io/a/api:1.4"),
    ],
)
def test_steps_in_words(key: str, words: str) -> None:
    assert step_words(key) == words


@pytest.mark.parametrize(
    ("key", "outcome", "seconds", "noise"),
    [
        ("build:a", Outcome.BLOCKED, 0, False),
        ("build:a", Outcome.CANCELLED, 0, False),
        ("push:a@r", Outcome.BLOCKED, 0, True),
        ("push:a@r", Outcome.CANCELLED, 0, True),
        ("push:a@r", Outcome.CANCELLED, 1.5, False),
        ("push:a@r", Outcome.FAILED, 1.5, False),
        ("tag:r/a:1", Outcome.BLOCKED, 0, True),
        ("tag:r/a:1", Outcome.CANCELLED, 0, True),
        ("tag:r/a:1", Outcome.FAILED, 1.5, False),
        ("tag:r/a:1", Outcome.DONE, 1.5, False),
    ],
)
def test_a_thousand_blocked_tags_are_no_news(
    key: str, outcome: Outcome, seconds: float, *, noise: bool
) -> None:
    assert is_noise(StepFinished(key, "a", outcome, seconds)) is noise


@pytest.fixture
def broken() -> Iterator[TextIO]:
    """A stream whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    yield stream
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_reader_that_goes_away_ends_nothing(broken: TextIO) -> None:
    progress = PlainProgress(broken, ("api",))
    for _ in range(3):
        progress.on(StepStarted("build:api", "api"))


def test_a_closed_stream_ends_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    PlainProgress(stream, ("api",)).on(StepStarted("build:api", "api"))
