"""Git tags that name versions."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from releaser.core.git_tags import DEFAULT, TagTemplate
from releaser.core.version import Version
from releaser.errors import SpecError
from tests.build import prereleases, versions

COMMON = [DEFAULT, "{{version}}", "release-{{ version }}-final"]
PER_IMAGE = [
    *("{{image}}/v{{version}}", "{{image}}-v{{version}}", "{{image}}-{{version}}"),
    *("{{ image }}@{{version}}", "v{{version}}_{{image}}", "{{version}}/{{image}}"),
]

# What a spec lets an image be called.
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True)
templates = st.sampled_from([*COMMON, *PER_IMAGE]).map(TagTemplate.parse)
built = st.builds(
    lambda one, build: Version(one.major, one.minor, one.patch, one.prerelease, build),
    versions | prereleases,
    st.sampled_from([None, "b", "7.x"]),
)


# -- templates


@pytest.mark.parametrize("text", [*COMMON, *PER_IMAGE, "{{image}}{{image}}/{{version}}"])
def test_a_template_may_have_an_image(text: str) -> None:
    assert TagTemplate.parse(text).text == text
    assert TagTemplate.parse(text).is_per_image == ("image" in text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have {{version}} in it once"),
        ("v1", "must have {{version}} in it once"),
        ("{{image}}", "must have {{version}} in it once"),
        ("{{version}}-{{version}}", "must have {{version}} in it once"),
        ("{{version}}{{sha}}", '"sha" is not defined'),
        ("v{{version", "does not close it"),
        ("{{ver sion}}", "is not a placeholder"),
        *(
            (one.replace("V", "{{version}}"), "does not spell a legal git tag")
            for one in [
                *("-V", ".V", "/V", "V/", "V.", "a//V", "a..V", "a b V", "V~1", "V^", "a:V", "V?"),
                *("V*", "[V", "\\V", "@{V", "V.lock", "a.lock/V", "a/.V", "V\n", "V\x7f", "\x00V"),
            ]
        ),
    ],
)
def test_what_is_no_template(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        TagTemplate.parse(text)


# -- what a tag says


@pytest.mark.parametrize(
    ("tag", "template", "version"),
    [
        ("v1.2.3", "v{{version}}", "1.2.3"),
        ("1.2.3", "v{{version}}", None),
        ("1.2.3", "{{version}}", "1.2.3"),
        ("api/v1.2.3", "api/v{{version}}", "1.2.3"),
        ("v1.2.3-final", "v{{version}}-final", "1.2.3"),
        ("v1", "v{{version}}", None),
        ("v", "v{{version}}v", None),
        ("vv1.2.3", "v{{version}}", None),
    ],
)
def test_a_git_tag_names_a_version(tag: str, template: str, version: str | None) -> None:
    found = TagTemplate.parse(template).version(tag)
    assert (str(found) if found else None) == version


@pytest.mark.parametrize(
    ("tag", "image", "version"),
    [
        ("api/v1.2.3", "api", "1.2.3"),
        ("api/v1.2.3", "web", None),
        ("api/v1.2.3", "ap", None),
        ("v1.2.3", "api", None),
        ("api/api/v1.2.3", "api", None),
    ],
)
def test_a_git_tag_names_a_version_of_an_image(tag: str, image: str, version: str | None) -> None:
    found = TagTemplate.parse("{{image}}/v{{version}}").version(tag, image)
    assert (str(found) if found else None) == version


@given(templates, built, names)
def test_what_is_spelled_is_read(template: TagTemplate, version: Version, image: str) -> None:
    tag = template.spell(version, image)
    found = template.version(tag, image)
    assert str(found) == str(version)
    assert list(template.versions([tag], image)) == [(tag, version)]
    assert template.highest([tag], image) == (tag, version)


@given(templates, st.text(max_size=12) | st.from_regex(r"(api/)?v?[0-9.+-]{5,8}"), names)
def test_what_is_read_is_spelled(template: TagTemplate, tag: str, image: str) -> None:
    found = template.version(tag, image)
    assert found is None or template.spell(found, image) == tag


# -- images with names that are alike


@pytest.mark.parametrize("template", PER_IMAGE)
@pytest.mark.parametrize("version", ["1.0.0", "1.0.0-rc.1", "1.0.0+api"])
@pytest.mark.parametrize(
    ("image", "other"),
    [("api-debug", "api"), ("api-1", "api"), ("debug-api", "api"), ("API", "api")],
)
def test_a_tag_of_one_image_is_none_of_another(
    template: str, version: str, image: str, other: str
) -> None:
    parsed = TagTemplate.parse(template)
    assert parsed.version(parsed.spell(Version.parse(version), image), other) is None
    assert parsed.version(parsed.spell(Version.parse(version), other), image) is None


@given(
    st.sampled_from(["{{image}}/v{{version}}", "{{image}}@{{version}}", "{{version}}/{{image}}"]),
    built,
    names,
    names,
)
def test_what_no_name_and_no_version_has_keeps_images_apart(
    template: str, version: Version, one: str, other: str
) -> None:
    assume(one != other)
    parsed = TagTemplate.parse(template)
    assert parsed.version(parsed.spell(version, one), other) is None


@given(st.sampled_from(["{{image}}-v{{version}}", "{{image}}-{{version}}"]), built, names, names)
def test_images_without_dots_are_kept_apart_by_a_dash(
    template: str, version: Version, one: str, other: str
) -> None:
    assume(one != other and "." not in one)
    parsed = TagTemplate.parse(template)
    assert parsed.version(parsed.spell(version, one), other) is None


@pytest.mark.parametrize(
    ("template", "image", "other", "misread"),
    [
        ("{{image}}-{{version}}", "api-1.0.0", "api", "1.0.0-2.0.0"),
        ("{{image}}-v{{version}}", "api-v1.0.0", "api", "1.0.0-v2.0.0"),
        ("{{image}}{{version}}", "api1", "api", "12.0.0"),
        ("v{{version}}-{{image}}", "api-debug", "debug", "2.0.0-api"),
    ],
)
def test_what_a_template_cannot_tell_apart(
    template: str, image: str, other: str, misread: str
) -> None:
    """A name that goes on as a version would, after nothing but what versions are made of."""
    parsed = TagTemplate.parse(template)
    tag = parsed.spell(Version(2, 0, 0), image)
    assert str(parsed.version(tag, image)) == "2.0.0"
    assert str(parsed.version(tag, other)) == misread


# -- the highest


def test_the_highest_tag_wins_and_not_the_last() -> None:
    template = TagTemplate()
    found = template.highest(["v1.10.0", "v1.9.0", "nightly", "v1.10.0-rc.1"])
    assert found == ("v1.10.0", Version(1, 10, 0))
    assert template.highest(["nightly", "v1.0", "v01.0.0", "1.0.0"]) is None
    assert template.highest(["v2.0.0_", "v1.0.0-rc.1"]) == ("v1.0.0-rc.1", Version(1, 0, 0, "rc.1"))
    assert template.highest([]) is None


def test_the_highest_of_an_image() -> None:
    template = TagTemplate.parse("{{image}}-v{{version}}")
    tags = ["api-v1.0.0", "api-debug-v3.0.0", "web-v2.0.0", "v4.0.0"]
    assert template.highest(tags, "api") == ("api-v1.0.0", Version(1, 0, 0))
    assert template.highest(tags, "api-debug") == ("api-debug-v3.0.0", Version(3, 0, 0))
    assert template.highest(tags, "worker") is None


tags = st.one_of(
    built.map(lambda one: f"v{one}"),
    st.builds("api-v{}".format, built),
    st.builds("v{}_x".format, built),
    st.text("v0123456789.-+rc", max_size=12),
    st.builds("v{}.0.0".format, st.sampled_from([10**19, 10**20, 10**40])),
)


@given(templates, st.lists(tags, max_size=12))
def test_the_highest_is_the_greatest_of_all(template: TagTemplate, held: list[str]) -> None:
    found = template.highest(held, "api")
    # among twins the one without build metadata comes first
    every = [(one, one.build is None, tag) for tag, one in template.versions(held, "api")]
    version, _, tag = max(every, default=(None, False, None))
    assert found == ((tag, version) if every else None)
