"""A release told in a changelog that people wrote."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.history import Commit
from releaser.core.version import Version
from releaser.core.versioning import Change, Release, changelog, inserted

GITHUB = "https://github.com/acme/shop"
ADDED = Change(Commit("abc1234" + "0" * 33), "feat", "x")
TWO = Release(Version(2, 0, 0), "2024-02-29", "v2.0.0", (ADDED,))
TOLD = "## [2.0.0] - 2024-02-29\n\n### Added\n\n- X (abc1234)\n"

WRITTEN = """\
# Changelog

All of it.

## [Unreleased]

### Added

- By hand.

## [1.1.0] - 2024-01-01

-   Odd   spaces.

[unreleased]: https://git.acme.dev/shop/compare/v1.1.0...main
[1.1.0]: https://git.acme.dev/shop/compare/v1.0.0...v1.1.0
"""


def test_a_release_stands_below_what_is_unreleased() -> None:
    expected = WRITTEN.replace("## [1.1.0] -", f"{TOLD}\n## [1.1.0] -").replace(
        "compare/v1.1.0...main\n",
        "compare/v2.0.0...main\n[2.0.0]: https://git.acme.dev/shop/compare/v1.1.0...v2.0.0\n",
    )
    assert inserted(WRITTEN, TWO) == expected


def test_windows_line_ends_stay() -> None:
    found = inserted(WRITTEN.replace("\n", "\r\n"), TWO)
    assert found == inserted(WRITTEN, TWO).replace("\n", "\r\n")


@pytest.mark.parametrize(
    "heading",
    ["## [2.0.0] - 2024-01-01", "## 2.0.0", "## v2.0.0 (2024)", "# [2.0.0](https://a.b)",
     "### Version 2.0.0", "## Release v2.0.0+b", "##\t[2.0.0]"],
)  # fmt: skip
def test_a_version_that_is_there_is_not_told_again(heading: str) -> None:
    text = f"# Changelog\n\n{heading}\n\nBy hand.\n"
    assert inserted(text, TWO, url=GITHUB) == text


def test_what_is_unreleased_is_not_told() -> None:
    assert inserted(WRITTEN, Release(changes=(ADDED,))) == WRITTEN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "{}"),
        ("\n", "\n{}"),
        ("\ufeff", "\ufeff{}"),
        ("\t", "\t\n{}"),
        ("x\n\n\t", "x\n\n\t\n{}"),
        ("# Changelog", "# Changelog\n\n{}"),
        ("# Changelog\n", "# Changelog\n\n{}"),
        ("# Changelog\n \n\n", "# Changelog\n \n\n{}"),
        ("# C\n## About\n## 1.0.0\nx", "# C\n## About\n\n{}\n## 1.0.0\nx"),
        ("## 1.0.0\nx", "{}\n## 1.0.0\nx"),
        ("# 1.0.0\nx\n", "{}\n# 1.0.0\nx\n"),
        ("# C\n\n## Unreleased\n", "# C\n\n## Unreleased\n\n{}"),
        ("## unreleased\n\n### Added\n\n## Old\n", "## unreleased\n\n### Added\n\n{}\n## Old\n"),
        ("# Unreleased\n## Mine\n## 1.0.0\n", "# Unreleased\n## Mine\n\n{}\n## 1.0.0\n"),
        ("# C\n\n[a]: b\n\n[c]: d\n", "# C\n\n{}\n[a]: b\n\n[c]: d\n"),
        ("# C\n[a]: b\ntext\n[c]: d", "# C\n[a]: b\ntext\n\n{}\n[c]: d"),
        ("# C\n```\n## 1.0.0\n```\n## 0.9.0\n", "# C\n```\n## 1.0.0\n```\n\n{}\n## 0.9.0\n"),
        ("~~~ x\n## 2.0.0\n```\n~~~~\n", "~~~ x\n## 2.0.0\n```\n~~~~\n\n{}"),
        ("<!--\n## 2.0.0\n-->\n## 1.0.0\n", "<!--\n## 2.0.0\n-->\n\n{}\n## 1.0.0\n"),
        ("<!-- x -->\n## 1.0.0\n", "<!-- x -->\n\n{}\n## 1.0.0\n"),
        ("# C\n```\n## 2.0.0\n", "# C\n\n{}\n```\n## 2.0.0\n"),
        ("# C\n```a`b\n## 1.0.0\n", "# C\n```a`b\n\n{}\n## 1.0.0\n"),
        ("# C\n[a]: b\n<!-- y\n-->\n", "# C\n[a]: b\n<!-- y\n-->\n\n{}"),
        ("    ## 1.0.0\n##1.0.0\n## 1.x\n", "    ## 1.0.0\n##1.0.0\n## 1.x\n\n{}"),
    ],
)
def test_where_a_release_stands(text: str, expected: str) -> None:
    found = inserted(text, TWO)
    assert found == expected.format(TOLD)
    assert inserted(found, TWO) == found


LINK = f"[2.0.0]: {GITHUB}/compare/v1.0.0...v2.0.0"


@pytest.mark.parametrize(
    ("foot", "expected"),
    [
        ("", f"\n{LINK}\n"),
        ("\n[1.0.0]: x\n[0.9.0]: y\n", f"\n{LINK}\n[1.0.0]: x\n[0.9.0]: y\n"),
        ("\n[a]: x\n[v1.0.0]: y", f"\n[a]: x\n{LINK}\n[v1.0.0]: y"),
        ("\n[a]: x\n", f"\n[a]: x\n\n{LINK}\n"),
        ("\n[2.0.0]: x\n", "\n[2.0.0]: x\n"),
        ("\n[Unreleased]: x\n[1.0.0]: y\n", f"\n[Unreleased]: x\n{LINK}\n[1.0.0]: y\n"),
        (
            "\n[Unreleased]:  https://a.b/compare/v1.5...HEAD",
            """
