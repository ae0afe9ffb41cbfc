"""Specs that are wrong, broken or hostile, each given to the command line as anybody would."""

from __future__ import annotations

import time

import pytest

from releaser.errors import SpecError
from releaser.loader import load
from tests.hostile.conftest import API, Shop
from tests.test_golden_errors import ERRORS, settings_of

GOLDEN = {
    "S1": "empty-file only-a-null only-comments",
    "S2": "list-at-the-top text-at-the-top",
    "S3": "two-documents",
    "S4": "duplicate-key-at-the-top duplicate-field duplicate-image duplicate-arg "
    "duplicate-arg-line",
    "S5": "unknown-field unknown-field-at-the-top unknown-field-in-defaults "
    "unknown-field-in-registry unknown-field-in-secret field-of-compose field-in-other-case",
    "S6a": "unknown-version version-zero-ten",
    "S7": "alias-bomb too-many-values",
    "S8": "merge-bomb merge-twice merge-of-text",
    "S9": "alias-of-itself alias-without-anchor",
    "S10": "too-deep",
    "S14": "python-tag binary-tag",
    "S15": "utf-16 not-utf-8 zero-byte escaped-zero-byte bell line-separator",
    "S16": "tab-as-indent",
    "S17": "tab-after-crlf crlf-and-bom",
    "S18": "image-name-bidi image-name-homoglyph image-name-space ansi-in-a-value wide-characters",
    "S19c": "needs-unknown needs-itself",
    "S21": "same-repository-for-two-images same-tag-for-two-images",
    "S22": "image-names-differ-in-case same-registry-twice",
    "S23": "repository-upper-case repository-double-slash prefix-ends-with-slash "
    "prefix-double-slash prefix-space image-name-too-long image-name-upper-case",
    "S24": "tag-129-characters tag-leading-dot tag-leading-dash tag-plus tag-space tag-slash "
    "tag-digest tag-twice tag-comma tag-colon",
    "S25": "prefix-with-digest",
    "S26a": "tag-empty own-tag",
    "S27a": "placeholder-not-closed python-format handlebars go-template nested-placeholder "
    "unknown-placeholder rendered-too-long var-with-placeholder rule-expression",
    "S28a": "context-up context-up-later context-absolute context-home context-dash "
    "context-empty context-backslash context-drive additional-context-outside",
    "S28b": "context-url context-git context-url-with-password",
    "S29a": "dockerfile-outside dockerfile-stdin",
    "S31a": "secret-file-outside secret-id secret-id-equals secret-without-source "
    "secret-both-sources secret-twice secret-value-for-env",
    "S32a": "arg-name-dash arg-name-space args-line-without-value arg-name-newline",
    "S33a": "label-empty-name own-label label-name-newline",
    "S34": "platform-alone platform-turned platform-twice platform-unknown platform-os",
    "S35": "prefix-with-password prefix-with-scheme prefix-ipv6-without-brackets "
    "prefix-port-zero prefix-port-70000 prefix-idn prefix-with-tag prefix-empty",
    "S36": "insecure-hub insecure-ghcr",
    "S37": "concurrency-zero concurrency-huge concurrency-hex size-in-parsecs "
    "concurrency-negative concurrency-nan",
    "S38a": "no-cache-maybe no-cache-number push-as-text",
    "S41": "include-key",
    "S42a": "cache-newline cache-quote cache-without-type cache-up cache-twice",
    "S42b": "extra-host-comma extra-host-address",
    "S42c": "ssh-comma ssh-quote",
    "S42d": "network-dash additional-context-name target",
}
"""Which folders of golden/errors show which input."""

CASES = [(number, case) for number, cases in GOLDEN.items() for case in cases.split()]


@pytest.mark.parametrize(
    ("number", "case"), [pytest.param(*one, id="-".join(one)) for one in CASES]
)
def test_a_wrong_file(number: str, case: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line says of the file what the loader does, in no time."""
    assert number in GOLDEN
    given, environment = settings_of(ERRORS / case)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shop.write("images.yaml", (ERRORS / case / "images.yaml").read_bytes())
    variables = [f"--var={name}={value}" for name, value in given.items()]
    ended = shop.refused("validate", *variables)
    assert ended.err == (ERRORS / case / "error.txt").read_text(encoding="utf-8")
    assert ended.seconds < 5


# -- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["010", "0x1F", "1_0", "1e3", "12:30:45", "2024-01-02", "no", "00123456", "1.10", "9" * 300],
)
def test_s06b_texts_stay_as_they_are_written(shop: Shop, text: str) -> None:
    shop.spec("context: .", f"labels: {{a: {text}}}")
    assert shop.run("validate").code == 0
    spec = load((shop.folder / "images.yaml").read_bytes(), "images.yaml", project="p").spec
    assert spec.images["api"].labels == (("a", text),)


def doubling(form: str) -> str:
    lines = [form.format(n=n, m=n - 1) for n in range(1, 60)]
    return API + "    context: .\nx-0: &x0 {a: b}\n" + "".join(lines)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("x-{n}: &x{n} [*x{m}, *x{m}]\n", id="S7-aliases"),
        pytest.param("x-{n}: &x{n} {{<<: [*x{m}, *x{m}]}}\n", id="S8-merge-keys"),
    ],
)
def test_doubling_takes_no_time(shop: Shop, form: str) -> None:
    content = doubling(form).encode()
    times = []
    for _ in range(5):
        began = time.process_time()
        with pytest.raises(SpecError, match="more than"):
            load(content, "images.yaml", project="p")
        times.append(time.process_time() - began)
    assert min(times) < 0.05
    shop.write("images.yaml", content)
    shop.refused("validate").says("more than")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[" * 20_000, "nested too deeply", id="S10-lists"),
        pytest.param("{a: " * 20_000, "nested", id="S10-maps"),
        pytest.param("- " * 20_000, "nested", id="S10-dashes"),
        pytest.param("? " * 20_000, "a key of a map must be text", id="S10-keys"),
        pytest.param("a: " + "&b " * 20_000, "", id="S10-anchors"),
        pytest.param("#" * (2 << 20), "longer than 1 MiB", id="S11-2MiB"),
        pytest.param(API + "".join(f"k{n}: 1\n" for n in range(100_000)), "more than 1 MiB",
                     id="S12-keys"),
        pytest.param(f"version: {'9' * 100_000}\nimages: {{api: {{}}}}\n", "is not a version",
                     id="S13-number"),
        pytest.param("version: 1\nimages: !!set {api}\n", '"!!set" is not supported', id="S14-set"),
        pytest.param("version: 1\nimages: {api: !!python/object/apply:os.system [id]}\n",
                     "is not supported", id="S14-call"),
        pytest.param("version: 1\ninclude: ../../etc/passwd\nimages: {api: {}}\n",
                     "cannot be included", id="S41-include"),
        pytest.param("version: 1\nimages: !include images.yaml\n", "is not supported",
                     id="S41-include-tag"),
    ],
)  # fmt: skip
def test_a_hostile_text(shop: Shop, text: str, message: str) -> None:
    shop.write("images.yaml", text)
    ended = shop.refused("validate")
    assert "error: images.yaml" in ended.err or "longer than" in ended.err
    if message != "more than 1 MiB":
        ended.says(message)
    assert len(ended.err) < 20_000
    assert ended.seconds < 20
