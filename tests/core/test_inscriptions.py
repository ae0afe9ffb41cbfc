"""What an image says besides its files: where each text stands, and that none is left out."""

from __future__ import annotations

import json

import pytest

from releaser.core.inscriptions import (
    Finding,
    Inscription,
    findings,
    of_configuration,
    of_documents,
    parsed,
)

CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "author": "V0",
    "config": {
        "Env": ["PATH=/bin", "TOKEN=V1"],
        "Labels": {"maintainer": "V2", "V3": ""},
        "Cmd": ["run", "V4"],
        "Healthcheck": {"Test": ["CMD", "V5"]},
        "OnBuild": ["RUN V6"],
        "Volumes": {"/V7": {}},
        "Entrypoint": None,
    },
    "history": [{"created_by": "ARG A"}, {"created_by": "RUN |1 A=V8 /bin/sh", "comment": "V9"}],
    "rootfs": {"type": "layers"},
}
PLACES = {
    "V0": "configuration",
    "V1": "env TOKEN",
    "V2": "label maintainer",
    "V3": "label V3",
    "V4": "cmd",
    "V5": "healthcheck",
    "V6": "onbuild",
    "V7": "volumes",
    "V8": "history line 2",
    "V9": "history line 2",
}


class Word:
    def __init__(self, word: str) -> None:
        self.word = word

    def found(self, text: str) -> str | None:
        return "id" if self.word in text else None


@pytest.mark.parametrize(("word", "where"), PLACES.items())
def test_every_place_of_a_configuration_is_named(word: str, where: str) -> None:
    assert findings(of_configuration(CONFIG), Word(word)) == (Finding("id", where),)


def test_of_several_platforms_each_is_named() -> None:
    other = {**CONFIG, "architecture": "arm64"}
    found = findings(of_documents([CONFIG, other]), Word("V1"))
    assert [one.where for one in found] == [
        "env TOKEN (linux/amd64)",
        "env TOKEN (linux/arm64)",
    ]


def test_attestations_and_manifests_are_read_whole() -> None:
    provenance = {
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": {"a": [{"build-arg:TOKEN": "V1"}]},
    }
    attested = {"os": "unknown", "architecture": "unknown", "rootfs": {}, "config": {}}
    manifest = {"annotations": {"note": "V1"}}
    found = findings(of_documents([manifest, CONFIG, attested, provenance]), Word("V1"))
    assert [one.where for one in found] == ["manifest", "env TOKEN", "provenance"]


def test_a_value_spread_over_the_words_of_a_command_is_seen() -> None:
    config = {"config": {"Cmd": ["echo", "two", "words"]}, "history": []}
    assert findings(of_configuration(config), Word("two words"))


@pytest.mark.parametrize(
    "document",
    [
        {"rootfs": 1, "config": [], "history": {}},
        {"rootfs": {}, "config": {"Env": 7, "Labels": [], "Cmd": {"a": None}}, "history": [7]},
        [],
        None,
        "text",
    ],
)
def test_odd_documents_do_no_harm(document: object) -> None:
    assert all(isinstance(one, Inscription) for one in of_documents([document]))


def test_what_is_no_json_or_too_deep_is_nothing() -> None:
    assert parsed(b"{") is None
    assert parsed(b"[" * 100_000) is None
    deep: object = "V1"
    for _ in range(500):
        deep = [deep]
    assert list(of_documents([{"a": deep}]))
    assert parsed(json.dumps(CONFIG).encode()) == CONFIG


def test_texts_do_not_show() -> None:
    assert "V1" not in repr(Inscription("env TOKEN", "V1"))
