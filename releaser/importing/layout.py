"""Images out of Dockerfiles: what they are called, their contexts, and their targets."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from releaser.core.dockerfile import Dockerfile, PathUse, Stage, TargetUse, target_use
from releaser.errors import SpecError
from releaser.importing.draft import ImageDraft, Value
from releaser.importing.renaming import legal
from releaser.importing.scan import Scan
from releaser.interfaces import Contexts

GENERIC_FOLDERS = frozenset(
    {"docker", "dockerfile", "dockerfiles", "build", "deploy", "container", "containers", "ci"}
    | {"image", "images"}
)
"""Folders that say nothing of what is in them."""
GENERIC_STAGES = frozenset(
    {"final", "image", "main", "prod", "production", "release", "run", "runner", "runtime"}
)
TEST_STAGES = frozenset(
    {"check", "checks", "coverage", "e2e", "fmt", "lint", "linter", "test", "testing", "tests"}
    | {"unit", "unit-test", "unit-tests", "validate", "verify", "vet"}
)
VARIANTS = frozenset(
    {"alpine", "arm", "arm64", "armhf", "ci", "cuda", "debian", "debug", "dev", "development"}
    | {"distroless", "gpu", "local", "prod", "production", "release", "rootless", "slim"}
    | {"staging", "test", "tests", "ubuntu", "windows"}
)
"""Endings of a Dockerfile's name that tell variants of one thing apart."""

_FIRST = re.compile(r"(?:dockerfile|containerfile)(?:[._-](.+))?", re.IGNORECASE)
_LAST = re.compile(r"(.+)\.(?:dockerfile|containerfile)", re.IGNORECASE)


@dataclass(slots=True)
class Names:
    """Gives each image a name of its own."""

    project: str
    taken: set[str] = field(default_factory=set)

    def of(self, wanted: str, folder: str) -> str:
        """``wanted`` where it is free, else with the folders above it, else with a number."""
        above = [part for part in folder.split("/") if part not in {"", "."}]
        found = legal(wanted.lower())
        while found in self.taken and above:
            part = legal(above.pop().lower())
            found = found if found.startswith(f"{part}-") or found == part else f"{part}-{found}"
        number, free = 1, found
        while free in self.taken:
            number += 1
            free = f"{found}-{number}"
        self.taken.add(free)
        return free


def images_of(
    scan: Scan,
    root: str,
    contexts: Contexts,
    names: Names,
    covered: AbstractSet[str] = frozenset(),
) -> Iterator[ImageDraft]:
    """The images of all Dockerfiles but those that are ``covered``, in the order of their paths."""
    for path, dockerfile in scan.dockerfiles.items():
        if path not in covered:
            yield from _images(path, dockerfile, scan, root, contexts, names)


def _images(
    path: str, dockerfile: Dockerfile, scan: Scan, root: str, contexts: Contexts, names: Names
) -> Iterator[ImageDraft]:
    folder = posixpath.dirname(path) or "."
    called, whose = base_name(path, names.project)
    chosen, tests = targets(dockerfile)
    context = _context(path, dockerfile, chosen, scan, root, contexts)
    comments = [f"From {path}" + (f", {len(dockerfile.stages)} stages." if tests else ".")]
    if tests:
        comments.append(f"Left out, since they only test: {', '.join(tests)}.")
    for stage in chosen:
        name = called
        if len(chosen) > 1 and not (stage is chosen[-1] and stage.name in {None, *GENERIC_STAGES}):
            name = f"{called}-{stage.name}" if whose else str(stage.name)
        fields: dict[str, Value] = {"context": context}
        shown = posixpath.relpath(path, context)
        if shown != "Dockerfile":
            fields["dockerfile"] = shown
        if len(chosen) > 1 or stage is not dockerfile.stages[-1]:
            fields["target"] = stage.name
        more = [*comments, *_asked(dockerfile, stage)]
        yield ImageDraft(names.of(name, folder), fields, tuple(more))


