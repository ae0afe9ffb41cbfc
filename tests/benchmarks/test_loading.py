"""The benchmark of loading: what it loads, and a bound that a busy machine keeps too."""

from __future__ import annotations

import pytest

from benchmarks import loading


def test_what_is_loaded() -> None:
    found = loading.loaded(loading.files())
    assert len(found.spec.images) == loading.FILES * loading.IMAGES == 1_000
    assert len(found.included) == loading.FILES
    one = found.spec.images["service-999"]
    assert dict(one.args) == {
        "PYTHON": "3.12", "ENV": "production", "PORT": "999", "NAME": "service-999"
    }  # fmt: skip
    assert one.context == "services/49/service-999"


@pytest.mark.slow
def test_a_thousand_images_in_fifty_files_load_quickly() -> None:
    assert loading.seconds() < 1.5  # 0.5 s is what an idle machine needs at most
