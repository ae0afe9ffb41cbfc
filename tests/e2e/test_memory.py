"""The registry as the memory, real: why an image is built, no tags of ours, nothing stale."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace, all_tags, manifest, tags

Make = Callable[[EngineUnderTest], Workspace]
SPEC = """\
version: 1
project: shop
registries: {main: REGISTRY/memory-NONCE}
fingerprints: {tags: TAGS}
defaults: {labels: {nonce: NONCE}, tags: ["{{version}}", latest]}
images:
  base: {context: base}
  api: {context: api, args: {MODE: fast}}
"""
FILES = {
    "base/Dockerfile": "FROM busybox:latest\nCOPY f /f\n",
    "base/f": "base",
    "api/Dockerfile": "FROM base\nARG MODE\nCOPY f /g\nRUN echo $MODE > /mode\n",
    "api/f": "api",
}


def project(work: Workspace, *, with_tags: bool = True) -> str:
    """Write the project; the repositories' prefix."""
    work.write({"images.yaml": SPEC.replace("TAGS", str(with_tags).lower()), **FILES})
    return f"{work.registry}/memory-{work.nonce}"


def actions(work: Workspace, version: str) -> dict[str, tuple[str, str, str]]:
    """The action of each image with the code and detail of its reason."""
    ran = work.run("plan", "--version", version, "--format", "json")
    assert ran.code == 0, ran.err
    return {
        one["name"]: (one["action"], one["reason"]["code"], one["reason"]["detail"])
        for one in json.loads(ran.out)["images"]
    }


def test_why_names_what_changed_with_both_values(engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(engine)
    prefix = project(work)
    assert work.run("why", "api").out == f"api is built: first build: nothing in {prefix}/api\n"
    assert work.run("release", "--push", "--version", "1.0.0").code == 0
    assert "fp-record-api" in all_tags(f"{prefix}/api")
    work.write({"base/f": "other", "images.yaml": (work.folder / "images.yaml").read_text().replace(
        "MODE: fast", "MODE: slow")})  # fmt: skip
    found = actions(work, "1.1.0")
    assert found["base"] == ("build", "file-changed", "base/f")
    assert found["api"] == ("build", "arg-changed", "MODE fast → slow")
    lines = work.run("why", "api", "--version", "1.1.0").out.splitlines()
    assert lines[0] == "api is built: 2 things differ from 1.0.0"
    assert [line.split()[:2] for line in lines[1:]] == [
        ["arg", "MODE"], ["upstream", "base"], ["base", "is"], ["file", "base/f"],
    ]  # fmt: skip
    assert lines[1].split()[2:] == ["fast", "→", "slow"]
    assert work.run("release", "--push", "--version", "1.1.0").code == 0
    assert work.run("why", "api", "--version", "1.1.0").out.startswith("api is up to date")


def test_no_tags_of_ours(any_engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(any_engine)
    prefix = project(work, with_tags=False)
    first = work.build_or_release("release", "--push", "--version", "1.0.0")
    assert first.code == 0, first.err
    assert all_tags(f"{prefix}/api") == ["1.0.0", "latest"]
    assert manifest(f"{prefix}/api:1.0.0")[0] == manifest(f"{prefix}/api:latest")[0]
    assert {action for action, _, _ in actions(work, "1.0.0").values()} == {"up-to-date"}

    assert {action for action, _, _ in actions(work, "1.0.1").values()} == {"retag"}
    work.write({"api/f": "changed"})
    second = work.build_or_release("release", "--push", "--version", "1.1.0")
    assert second.code == 0, second.err
    assert {n: one["action"] for n, one in second.images().items()} == {
        "base": "retag", "api": "build",
    }  # fmt: skip
    assert all_tags(f"{prefix}/api") == ["1.0.0", "1.1.0", "latest"]
    assert manifest(f"{prefix}/api:1.1.0")[0] == manifest(f"{prefix}/api:latest")[0]
    assert manifest(f"{prefix}/api:1.0.0")[0] != manifest(f"{prefix}/api:latest")[0]
    assert manifest(f"{prefix}/base:1.0.0")[0] == manifest(f"{prefix}/base:1.1.0")[0]


class Served(http.server.BaseHTTPRequestHandler):
    """Gives one text, whatever is asked for."""

    content = b"one"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/tool"
    server.shutdown()


def test_what_is_not_pinned_is_fetched_anew_in_every_release(
    engine: EngineUnderTest, workspace: Make, url: str
) -> None:
    work = workspace(engine)
    prefix = project(work)
    work.write({"base/Dockerfile": f"FROM busybox:latest\nADD {url} /tool\n"})
    assert work.run("release", "--push", "--version", "1.0.0").code == 0
    assert {action for action, _, _ in actions(work, "1.0.0").values()} == {"up-to-date"}
    found = actions(work, "1.1.0")
    assert found["base"] == ("build", "always-built", f"{url} is not pinned")
    assert found["api"][:2] == ("build", "upstream-changed")
    Served.content = b"two"
    ended = work.run("release", "--push", "--version", "1.1.0")
    assert ended.code == 0, ended.err
    said = [
        engine.docker("run", "--rm", f"{prefix}/api:{version}", "cat", "/tool")
        for version in ("1.0.0", "1.1.0", "latest")
    ]
    assert said == ["one", "two", "two"]
    assert tags(f"{prefix}/base") == ["1.0.0", "1.1.0", "latest"]
