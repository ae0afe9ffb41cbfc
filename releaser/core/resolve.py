"""An image of the spec with everything about it that no registry and no engine is needed for.

Templates are rendered, the Dockerfile is read for each platform, references are told apart into
images of ours (edges) and base images from elsewhere, paths are absolute.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from releaser.core import template
from releaser.core.dockerfile import Dockerfile, ImageUse, PathUse, TargetUse, UrlUse, target_use
from releaser.core.facts import ContextFacts
from releaser.core.fingerprint import Fingerprint, fingerprint
from releaser.core.graph import Edge, Mention, Owners, edges_of
from releaser.core.oci import Digest, Platform
from releaser.core.record import without_credentials
from releaser.core.spec import ImageSpec, is_remote
from releaser.errors import Location, SpecError

PULLED = "docker-image://"
IMAGE_SCHEMES = (PULLED, "target:", "service:")
_COMMIT = re.compile(r"(?:#|[?&](?:commit|checksum|ref)=)[0-9a-f]{40}(?:[0-9a-f]{24})?(?:[:&#]|$)")
"""A Git URL's whole commit: ``…git#<commit>[:folder]``, or BuildKit's query form of it."""

ANYTHING = PathUse((".",), 0, "ONBUILD")
At = Callable[[tuple[str | int, ...]], Location]


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """An image with its Dockerfile read: ``uses`` has one entry for each platform.

    ``bases`` are the mentions of images from elsewhere; ``folders`` the additional contexts that
    are folders, by name. ``triggered`` tells that an image of ours that it stands on has ONBUILD
    instructions: they may use anything of its context. ``declared`` are the build arguments of all
    stages of the Dockerfile, also of those that are not reached.
    """

    name: str
    spec: ImageSpec
    context: str
    dockerfile: str
    uses: tuple[tuple[Platform, TargetUse], ...]
    edges: tuple[Edge, ...]
    bases: tuple[Mention, ...]
    folders: tuple[tuple[str, str], ...]
    triggered: bool = False
    declared: frozenset[str] = frozenset()

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms that it is built for, in the spec's order."""
        return tuple(platform for platform, _use in self.uses)

    def paths(self, context: str = "") -> tuple[PathUse, ...]:
        """What the reached stages take from one context (``""``: the main one), on any platform."""
        wanted = context or None
        found = [path for _, use in self.uses for path in use.paths if path.context == wanted]
        if self.triggered and not context:
            found.append(ANYTHING)
        return tuple(dict.fromkeys(found))

    @property
    def has_triggers(self) -> bool:
        """Whether it leaves instructions to be run in the builds that stand on it (ONBUILD)."""
        return any(
            instruction.keyword == "ONBUILD"
            for _, use in self.uses
            for instruction in use.stages[-1].instructions
        )

    @property
    def unpinned(self) -> tuple[str, ...]:
        """What its build fetches with nothing said of its content: a URL without a checksum, a Git
        repository without a commit. Logins and queries are left out."""
        urls = {use.url for _, used in self.uses for use in used.urls if not is_pinned(use)}
        named = {name for _, used in self.uses for name in used.contexts}
        remote = {
            source
            for name, source in self.spec.additional_contexts
            if name in named and is_unpinned_source(source)
        }
        return tuple(sorted(map(without_credentials, urls | remote)))

    def path_of(self, context: str, path: str, root: str) -> str:
        """A file of one of its contexts, seen from ``root``."""
        folder = dict(self.folders).get(context, context) if context else self.context
        return posixpath.relpath(posixpath.join(folder, path), root)

    def fingerprint(
        self,
        files: Mapping[str, ContextFacts],
        bases: Mapping[str, Digest | None],
        upstreams: Mapping[str, Fingerprint],
        release: str | None = None,
    ) -> Fingerprint:
        """Its fingerprint, given the files used of each context and what it stands on.

        ``release`` names what is released: an image that fetches something unpinned is another one
        in every release, since nothing else tells whether it changed.
        """
        own = {base.name: bases.get(base.reference) for base in self.bases}
        needed = {_called(edge): upstreams[edge.needs] for edge in self.edges}
        release = release if self.unpinned else None
        return fingerprint(self.spec, dict(self.uses), files, own, needed, release)


def render_image(
    name: str, image: ImageSpec, known: Mapping[str, str], at: At, *, strict: bool
) -> ImageSpec:
    """``image`` with the templates of its args and labels rendered.

    Where not ``strict``, a placeholder that is not known stays as it is (the image is only looked
    at for the graph).
    """
    rendered = {}
    for field in ("args", "labels"):
        pairs = []
        for key, value in getattr(image, field):
            try:
                text = (
                    template.render(value, known) if strict else template.render_known(value, known)
                )
            except SpecError as error:
                where = at(("images", name, field, key))
                raise SpecError(
                    f'{field} "{key}" of image "{name}": {error.message}',
                    at=where,
                    details=error.details,
                    hint=error.hint or _unknown_hint(value, known),
                ) from None
            pairs.append((key, text))
        rendered[field] = tuple(pairs)
    return image.model_copy(update=rendered)


