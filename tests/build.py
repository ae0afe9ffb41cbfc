"""Small builders for tests: specs, Dockerfiles, facts and plans in a line, and strategies for them.

``"a; b: a; c: a b"`` is the usual picture of images: ``b`` stands on ``a``, ``c`` on both. Nothing
here touches a disk, an engine or a registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from hypothesis import strategies as st

from releaser.core import tagging
from releaser.core.candidate import Candidate, World
from releaser.core.dockerfile import Dockerfile, parse
from releaser.core.facts import (
    ContextFacts,
    ContextFile,
    LocalImage,
    RegistryFacts,
    SourceFacts,
    event_of,
)
from releaser.core.fingerprint import Fingerprint
from releaser.core.graph import Edge, ImageGraph, Owners
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.plan import Mode, Plan
from releaser.core.planner import make_plan
from releaser.core.resolve import ResolvedImage, Resolver, render_image
from releaser.core.spec import Keeping, Spec
from releaser.core.version import Version
from releaser.errors import Location

ROOT = "/src"
GHCR = {"ghcr": "ghcr.io/acme/shop"}
HUB = {"hub": "docker.io/acme"}
BOTH = {**GHCR, **HUB}
AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")
COMMIT = "abc1234" + "0" * 33
SOURCE = SourceFacts(commit=COMMIT, branch="main")


def picture(text: str) -> dict[str, tuple[str, ...]]:
    """``"a; b: a"`` as the needs of each image by name."""
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, needs = part.partition(":")
        found[name.strip()] = tuple(needs.split())
    return found


def spec(
    text: str | Mapping[str, Iterable[str]] = "a",
    registries: Mapping[str, str] = GHCR,
    every: Mapping[str, Any] | None = None,
    **images: Mapping[str, Any],
) -> Spec:
    """A spec with the images of a picture; ``every`` and ``images`` give fields of all and one."""
    names = picture(text) if isinstance(text, str) else text
    fields = {name: {"context": name, **(every or {}), **images.get(name, {})} for name in names}
    return Spec.model_validate(
        {"version": "1", "project": "shop", "registries": dict(registries), "images": fields}
    )


def at(path: tuple[str | int, ...]) -> Location:
    """A place in the spec, as loaders give it: here always the line of the image's index."""
    return Location("images.yaml", len(path))


def dockerfile(*lines: str, file: str = "Dockerfile") -> Dockerfile:
    """A Dockerfile of the given lines."""
    return parse("\n".join(lines) + "\n", file)


def standing_on(*needs: str) -> Dockerfile:
    """A Dockerfile that is based on the first of ``needs`` and copies from the others."""
    base, *rest = needs or ("scratch",)
    copies = (f"COPY --from={other} /{other} /{other}" for other in rest)
    return dockerfile(f"FROM {base}", *copies, "COPY . /")


def text_file(path: str, content: str, mode: int = 0o644) -> ContextFile:
    """A file of a build context."""
    return ContextFile(path, "file", mode, hashlib.sha256(content.encode()).hexdigest())


def folder(**files: str) -> ContextFacts:
    """What is used of a build context: its files' contents by name."""
    return ContextFacts(tuple(text_file(path, files[path]) for path in sorted(files)))


def digest(text: str) -> Digest:
    """The digest of some text: the same text, the same digest."""
    return Digest.of(text.encode())


def local(fingerprint: Fingerprint | str, *references: str, image_id: str = "id") -> LocalImage:
    """An image in the engine's store."""
    named = tuple(Reference.parse(reference) for reference in references)
    return LocalImage(digest(image_id), str(fingerprint), named)


def graph(text: str | Mapping[str, Iterable[str]]) -> ImageGraph:
    """The graph of a picture; the edges have the Dockerfile of each image as their place."""
    needs = picture(text) if isinstance(text, str) else text
    edges = tuple(
        Edge(image, need, (need,), Location(f"{image}/Dockerfile", line), f"FROM {need}")
        for image, found in needs.items()
        for line, need in enumerate(found, start=1)
    )
    return ImageGraph(tuple(needs), edges)


def resolve(
    of: Spec, name: str, file: Dockerfile, version: str | None = "1.4.2", platform: Platform = AMD64
) -> ResolvedImage:
    """One image of a spec with its Dockerfile read."""
    known = tagging.values(
        Version.parse(version) if version else None, SOURCE, image=name, project=of.project
    )
    rendered = render_image(name, of.images[name], known, at, strict=False)
    return Resolver(ROOT, platform, Owners.of(of), at).resolve(name, rendered, file)


