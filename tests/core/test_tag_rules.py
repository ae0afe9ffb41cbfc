"""How rules are written: lines, bare templates, maps, what is refused, and dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion
from packaging.version import Version as PackagingVersion

from releaser.core.pep440 import PythonVersion
from releaser.core.tag_rules import Flavor, Rule, lines_of
from releaser.core.tag_rules.dates import written
from releaser.errors import SpecError
from tests.tag_strategies import rules

NOW = int(datetime(2026, 1, 31, 21, 5, 9, tzinfo=UTC).timestamp())


def complaint(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        Rule.parse(text).check_legal()
    return caught.value


@pytest.mark.parametrize(
    ("message", "hint", "text"),
    [
        ('unknown type of rule "semvar"', 'did you mean "semver"?', "type=semvar,pattern=x"),
        ('unknown semver attribute "patern"', 'did you mean "pattern"?',
            "type=semver,patern={{version}}"),
        ('unknown edge attribute "value"', "", "type=edge,main"),
        ('"pattern" is missing', "", "type=semver"),
        ('"pattern" is missing', "", "type=match,group=1"),
        ('"event" is missing', "", "type=ref"),
        ('"value" is missing', "", "type=raw"),
        ('unknown event "pull"', "", "type=ref,event=pull"),
        ('unknown format "full"', "", "type=sha,format=full"),
        ('"priority" must be a whole number', "", "type=sha,priority=high"),
        ('"group" must be a whole number', "", "type=match,pattern=x,group=a"),
        ("has no group 2", "parentheses", "type=match,pattern=(a),group=2"),
        ("has no group 1", "parentheses", "type=semver,pattern={{version}},match=a"),
        ("is not a regular expression", "", "type=match,pattern=(a"),
        ("unknown flag", "", "type=match,pattern=/a/q"),
        ('unknown value of enable "yes"', "", "type=sha,enable=yes"),
        ('"sha" is not defined in "{{sha}}"', "", "type=semver,pattern={{sha}}"),
        ('"versoin" is not defined', "did you mean {{version}}?", "type=semver,pattern={{versoin}}",
        ),
        ("no date can stand in", "suffix", "type=semver,pattern={{date 'YYYY'}}"),
        ("is not a date", "{{date 'YYYYMMDD' tz='UTC'}}", "type=schedule,pattern={{date}}"),
        ("is not an argument of date", "tz='UTC'", "{{date 'YYYY' zone='UTC'}}"),
        ('"Mars/Base" is not a time zone', "Europe/Berlin", "{{date 'YYYY' tz='Mars/Base'}}"),
        ('"../etc" is not a time zone', "", "{{date 'YYYY' tz='../etc'}}"),
        ('"Do" is not understood', "[Do]", "{{date 'Do'}}"),
        ("GitHub Actions", "is_default_branch", "type=raw,value=x,enable=${{ github.ref == 'x' }}"),
        ("cannot be divided", "quotes", 'type=raw,"value=a'),
        ("is not a legal tag", "", "type=raw,value=a/b"),
        ("is not a legal tag", "", "type=semver,pattern={{version}},prefix=-"),
        ("longer than", "", "type=raw,value=" + "a" * 5000),
    ],
)  # fmt: skip
def test_what_is_refused(message: str, hint: str, text: str) -> None:
    error = complaint(text)
    assert message in error.message
    assert hint in (error.hint or "")


def test_the_forms_of_a_rule() -> None:
    assert Rule.parse("{{version}}-{{date 'YYYY' tz='UTC'}}").bare
    assert not Rule.parse("type=raw,value=x").bare
    assert Rule.parse("type=raw,x").get("value") == "x"
    assert Rule.of([("type", "ref"), ("event", "pr")]).get("prefix") == "pr-"
    assert str(Rule.of([("pattern", "a{1,2}"), ("type", "match")])) == (
        'type=match,"pattern=a{1,2}"'
    )
    assert lines_of("# a\n\n  type=sha  \nx # y\n") == ("type=sha", "x # y")


@pytest.mark.parametrize(
    ("expected", "form", "zone"),
    [
        ("20260131", "YYYYMMDD", "UTC"),
        ("2026-02-01T06:05:09", "YYYY-MM-DDTHH:mm:ss", "Asia/Tokyo"),
        ("26-1-31 9:5:9 PM pm", "YY-M-D h:m:s A a", "UTC"),
        ("Saturday Sat Sa 6 6", "dddd ddd dd d E", "UTC"),
        ("January Jan 031 31 1", "MMMM MMM DDDD DDD Q", "UTC"),
        ("2026-W05 26 5", "GGGG-[W]WW GG W", "UTC"),
        ("+01:00 +0100 CET", "Z ZZ z", "Europe/Berlin"),
        (
            "09 22 22 2205 220509 1005 100509 000",
            "ss kk k Hmm Hmmss hmm hmmss SSS",
            "Europe/Berlin",
        ),
        (f"{NOW} {NOW}000", "X x", "UTC"),
        ("week-of hh 10", "[week-of hh] hh", "Europe/Berlin"),
    ],
)
def test_dates_are_moment_s(expected: str, form: str, zone: str) -> None:
    assert expected == written(NOW, form, zone)


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ('unknown attribute of a flavor "lates"', ["lates=auto"]),
        ('unknown value of latest "yes"', ["latest=yes"]),
        ('unknown value of onlatest "1"', ["prefix=a,onlatest=1"]),
        ("follows no prefix or suffix", ["onlatest=true"]),
        ("is not NAME=value", ["latest"]),
        ('"version" is not defined', ["prefix={{version}}"]),
    ],
)
def test_a_wrong_flavor(message: str, lines: list[str]) -> None:
    with pytest.raises(SpecError, match=message):
        Flavor.parse(lines)


# -- properties ------------------------------------------------------------------------------

words = st.text("abc019._-{}, \"='/\\é", max_size=8).map(str.strip)


@given(rules())
def test_what_is_printed_reads_as_the_same_rule(rule: Rule) -> None:
    assert Rule.parse(str(rule)) == rule


@given(words)
def test_any_text_is_a_rule_that_prints_itself_or_a_complaint(text: str) -> None:
    try:
        rule = Rule.parse(text)
    except SpecError as error:
        assert error.message  # noqa: PT017 - one of both ways out
        return
    assert Rule.parse(str(rule)) == rule


@given(st.builds(Flavor, st.sampled_from(["auto", "true", "false"]), words, st.booleans()))
def test_a_flavor_is_what_its_lines_say(flavor: Flavor) -> None:
    if "{" not in flavor.prefix:
        assert Flavor.parse(flavor.lines()) == flavor


python_versions = st.from_regex(
    r"v?([0-9]!)?[0-9]{1,2}(\.[0-9]{1,2}){0,3}([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?[0-9]?)?"
    r"(-[0-9]|[-_.]?(post|rev|r)[-_.]?[0-9]?)?([-_.]?dev[-_.]?[0-9]?)?(\+[a-z0-9]{1,3}(\.[a-z0-9]+)?)?",
    fullmatch=True,
)


@given(python_versions | st.text("0123456789.abcrvpostdev!+-_ ", max_size=12))
def test_versions_of_python_are_packaging_s(text: str) -> None:
    found = PythonVersion.find(text)
    try:
        expected = PackagingVersion(text)
    except InvalidVersion:
        assert found is None
        return
    assert found is not None
    assert found.clean == str(expected)
    assert found.numbers == (expected.major, expected.minor, expected.micro)
    assert found.is_early == expected.is_prerelease
    assert found.is_final == (not expected.is_prerelease and not expected.is_postrelease)
