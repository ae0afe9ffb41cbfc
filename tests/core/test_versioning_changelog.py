"""The changelog of releases, and what anybody may write into it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from releaser.core.history import Commit
from releaser.core.version import Version
from releaser.core.versioning import Change, Release, change_of, changelog, notes, section_of
from releaser.core.versioning.changelog import Section
from releaser.core.versioning.links import Links
from releaser.core.versioning.markdown import inline

SHA = "abc1234" + "0" * 33
GITHUB = "https://github.com/acme/shop"
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


def change(message: str) -> Change:
    found = change_of(Commit(SHA, message=message))
    assert found is not None
    return found


def release(text: str | None, *messages: str, day: str | None = "2024-02-29") -> Release:
    version = Version.parse(text) if text else None
    tag = f"v{version}" if version else None
    return Release(version, day if version else None, tag, tuple(map(change, messages)))


def tokens(text: str) -> list[Token]:
    """What Markdown makes of a text, outside and inside of lines."""
    return [one for block in MARKDOWN.parse(text) for one in (block, *(block.children or ()))]


def shown(text: str) -> str:
    """The text that a reader sees of one paragraph."""
    return "".join(one.content for one in tokens(text) if one.type in {"text", "code_inline"})


WHOLE = """\
# Changelog

What users of each version notice, in the form of
[Keep a Changelog](https://keepachangelog.com/en/1.1.0/). Versions are numbered as
[Semantic Versioning](https://semver.org/spec/v2.0.0.html) says.

## [Unreleased]

### Fixed

- A leak (abc1234)

## [2.0.0-rc.1] - 2024-02-29

### Added

- **api:** A route (abc1234)

### Changed

- **Breaking:** **api:** Drop the old one (abc1234)
  Write to the new one.
- **Breaking:** Rename everything (abc1234)
- Be faster (abc1234)
- **deps:** Bump a to 2 (abc1234)

### Deprecated

- The old flag (abc1234)

### Removed

- **Breaking:** The older flag (abc1234)
- Revert "feat: a knob" (abc1234)

### Fixed

- A crash (abc1234)

### Security

- **deps:** Bump b to 3 (abc1234)

## [1.0.0] - 2024-02-29

No notable changes.

[Unreleased]: https://github.com/acme/shop/compare/v2.0.0-rc.1...HEAD
[2.0.0-rc.1]: https://github.com/acme/shop/compare/v1.0.0...v2.0.0-rc.1
[1.0.0]: https://github.com/acme/shop/releases/tag/v1.0.0
"""

RELEASES = (
    release(None, "fix: a leak", "docs: tell"),
    release(
        "2.0.0-rc.1",
        "security(deps): bump b to 3",
        "perf: be faster",
        "fix: a crash",
        "chore(deps): bump a to 2",
        'Revert "feat: a knob"',
        "feat(api)!: drop the old one\n\nBREAKING CHANGE: Write to the new one.",
        "remove!: the older flag",
        "refactor!: rename everything",
        "feat(api): a route",
        "deprecate: the old flag",
        "style: x",
    ),
    release("1.0.0", "test: x"),
)


def test_a_whole_changelog() -> None:
    assert changelog("Changelog", RELEASES, GITHUB) == WHOLE


def test_without_a_known_platform_there_are_no_links() -> None:
    plain = changelog("Changelog", RELEASES)
    assert plain == changelog("Changelog", RELEASES, "https://git.acme.dev/shop")
    assert WHOLE.startswith(plain)
    assert not re.search(r"^\[", plain.rpartition("## [2.0")[2], re.MULTILINE)


def test_a_changelog_of_nothing() -> None:
    assert changelog("API *x*", ()).startswith("# API \\*x\\*\n\nWhat users")
    assert notes(()) == "No notable changes.\n"
    lone = changelog("Changelog", [release(None)], GITHUB)
    assert lone.endswith("## [Unreleased]\n\nNo notable changes.\n")


def test_a_release_without_tag_or_day() -> None:
    untagged = Release(Version(1, 1, 0))
    text = changelog("Changelog", [untagged, release("1.0.0")], GITHUB)
    assert "## [1.1.0]\n" in text
    assert "\n[1.1.0]: " not in text
    assert "\n[1.0.0]: " in text


@pytest.mark.parametrize(
    ("message", "section"),
    [
        ("fix!: x", Section.CHANGED),
        ("deprecate!: x", Section.DEPRECATED),
        ("security!: x", Section.SECURITY),
        ("fix(deps): x", Section.CHANGED),
        ("deps: x", Section.CHANGED),
        ("refactor: x", None),
        ("wip: x", None),
    ],
)
def test_where_a_change_is_told(message: str, section: Section | None) -> None:
    assert section_of(change(message)) is section


# -- links


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (GITHUB, f"{GITHUB}/compare/api/v1...api/v2%2Bb"),
        (f"{GITHUB}.git", f"{GITHUB}/compare/api/v1...api/v2%2Bb"),
        (f"{GITHUB}/", f"{GITHUB}/compare/api/v1...api/v2%2Bb"),
        (
            "https://GitLab.com/a/b/c",
            "https://GitLab.com/a/b/c/-/compare/api/v1...api/v2%2Bb",
        ),
        (
            "https://gitlab.acme.dev:8443/a/b",
            "https://gitlab.acme.dev:8443/a/b/-/compare/api/v1...api/v2%2Bb",
        ),
        ("http://github.com/acme/shop", None),
        ("https://github.com", None),
        ("https://github.com/acme", None),
        ("https://me:secret@github.com/acme/shop", None),
        ("https://github.com/acme/shop?x=1", None),
        ("https://github.com/acme/shop)\n[x](y", None),
        ("https://example.org/acme/shop", None),
        ("https://notgithub.com/acme/shop", None),
        ("git@github.com:acme/shop", None),
        ("", None),
        (None, None),
    ],
)
def test_links_to_comparisons(url: str | None, expected: str | None) -> None:
    links = Links.find(url)
    assert (links.between("api/v1", "api/v2+b") if links else None) == expected


def test_links_to_a_first_tag() -> None:
    links = Links.find("https://gitlab.com/acme/shop")
    assert links is not None
    assert links.between(None, "v1") == "https://gitlab.com/acme/shop/-/tags/v1"


# -- what anybody wrote


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add a `--flag`", "add a `--flag`"),
        ("keep snake_case and a-b", "keep snake_case and a-b"),
        ("an `open one", "an \\`open one"),
        ("``two`` and `one`", "\\`\\`two\\`\\` and `one`"),
        ("a `b``c` d", "a \\`b\\`\\`c\\` d"),
        ("a \\`b`", "a \\\\`b`"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("`<b>`", "`<b>`"),
        ("[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"),
        ("![x](y)", "!\\[x\\](y)"),
        ("*a* _b_ __c__ ~d~ $e$", "\\*a\\* \\_b\\_ \\_\\_c\\_\\_ \\~d\\~ \\$e\\$"),
        ("&lt;b&gt; &#60; R&D & co", "&amp;lt;b&amp;gt; &amp;#60; R&D & co"),
        ("# heading", "\\# heading"),
        ("#12", "\\#12"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("23)", "23\\)"),
        ("1.5 times", "1.5 times"),
        (".env", ".env"),
        ("> a", "\\> a"),
        ("=== a", "\\=== a"),
        ("a\n\n## b\r\n- c", "a ## b - c"),
        ("{% include x %}", "\\{% include x %}"),
        ("a\x1b[0m\u202eb", "a \\[0m b"),
        ("", ""),
    ],
)
def test_text_is_harmless(text: str, expected: str) -> None:
    assert inline(text) == expected


hostile = st.text("`*_[]()<>#!~|\\&;:{}$=+-.\n\t 12aé\x00\u2028", max_size=30) | st.lists(
    st.sampled_from(
        [
            *("`", "``", "<b>", "</b>", "<!--", "-->", "[x](y)", "[1.0.0]", "]: z", "\n\n"),
            *("\n# h\n", "- ", "1. ", "&lt;", "&amp;", "\\", "**", "__", "~~~", "```\n", "a", " "),
            *("https://a.b/_c_", "<https://a.b>", "a@b.c", "|", "---", "==="),
        ]
    ),
    max_size=12,
).map("".join)


@given(hostile)
def test_markdown_shows_what_was_written(text: str) -> None:
    for before in ("", "a ", "- ", "- a\n  "):
        rendered = shown(before + inline(text))
        plain = before.removeprefix("- ").replace("\n  ", "") + inline_text(text)
        assert rendered.strip() == plain.strip()


def inline_text(text: str) -> str:
    """What a reader should see: one line, code without its backticks and outermost spaces."""
    line = " ".join(re.sub(r"[\x00-\x1f\u2028]", " ", text).split())
    return re.sub(r"(?<!`)`(?!`)([^`]+)`(?!`)", lambda found: _code(found[1]), line)


def _code(text: str) -> str:
    # CommonMark 0.31, 6.1: one space at both sides is taken away, but not where there is no other.
    return text[1:-1] if re.fullmatch(r" .*[^ ].* | [^ ] ", text) else text


@given(st.lists(st.tuples(hostile, hostile, hostile), min_size=1, max_size=3))
def test_an_entry_stays_one(texts: list[tuple[str, str, str]]) -> None:
    changes = tuple(
        Change(Commit(SHA), "feat", description, scope or None, is_breaking=True, note=note)
        for description, scope, note in texts
    )
    found = tokens(changelog("x", [Release(Version(1, 0, 0), None, "v1", changes)], GITHUB))
    types = [one.type for one in found]
    assert types.count("list_item_open") == len(changes)
    assert types.count("heading_open") == 3
    assert not {"html_inline", "html_block", "fence", "code_block", "hr", "image"} & set(types)
    assert types.count("link_open") == 3
    assert types.count("em_open") + types.count("s_open") + types.count("blockquote_open") == 0
    assert types.count("strong_open") == sum(1 + bool(inline(one.scope or "")) for one in changes)