[Unreleased]:  https://a.b/compare/v2.0.0...HEAD
[2.0.0]: https://a.b/compare/v1.5...v2.0.0""",
        ),
        (
            "\n[unreleased]: https://a.b/compare/v2.0.0...HEAD 'title'\n",
            f"\n[unreleased]: https://a.b/compare/v2.0.0...HEAD 'title'\n\n{LINK}\n",
        ),
    ],
)
def test_the_link_of_a_release(foot: str, expected: str) -> None:
    text = f"# C\n\n## 1.0.0\n{foot}"
    found = inserted(text, TWO, before="v1.0.0", url=GITHUB)
    assert found == f"# C\n\n{TOLD}\n## 1.0.0\n{expected}"


def test_without_a_tag_or_a_known_platform_there_is_no_link() -> None:
    for release, url in ((Release(TWO.version, TWO.day, None, TWO.changes), GITHUB), (TWO, None)):
        assert inserted("# C\n", release, url=url) == f"# C\n\n{TOLD}"


def test_a_changelog_of_our_own_is_gone_on_with() -> None:
    one = Release(Version(1, 0, 0), "2024-01-01", "v1.0.0", (ADDED,))
    early = changelog("Changelog", [one], GITHUB)
    assert inserted(early, TWO, before="v1.0.0", url=GITHUB) == changelog(
        "Changelog", [TWO, one], GITHUB
    )


lines = st.sampled_from(
    [
        *("# Changelog", "## [Unreleased]", "# Unreleased", "## [1.0.0] - 2024-01-01", "## 2.0.0"),
        *("### Added", "- x", "", "", "text", "```", "````", "~~~", "```a", "<!--", "-->", "--> x"),
        *("[unreleased]: https://a.b/compare/v1...HEAD", "[1.0.0]: x", "[2.0.0]: y", "[z]: y"),
        *("## [2.0.0", "\ufeff## 1.0.0", "    ## 2.0.0", "<!-- x --> y", "***", "====", "\t", " "),
    ]
)
texts = st.builds(
    lambda found, end, last: end.join(found) + last,
    st.lists(lines | st.text(max_size=8), max_size=14),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n", "\n\n"]),
)


@given(texts, st.sampled_from([None, GITHUB]), st.sampled_from([None, "v1.0.0"]))
def test_twice_is_once_and_nothing_is_lost(text: str, url: str | None, before: str | None) -> None:
    found = inserted(text, TWO, before=before, url=url)
    assert inserted(found, TWO, before=before, url=url) == found
    rest = iter(found.replace("compare/v2.0.0...HEAD", "compare/v1...HEAD"))
    assert all(character in rest for character in text)
    added = len(re.findall(r"^- X \(abc1234\)\r?$", found, re.MULTILINE))
    assert added == (found != text)


@pytest.mark.parametrize("unit", ["#", " ", "[", "[a]: b\n", "`", "```a\n", "<!--", "\n", "a", "~"])
def test_megabytes_are_harmless(unit: str) -> None:
    began = time.process_time()
    inserted(unit * (300_000 // len(unit)), TWO, url=GITHUB)
    assert time.process_time() - began < 10