@dataclass(frozen=True)
class Request:
    """Everything that a plan depends on but the world: change one with ``replace``.

    ``needs`` is a picture's; ``files`` gives the one file of an image's context by name;
    ``chosen`` is ``None`` where all are.
    """

    needs: Mapping[str, tuple[str, ...]]
    spec: Spec
    version: str | None = "1.4.2"
    source: SourceFacts = SOURCE
    files: Mapping[str, str] = field(default_factory=dict)
    dockerfiles: Mapping[str, Dockerfile] = field(default_factory=dict)
    bases: Mapping[str, Digest | None] = field(default_factory=dict)
    chosen: frozenset[str] | None = None
    mode: Mode = Mode.PUBLISH
    keeping: Keeping = Keeping(tags=True, records=False)  # noqa: RUF009 - frozen

    @property
    def parsed_version(self) -> Version | None:
        return Version.parse(self.version) if self.version else None

    def order(self) -> tuple[str, ...]:
        return graph({name: self.needs[name] for name in self.spec.images}).order

    def candidates(self) -> tuple[Candidate, ...]:
        """The images in order, each with its fingerprint and the tags that it wants."""
        prints: dict[str, Fingerprint] = {}
        found = []
        for name in self.order():
            file = self.dockerfiles.get(name) or standing_on(*self.needs[name])
            image = resolve(self.spec, name, file, self.version)
            files = {"": folder(app=self.files.get(name, name))}
            files |= {key: folder(part=key) for key, _ in image.folders}
            prints[name] = image.fingerprint(files, self.bases, prints)
            found.append(self._candidate(name, image, prints[name]))
        return tuple(found)

    def _candidate(self, name: str, image: ResolvedImage, made_of: Fingerprint) -> Candidate:
        version, project = self.parsed_version, self.spec.project
        rules = self.spec.images[name].tags
        policy = tagging.Policy.of(tagging.DEFAULT_TAGS if rules is None else rules)
        event = event_of(self.source)
        at = tagging.Situation(
            version, self.source, event, name, project, commanded=True, is_release=True
        )
        tags = tagging.evaluate(policy, at)
        targets = tuple((r, self.spec.repository(name, r)) for r in self.spec.push_to(name))
        chosen = self.chosen is None or name in self.chosen
        return Candidate(
            image, made_of, tags.wanted, tags.skipped, targets, chosen, self.parsed_version
        )

    def plan(self, world: World | None = None) -> Plan:
        """The plan of this request, measured against ``world`` (nothing there at all)."""
        seen = world or World(bases=self.bases)
        return make_plan(
            self.spec.project,
            self.parsed_version,
            self.candidates(),
            seen,
            self.mode,
            root=ROOT,
            commit=self.source.commit,
            keeping=self.keeping,
        )


class Fields(TypedDict, total=False):
    """The other fields of a request, as keywords."""

    version: str | None
    source: SourceFacts
    files: Mapping[str, str]
    dockerfiles: Mapping[str, Dockerfile]
    bases: Mapping[str, Digest | None]
    chosen: frozenset[str] | None
    mode: Mode
    keeping: Keeping


def request(
    text: str = "a",
    registries: Mapping[str, str] = GHCR,
    tags: Sequence[str] | None = None,
    images: Mapping[str, Mapping[str, Any]] | None = None,
    **fields: Unpack[Fields],
) -> Request:
    """A request for the images of a picture, which get ``tags``; ``images`` are fields of each."""
    every = {} if tags is None else {"tags": list(tags)}
    return Request(picture(text), spec(text, registries, every, **(images or {})), **fields)


def tags_of(held: Iterable[Reference]) -> RegistryFacts:
    """Registries that hold ``held``, each tag with a digest of its own."""
    return registry({str(reference): digest(str(reference)) for reference in held})


def registry(held: Mapping[str, Digest]) -> RegistryFacts:
    """Registries that hold the given references and nothing else."""
    digests = {Reference.parse(text): found for text, found in held.items()}
    tags: dict[Any, tuple[str, ...]] = {}
    for reference in digests:
        tags[reference.repository] = (*tags.get(reference.repository, ()), str(reference.tag))
    return RegistryFacts(dict(digests), tags)


# -- strategies ------------------------------------------------------------------------------

image_names = st.from_regex(r"[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3})?", fullmatch=True)
numbers = st.integers(min_value=0, max_value=30)
versions = st.builds(Version, numbers, numbers, numbers)
prereleases = st.builds(
    Version, numbers, numbers, numbers, st.sampled_from(["rc.1", "dev.3.gabc1234", "alpha"])
)
branches = st.text(min_size=1, max_size=300).filter(lambda text: text.isprintable())


@st.composite
def dags(draw: st.DrawFn, max_size: int = 7) -> dict[str, tuple[str, ...]]:
    """The needs of each image by name, without cycles, upstreams first."""
    names = draw(st.lists(image_names, min_size=1, max_size=max_size, unique=True))
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)))
        if index
        else ()
        for index, name in enumerate(names)
    }


@st.composite
def digraphs(draw: st.DrawFn, max_size: int = 7) -> dict[str, tuple[str, ...]]:
    """The needs of each image by name, cycles allowed, but no image needs itself."""
    names = draw(st.lists(image_names, min_size=2, max_size=max_size, unique=True))
    return {
        name: tuple(
            draw(
                st.lists(st.sampled_from([o for o in names if o != name]), unique=True, max_size=3)
            )
        )
        for name in names
    }
