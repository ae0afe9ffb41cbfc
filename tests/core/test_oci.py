from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from releaser.core.oci import Digest, Manifest, Platform, Reference, Repository, Tag
from releaser.errors import SpecError

SHA = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("api", "docker.io/library/api"),
        ("acme/api", "docker.io/acme/api"),
        ("index.docker.io/acme/api", "docker.io/acme/api"),
        ("docker.io/api", "docker.io/library/api"),
        ("localhost/api", "localhost/api"),
        ("localhost:5000/api", "localhost:5000/api"),
        ("ghcr.io/acme/shop/api", "ghcr.io/acme/shop/api"),
        ("[::1]:5000/api", "[::1]:5000/api"),
        ("registry:5000/a__b/c-d.e", "registry:5000/a__b/c-d.e"),
    ],
)
def test_repositories_get_dockers_defaults(text: str, whole: str) -> None:
    assert str(Repository.parse(text)) == whole


@pytest.mark.parametrize(
    "text",
    [
        "", "API", "a//b", "a/", "/a", "a__ _b", "a___b", "-a", "a-", "a..b", "ghcr.io/",
        "ghcr.io/A", "localhost:0/a", "localhost:70000/a", "localhost:/a", "::1/a",
        "bücher.example/a", "user@ghcr.io/a", "https://ghcr.io/a", "a:1", f"a@{SHA}", "a\n",
        "x" * 256, "a b", "ghcr.io/a\0",
    ],
)  # fmt: skip
def test_malformed_repositories_are_refused(text: str) -> None:
    with pytest.raises(SpecError):
        Repository.parse(text)


def test_a_refused_repository_is_quoted_as_it_was_written() -> None:
    with pytest.raises(SpecError, match=r'^"API" is not a repository$') as caught:
        Repository.parse("API")
    assert caught.value.hint == 'use "api"'


@pytest.mark.parametrize(
    ("text", "familiar"),
    [("docker.io/library/api", "api"), ("docker.io/a/b", "a/b"), ("ghcr.io/a", "ghcr.io/a")],
)
def test_people_see_the_short_form(text: str, familiar: str) -> None:
    assert Repository.parse(text).familiar == familiar


def test_a_reference_has_a_tag_a_digest_both_or_neither() -> None:
    both = Reference.parse(f"localhost:5000/api:1.4@{SHA}")
    assert both.repository.registry == "localhost:5000"
    assert (both.tag, both.digest) == (Tag("1.4"), Digest(SHA))
    assert both.wanted == SHA
    assert Reference.parse("api").wanted == "latest"
    assert Reference.parse("api:1").wanted == "1"
    assert str(both.with_tag("2")) == "localhost:5000/api:2"


@pytest.mark.parametrize(
    "text", ["api:", "api@", "api:1@", "api@sha256:12", "api:a b", ":1", "a@b@c"]
)
def test_malformed_references_are_refused(text: str) -> None:
    with pytest.raises(SpecError):
        Reference.parse(text)


@pytest.mark.parametrize("text", ["1.4.2", "latest", "_x", "a" * 128, "A-b.c_d"])
def test_legal_tags(text: str) -> None:
    assert str(Tag(text)) == text


@pytest.mark.parametrize(
    "text", ["", ".a", "-a", "a+b", "a b", "a/b", "a:b", "a,b", "é", "a" * 129, "a\n"]
)
def test_illegal_tags(text: str) -> None:
    with pytest.raises(SpecError):
        Tag(text)


@pytest.mark.parametrize(
    "text",
    ["sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32, "a" * 64, SHA + "\n", ""],
)
def test_illegal_digests(text: str) -> None:
    with pytest.raises(SpecError):
        Digest(text)


def test_a_repository_makes_references() -> None:
    repository = Repository.parse("ghcr.io/acme/api")
    assert str(repository.tagged("1")) == "ghcr.io/acme/api:1"
    assert repository.tagged(Tag("1")) == repository.tagged("1")
    assert str(repository.at(Digest(SHA))) == f"ghcr.io/acme/api@{SHA}"


def test_a_digest_is_the_hash_of_bytes() -> None:
    empty = Digest.of(b"")
    assert empty.hex.startswith("e3b0c442")
    assert empty.short == "sha256:e3b0c44298fc"
    assert Manifest("application/json", b"").digest == empty
    assert str(Digest("sha512:" + "0" * 128)).startswith("sha512:")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/arm/5", "linux/arm/v5"),
        ("linux/i386", "linux/386"),
        ("Linux/AMD64", "linux/amd64"),
    ],
)
def test_platforms_are_canonical(text: str, canonical: str) -> None:
    assert str(Platform.parse(text)) == canonical


@pytest.mark.parametrize(
    "text", ["linux", "", "a/b/c/d", "linux/", "/amd64", "linux/am d", "linux//v7"]
)
def test_malformed_platforms_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="is not a platform"):
        Platform.parse(text)


_NAME = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-)[a-z0-9]{1,8}){0,2}", fullmatch=True)
_HOST = st.sampled_from(
    ["docker.io", "ghcr.io", "localhost", "localhost:5000", "[::1]:80", "r.example:1"]
)


@given(
    _HOST,
    st.lists(_NAME, min_size=2, max_size=4),
    st.sampled_from(["", ":1", f"@{SHA}", f":a@{SHA}"]),
)
def test_a_reference_is_what_it_prints(host: str, path: list[str], rest: str) -> None:
    text = f"{host}/{'/'.join(path)}{rest}"
    assert str(Reference.parse(text)) == text
    assert Reference.parse(str(Reference.parse(text))) == Reference.parse(text)


@given(st.text())
@example("a@")
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except SpecError:
        return
    assert Reference.parse(str(reference)) == reference


@given(st.text(alphabet="linuxamrd64/v78_-Z", max_size=20))
def test_a_canonical_platform_stays_as_it_is(text: str) -> None:
    try:
        platform = Platform.parse(text)
    except SpecError:
        return
    assert Platform.parse(str(platform)) == platform


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("localhost/a", True),
        ("localhost:5000/a", True),
        ("127.0.0.1:5000/a", True),
        ("127.1.2.3/a", True),
        ("[::1]:5000/a", True),
        ("localhost.example/a", False),
        ("10.127.0.0.1/a", False),
        ("127.0.0.1.example/a", False),
        ("ghcr.io/a", False),
        ("a", False),
    ],
)
def test_which_registries_are_on_this_machine(text: str, *, near: bool) -> None:
    assert Repository.parse(text).on_this_machine is near
