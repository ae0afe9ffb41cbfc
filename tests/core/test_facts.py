"""Facts are values: equal where they say the same, empty until something was seen."""

from __future__ import annotations

import dataclasses

import pytest

from releaser.core import facts
from releaser.core.facts import ContextFile, EngineFacts, RegistryFacts, SourceFacts
from tests.build import local


def test_nothing_was_seen_yet() -> None:
    assert not any(bool(value) for value in dataclasses.asdict(RegistryFacts()).values())
    assert SourceFacts().commit is None


def test_files_sort_by_path() -> None:
    files = [ContextFile("b", "file", 0o644), ContextFile("a", "file", 0o755)]
    assert [file.path for file in sorted(files)] == ["a", "b"]


@pytest.mark.parametrize(
    "value",
    [SourceFacts(), local("sha256:x"), EngineFacts("28", "linux/amd64", containerd_store=True)],
)
def test_facts_are_frozen(value: object) -> None:
    name = dataclasses.fields(value)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)


def test_the_labels_are_under_one_name_of_ours() -> None:
    assert facts.FINGERPRINT_LABEL == "dev.releaser.fingerprint"
    assert facts.IMAGE_LABEL == "dev.releaser.image"
