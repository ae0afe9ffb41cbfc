"""What comes after a release, with real registries: verify, promote, rollback, prune."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from releaser.core.oci import Reference, Repository, referrers_tag
from tests.e2e.conftest import EngineUnderTest, Ran, Workspace, all_tags, manifest, tags
from tests.fakes.registry import Image, image, index, listing, signature
from tests.registry_process import start_registry, upload

SPEC = """\
version: 1
project: shop
registries: {staging: STAGING/shop, prod: PROD/shop}
defaults: {push_to: [staging]}
images:
  api: {context: api}
"""
FINGERPRINT = "sha256:" + "0123456789abcdef" * 4
LABELS = {"dev.releaser.fingerprint": FINGERPRINT, "dev.releaser.image": "shop/api"}
FP = "fp-0123456789abcdef"


@dataclass
class Shop:
    """A project with two registries; ``log`` is every request that a registry has got."""

    work: Workspace
    staging: str
    prod: str
    folder: Path

    def seed(self, place: str, *names: str, content: Image) -> None:
        """Upload an image under some tags, without any code of releaser's."""
        for name in names:
            upload(Repository.parse(f"{place}/shop/api").tagged(name), content)

    def sign(self, place: str, content: Image) -> Image:
        """Attach a signature as clients do where a registry lists no referrers."""
        repository = Repository.parse(f"{place}/shop/api")
        signed = signature(content)
        upload(repository.tagged(referrers_tag(content.digest)), listing(signed))
        return signed

    def requests(self, method: str, path: str) -> list[str]:
        """The requests to any of the registries that match."""
        text = "".join(log.read_text() for log in self.folder.glob("registry-*/log"))
        return re.findall(rf'"{method} (/v2/{path}[^ ]*) HTTP', text)


def start(tmp_path: Path, engine: EngineUnderTest, staging: str, prod: str) -> Shop:
    folder = tmp_path / "project"
    folder.mkdir()
    work = Workspace(folder, engine, staging)
    text = SPEC.replace("STAGING", staging).replace("PROD", prod)
    work.write({"images.yaml": text, "api/Dockerfile": "FROM scratch\nCOPY f /\n", "api/f": "f"})
    return Shop(work, staging.partition("/")[0], prod.partition("/")[0], tmp_path)


@pytest.fixture
def shop(tmp_path: Path, engine: EngineUnderTest) -> Iterator[Shop]:
    """Two registries, and a project that releases to the first."""
    with start_registry(tmp_path) as staging, start_registry(tmp_path) as prod:
        yield start(tmp_path, engine, staging, prod)


def whole(text: str = "x") -> Image:
    """An image for two platforms with an attestation."""
    images = [image(f"{text} {n}", layers=2, labels=LABELS) for n in range(2)]
    return index(*images, attested=True)


def pulled(reference: str) -> set[str]:
    """Every digest below a reference, each fetched and hashed: what a pull of all of it needs."""
    digest, body = manifest(reference)
    at = Reference.parse(reference).repository
    document = json.loads(body)
    found = {digest}
    for entry in document.get("manifests", ()):
        found |= pulled(f"{at}@{entry['digest']}")
    for entry in (document.get("config"), *document.get("layers", ())):
        if entry:
            url = f"http://{at.registry}/v2/{at.path}/blobs/{entry['digest']}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert "sha256:" + sha256(answer.read()).hexdigest() == entry["digest"]
            found.add(entry["digest"])
    return found


def parts(content: Image) -> set[str]:
    """The digests of everything that an image consists of."""
    own = {str(content.digest), *map(str, content.blobs)}
    return own.union(*(parts(child) for child in content.children))


def test_promoted_images_are_the_same_bytes(shop: Shop) -> None:
    content = whole()
    shop.seed(shop.staging, "1.4.2", "1.4", "1", "latest", FP, content=content)
    signed = shop.sign(shop.staging, content)
    cosign = f"sha256-{content.digest.hex}.sig"
    shop.seed(shop.staging, cosign, content=image("cosign"))

    dry = shop.work.run("promote", "1.4.2", "--to", "prod", "--tag", "stable", "--dry-run")
    assert dry.code == 0, dry.err
    assert all_tags(f"{shop.prod}/shop/api") == []
    ran = shop.work.run("promote", "1.4.2", "--to", "prod", "--tag", "stable", report=True)
    assert ran.code == 0, ran.err
    there = f"{shop.prod}/shop/api"
    public = ["1", "1.4", "1.4.2", "latest", "stable"]
    listed = str(referrers_tag(content.digest))
    assert all_tags(there) == sorted([*public, FP, cosign, listed])
    for tag in (*public, FP):
        assert manifest(f"{there}:{tag}")[1] == content.manifest.body
        assert pulled(f"{there}:{tag}") == parts(content)
    assert pulled(f"{there}@{signed.digest}") == parts(signed)
    assert [one["digest"] for one in json.loads(manifest(f"{there}:{listed}")[1])["manifests"]] == [
        str(signed.digest)
    ]
    assert pulled(f"{there}:{cosign}") == parts(image("cosign"))

    kept = shop.folder / "promotion.json"
    kept.write_text(json.dumps(ran.report))
    for arguments in (["--version", "1.4.2"], ["--report", str(kept)]):
        checked = shop.work.run("verify", *arguments, "--registry", "prod", "--deep")
        assert checked.code == 0, checked.out + checked.err
    again = shop.work.run("promote", "1.4.2", "--to", "prod", "--tag", "stable")
    assert (again.code, "nothing to do" in again.out) == (0, True)


