from __future__ import annotations

from pathlib import Path

import pytest

from releaser.cli.app import run


def test_s01_an_empty_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "images.yaml"
    path.touch()
    assert run(["validate", "-f", str(path)]) == 2
    assert "the file is empty" in capsys.readouterr().err