def base_name(path: str, project: str) -> tuple[str, bool]:
    """What a Dockerfile's image is called, and whether that names its folder (or file)."""
    folder, _, name = path.rpartition("/")
    parts = folder.split("/") if folder else []
    while parts and parts[-1].lower() in GENERIC_FOLDERS:
        parts.pop()
    own = parts[-1] if parts else ""
    found = _FIRST.fullmatch(name) or _LAST.fullmatch(name)
    ending = (found[1] or "").lower() if found else ""
    if not ending:
        return own or project, bool(own)
    if ending in VARIANTS:
        return f"{own or project}-{ending}", True
    if ending == "base" and not own:
        return "base", True
    return (ending if not own or own == ending else f"{own}-{ending}"), True


def targets(dockerfile: Dockerfile) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """The stages that are images of their own, and those left out because they only test.

    A stage is one where no other stage is built on it or copies from it. There is always one: the
    last stage where nothing else is found.
    """
    last = dockerfile.stages[-1]
    used = {one for stage in dockerfile.stages for one in _reached(dockerfile, stage)}
    leaves = [
        one for one in dockerfile.stages if one.index not in used and (one.name or one is last)
    ]
    tests = [one for one in leaves if one.name in TEST_STAGES and one is not last]
    kept = tuple(one for one in leaves if one not in tests) or (last,)
    return kept, tuple(one.title for one in tests)


def _reached(dockerfile: Dockerfile, stage: Stage) -> Iterator[int]:
    """The other stages that one reaches; none where its text cannot be followed."""
    use = stage_use(dockerfile, stage)
    for one in use.stages if use else ():
        if one.index != stage.index:
            yield one.index


def stage_use(dockerfile: Dockerfile, stage: Stage) -> TargetUse | None:
    """What a stage uses; ``None`` where its text cannot be followed."""
    # Nothing below a stage counts for it, and one without a name is only reached as the last.
    above = replace(dockerfile, stages=dockerfile.stages[: stage.index + 1])
    try:
        return target_use(above, None, {})
    except SpecError:
        return None


def _context(
    path: str,
    dockerfile: Dockerfile,
    chosen: Iterable[Stage],
    scan: Scan,
    root: str,
    contexts: Contexts,
) -> str:
    """The nearest folder above a Dockerfile that has everything, else most, of what it copies."""
    folder = posixpath.dirname(path) or "."
    used = [use for one in chosen for use in _sources(dockerfile, one)]
    places = [folder]
    while places[-1] != ".":
        places.append(posixpath.dirname(places[-1]) or ".")
    if folder.rpartition("/")[2].lower() in GENERIC_FOLDERS and not scan.beside[path]:
        places = [*places[1:], places[0]]  # a folder of Dockerfiles has nothing to copy
    at = posixpath.join(root, path)
    missing = {one: _missing(contexts, posixpath.join(root, one), at, used) for one in places}
    return min(places, key=lambda one: missing[one])


def _sources(dockerfile: Dockerfile, stage: Stage) -> Iterator[PathUse]:
    """What a stage copies by name; the whole context is there in every folder."""
    found = stage_use(dockerfile, stage)
    for use in found.paths if found else ():
        named = tuple(one for one in use.sources if one != ".")
        if use.context is None and named:
            yield replace(use, sources=named)


def _missing(contexts: Contexts, folder: str, dockerfile: str, uses: Iterable[PathUse]) -> int:
    wanted = list(dict.fromkeys(uses))
    if not wanted:
        return 0
    try:
        return len(contexts.files(posixpath.normpath(folder), dockerfile, wanted).missing)
    except SpecError:
        return len(wanted) + 1


def _asked(dockerfile: Dockerfile, stage: Stage) -> Iterator[str]:
    """What a build asks for and nobody can guess: secrets, as a line to be completed."""
    found = stage_use(dockerfile, stage)
    mounts = [
        value
        for one in (found.stages if found else ())
        for instruction in one.instructions
        for value in instruction.flags_named("mount")
    ]
    ids = [_secret_id(one) for one in mounts if "type=secret" in one.split(",")]
    for name in dict.fromkeys(one for one in ids if one):
        variable = re.sub(r"\W", "_", name).upper()
        yield f"It mounts a secret: secrets: [{{id: {name}, env: {variable}}}]"
    if any("type=ssh" in one.split(",") for one in mounts):
        yield "It mounts the SSH agent: ssh: default"


def _secret_id(mount: str) -> str:
    fields = dict(one.partition("=")[::2] for one in mount.split(","))
    return fields.get("id") or posixpath.basename(fields.get("target", ""))