def test_latest_is_not_moved_backwards(shop: Shop) -> None:
    old, new = whole("old"), whole("new")
    shop.seed(shop.staging, "1.4.2", content=old)
    shop.seed(shop.prod, "1.5.0", "latest", content=new)
    ran = shop.work.run("promote", "1.4.2", "--to", "prod", "--from", "staging")
    assert ran.code == 0, ran.err
    assert "1.5.0 is newer" in ran.out
    there = f"{shop.prod}/shop/api"
    assert manifest(f"{there}:latest")[0] == str(new.digest)
    assert manifest(f"{there}:1.4.2")[0] == manifest(f"{there}:1.4")[0] == str(old.digest)


def test_a_taken_version_refuses_the_whole(shop: Shop) -> None:
    shop.seed(shop.staging, "1.4.2", content=whole())
    shop.seed(shop.prod, "1.4.2", content=whole("other"))
    before = len(shop.requests("(?:PUT|POST|PATCH)", "shop"))
    ran = shop.work.run("promote", "1.4.2", "--to", "prod", "--tag", "stable")
    assert ran.code == 3
    assert len(shop.requests("(?:PUT|POST|PATCH)", "shop")) == before
    assert tags(f"{shop.prod}/shop/api") == ["1.4.2"]


def test_within_one_registry_blobs_are_mounted(tmp_path: Path, engine: EngineUnderTest) -> None:
    with start_registry(tmp_path) as host:
        shop = start(tmp_path, engine, f"{host}/a", f"{host}/b")
        content = whole()
        upload(Repository.parse(f"{host}/a/shop/api").tagged("1.4.2"), content)
        ran = shop.work.run("promote", "1.4.2", "--to", "prod")
        assert ran.code == 0, ran.err
        assert pulled(f"{host}/b/shop/api:1.4.2") == parts(content)
        assert shop.requests("POST", r"b/shop/api/blobs/uploads/\?mount=")
        assert shop.requests("(?:PUT|PATCH)", "b/shop/api/blobs") == []


def test_what_is_broken_is_found(shop: Shop) -> None:
    content = whole()
    shop.seed(shop.staging, "1.4.2", "1.4", "1", "latest", content=content)
    assert shop.work.run("verify", "--version", "1.4.2").code == 0
    layer = next(iter(content.children[1].blobs))
    data = next(shop.folder.rglob(f"blobs/sha256/*/{layer.hex}/data"))
    right = data.read_bytes()
    data.write_bytes(bytes(len(right)))
    shallow, deep = (
        shop.work.run("verify", "--version", "1.4.2", *more) for more in ([], ["--deep"])
    )
    assert (shallow.code, deep.code) in {(0, 1), (1, 1)}
    assert f"{layer} is not what its digest says" in deep.out
    data.write_bytes(right)
    shop.seed(shop.staging, "latest", content=whole("other"))
    found = shop.work.run("verify", "--version", "1.4.2")
    assert found.code == 1
    assert found.out.startswith(f"not the highest version: {shop.staging}/shop/api:latest: ")


RELEASED = """\
version: 1
project: shop
registries: {main: REGISTRY/rollback-NONCE}
defaults: {labels: {nonce: NONCE}, tags: ["{{version}}", "{{major}}.{{minor}}", latest]}
images:
  api: {context: api}
"""