def _unknown_hint(value: str, known: Mapping[str, str]) -> str | None:
    missing = [name for name in template.names(value) if name not in known]
    if set(missing) & set(template.VERSION_NAMES):
        return "there is no version: tag the commit (v1.2.3) or pass --version"
    return None


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves images under one spec file.

    ``root`` is the absolute path of the file's folder, ``platform`` what an image is built for
    that names no platform.
    """

    root: str
    platform: Platform
    owners: Owners
    at: At

    def paths(self, image: ImageSpec) -> tuple[str, str]:
        """The absolute paths of an image's build context and Dockerfile."""
        context = posixpath.normpath(posixpath.join(self.root, image.context))
        return context, posixpath.normpath(
            posixpath.join(context, image.dockerfile or "Dockerfile")
        )

    def resolve(self, name: str, image: ImageSpec, dockerfile: Dockerfile) -> ResolvedImage:
        """The image with its Dockerfile read.

        Raises:
            SpecError: its target does not exist, or a reference in the Dockerfile is malformed.
        """
        context, path = self.paths(image)
        uses = tuple((p, self._use(name, image, dockerfile, p)) for p in self._platforms(image))
        shown = posixpath.relpath(path, self.root)
        mentions = _unique(
            mention
            for _, use in uses
            for mention in (
                *(_from_dockerfile(one, shown) for one in use.images),
                *self._from_contexts(name, image, use),
            )
        )
        edges, bases = edges_of(
            name, image.needs, mentions, self.owners, self.at(("images", name, "needs"))
        )
        return ResolvedImage(
            name,
            image,
            context,
            path,
            uses,
            edges,
            bases,
            self._folders(image, uses),
            declared=dockerfile.declared_args,
        )

    def _platforms(self, image: ImageSpec) -> Sequence[Platform]:
        return image.platforms or (self.platform,)

    def _use(
        self, name: str, image: ImageSpec, dockerfile: Dockerfile, platform: Platform
    ) -> TargetUse:
        try:
            return target_use(
                dockerfile,
                image.target,
                dict(image.args),
                contexts={key for key, _ in image.additional_contexts},
                platform=str(platform),
                build_platform=str(self.platform),
            )
        except SpecError as error:
            if error.at is None or error.at.line is not None:
                raise
            # No line of the Dockerfile is wrong: it is the spec that asks for another stage.
            raise SpecError(
                f'image "{name}": {error.message}',
                at=self.at(("images", name, "target")),
                details=(*error.details, ("Dockerfile", error.at.file)),
                hint=error.hint,
            ) from None

    def _from_contexts(self, name: str, image: ImageSpec, use: TargetUse) -> Iterable[Mention]:
        for key, source in image.additional_contexts:
            scheme = next((s for s in IMAGE_SCHEMES if source.startswith(s)), None)
            if key in use.contexts and scheme:
                at = self.at(("images", name, "additional_contexts", key))
                reference = source.removeprefix(scheme)
                if scheme != PULLED and reference not in self.owners.images - {name}:
                    raise _no_such_image(name, key, source, at, self.owners)
                yield Mention(reference, key, at, f"additional_contexts: {source}")

    def _folders(
        self, image: ImageSpec, uses: Iterable[tuple[Platform, TargetUse]]
    ) -> tuple[tuple[str, str], ...]:
        used = {key for _, use in uses for key in use.contexts}
        return tuple(
            (key, posixpath.normpath(posixpath.join(self.root, source)))
            for key, source in image.additional_contexts
            if key in used and is_folder(source)
        )


def is_pinned(use: UrlUse) -> bool:
    """Whether an ADD says what it must get: by a checksum, or by the commit of a repository."""
    return bool(use.checksum) or bool(_COMMIT.search(use.url))


def is_unpinned_source(source: str) -> bool:
    """Whether an additional context is a URL that can hold something else tomorrow."""
    remote = is_remote(source) and not source.startswith(IMAGE_SCHEMES)
    return remote and not _COMMIT.search(source)


def is_folder(source: str) -> bool:
    """Whether an additional context is a folder (else it is an image or a URL)."""
    return not source.startswith(IMAGE_SCHEMES) and not is_remote(source)


def _no_such_image(name: str, key: str, source: str, at: Location, owners: Owners) -> SpecError:
    return SpecError(
        f'context "{key}" of image "{name}": "{source}" names no other image of this file',
        at=at,
        details=(("declared", ", ".join(sorted(owners.images))),),
        hint=f"write {PULLED}NAME for an image from a registry",
    )


def _called(edge: Edge) -> str:
    """An upstream by what the Dockerfile calls it, since ``needs`` can swap two of them."""
    names = " ".join(sorted(edge.names))
    return edge.needs if names in {"", edge.needs} else f"{edge.needs} as {names}"


def _from_dockerfile(use: ImageUse, file: str) -> Mention:
    shown = (
        f"{use.instruction} {use.written}"
        if use.instruction == "FROM"
        else (f"{use.instruction}={use.written}")
    )
    return Mention(use.reference, use.reference, Location(file, use.line), shown)


def _unique(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """The first mention of each name."""
    found: dict[str, Mention] = {}
    for one in mentions:
        found.setdefault(one.name, one)
    return tuple(found.values())