def test_rollback_and_release_again(
    engine: EngineUnderTest, workspace: Callable[[EngineUnderTest], Workspace]
) -> None:
    work = workspace(engine)
    work.write({"images.yaml": RELEASED, "api/Dockerfile": "FROM scratch\nCOPY f /\n"})
    api = f"{work.registry}/rollback-{work.nonce}/api"

    def release(version: str, *, report: bool = False) -> Ran:
        ran = work.run("release", "--push", "--version", version, report=report)
        assert ran.code == 0, ran.err
        return ran

    def latest() -> str:
        return manifest(f"{api}:latest")[0]

    digests = {}
    for version in ("1.4.1", "1.4.2"):
        work.write({"api/f": version})
        release(version)
        digests[version] = latest()
    assert digests["1.4.1"] != digests["1.4.2"]

    ran = work.run("rollback", "--to", "1.4.1", "--reason", "it leaks")
    assert ran.code == 0, ran.err
    assert latest() == manifest(f"{api}:1.4")[0] == digests["1.4.1"]
    assert manifest(f"{api}:1.4.2")[0] == digests["1.4.2"]
    again = release("1.4.2")
    assert latest() == digests["1.4.1"]
    assert "fp-rollback-api" in all_tags(api)
    assert "1.4.2 was rolled back" in work.run("plan", "--version", "1.4.2").out
    assert work.run("verify", "--version", "1.4.2", "--deep").code == 0, again.err

    work.write({"api/f": "1.4.3"})
    ran = release("1.4.3", report=True)
    assert latest() == manifest(f"{api}:1.4.3")[0]
    kept = work.folder.parent / "release.json"
    kept.write_text(json.dumps(ran.report))
    assert work.run("rollback", "--report", str(kept)).code == 0
    assert latest() == digests["1.4.1"]
    assert work.run("rollback", "--restore", "1.4.2").code == 0
    assert latest() == digests["1.4.2"]


def test_prune_leaves_every_kept_tag_pullable(shop: Shop) -> None:
    at = f"{shop.staging}/shop/api"
    old, kept, loose = whole("old"), whole("kept"), whole("loose")
    shop.seed(shop.staging, "1.4.1", "fp-1111111111111111", content=old)
    shop.seed(shop.staging, "1.5.0-rc.1", "1.5.0", "latest", FP, content=kept)
    # a part of a kept index, an image whose layers a kept one shares, and one with a signature
    shop.seed(shop.staging, "fp-2222222222222222", content=kept.children[1])
    shop.seed(shop.staging, "fp-3333333333333333", "1.5.0-dev.1.gabcdef0", content=loose)
    shop.seed(shop.staging, "1.4.9-rc.1", content=dated("old rc"))
    shop.seed(shop.staging, "fp-4444444444444444", content=dated("unnamed"))
    signed = shop.sign(shop.staging, kept)
    goes = shop.sign(shop.staging, dated("unnamed"))
    listed = str(referrers_tag(kept.digest))
    attached = str(referrers_tag(dated("unnamed").digest))

    dry = shop.work.run("prune", "--keep-last", "0")
    assert dry.code == 0, dry.err
    before = all_tags(at)
    ran = shop.work.run("prune", "--keep-last", "0", "--yes", report=True)
    assert ran.code == 0, ran.err
    gone = {
        "1.5.0-rc.1", "1.5.0-dev.1.gabcdef0", "1.4.9-rc.1", "fp-4444444444444444", attached,
    }  # fmt: skip
    # what does not say when it was made stays; a part of what is kept is no content of its own
    assert set(before) - set(all_tags(at)) == gone
    expected = {"1.4.1": old, "1.5.0": kept, "latest": kept, FP: kept, "fp-1111111111111111": old}
    for tag, content in expected.items():
        assert pulled(f"{at}:{tag}") == parts(content)
    assert pulled(f"{at}:fp-2222222222222222") == parts(kept.children[1])
    assert pulled(f"{at}:fp-3333333333333333") == parts(loose)
    assert pulled(f"{at}@{signed.digest}") == parts(signed)
    assert json.loads(manifest(f"{at}:{listed}")[1])["manifests"][0]["digest"] == str(signed.digest)
    assert {one["tag"] for one in ran.report["repositories"][0]["tags"] if one["removed"]} == gone
    assert goes.digest != signed.digest
    again = shop.work.run("prune", "--keep-last", "0", "--yes")
    assert (again.code, "nothing to do" in again.out) == (0, True)


def dated(text: str) -> Image:
    return image(text, labels=LABELS, created="2026-01-01T00:00:00Z")


def test_prune_where_nothing_can_be_deleted(tmp_path: Path, engine: EngineUnderTest) -> None:
    with start_registry(tmp_path, delete=False) as host:
        shop = start(tmp_path, engine, host, "prod.example")
        shop.seed(host, "1.5.0-rc.1", "1.5.0-rc.2", content=whole())
        assert shop.work.run("prune", "--keep-last", "1").code == 0
        ran = shop.work.run("prune", "--keep-last", "1", "--yes")
        assert (ran.code, ran.err.count("does not delete")) == (4, 1)
        assert tags(f"{host}/shop/api") == ["1.5.0-rc.1", "1.5.0-rc.2"]
