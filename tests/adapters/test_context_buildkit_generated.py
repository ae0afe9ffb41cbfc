"""Generated contexts, built by BuildKit and held against what DiskContexts says is used of them.

For every source of every instruction the test works out where each file that we call used must be
in the image. What the image holds is then exactly that: paths, kinds, modes, bytes and the targets
of links, nothing missing and nothing more. Three things that count for us leave no trace in an
image, and that is inherent: a link that a source leads through (turned elsewhere, it would bring
other files), the folder that a source names (only what it holds is copied; its mode is seen by a
bind mount), and of two files that are copied to one name the earlier one.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from releaser.core.dockerfile import PathUse, target_use
from releaser.core.facts import ContextFacts, ContextFile
from releaser.core.ignore import Glob, glob
from releaser.errors import SpecError
from releaser.sources.context import DiskContexts
from releaser.sources.dockerfiles import read_ignore
from releaser.sources.lookup import follow
from releaser.sources.tree import Tree
from tests.generated_contexts import Case, Instruction, case

pytestmark = pytest.mark.engine

KINDS = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symlink"}
BATCH = 40
RUN = f"r{uuid4().hex}"
"""Begins the names of this run's stages."""
EMPTY = hashlib.sha256(b"").hexdigest()
Held = tuple[str, int, str]
"""What is at a place: kind, mode, and the hash of the bytes or of a link's target."""


@dataclass(frozen=True)
class Taking:
    """An instruction of a case, and what we say that it takes."""

    instruction: Instruction
    use: PathUse
    facts: ContextFacts
    tree: Tree

    def places(self) -> dict[str, set[Held]]:
        """What may be at each place of the image."""
        found: dict[str, set[Held]] = defaultdict(set)
        for pattern in self._patterns():
            for name, top in _tops(self.tree, pattern):
                for file in self.facts.files:
                    place = self._place(file, name, top)
                    if place:
                        found[place].add((file.kind, file.mode, file.digest))
        return dict(found)

    @property
    def idle(self) -> bool:
        """Whether a pattern matches nothing.

        BuildKit then might lack the folder in front of it, since for a pattern it only gets what
        matches; unless something takes the whole context.
        """
        return not all([*_tops(self.tree, pattern)] for pattern in self._patterns())

    def _patterns(self) -> list[Glob]:
        return [glob(source, literal=self.use.literal) for source in self.use.sources]

    def _place(self, file: ContextFile, name: str, top: str) -> str:
        if file.path == top and file.kind != "directory":
            return "o" if self.instruction.keyword == "RUN" else name.rpartition("/")[2]
        prefix = f"{top}/" if top else ""
        return file.path.removeprefix(prefix) if file.path.startswith(prefix) else ""


def _tops(tree: Tree, pattern: Glob) -> Iterator[tuple[str, str]]:
    """What a source names, and where that leads: a file, or the folder whose insides are copied."""
    base = follow(tree, pattern.base)
    if base is None:
        return
    matches = [pattern.base]
    if not pattern.literal:
        start = len(base.path) + 1 if base.path else 0
        entries = tree.below(base.path)
        matches = [one.path for one in entries if pattern.matches(one.path[start:])]
    for match in matches:
        trail = follow(tree, match)
        if trail is not None:
            yield match, trail.path


@dataclass(frozen=True)
class Laid:
    """A case on disk: the Dockerfile of all that should succeed, and one of each that should not.

    ``refused`` holds the instructions of which we say that a source is missing, or a pattern is
    malformed.
    """

    case: Case
    root: Path
    dockerfile: Path
    taken: tuple[Taking, ...]
    refused: tuple[Path, ...]

    @property
    def context(self) -> str:
        return str(self.root / "context")


def lay(seed: int, folder: Path) -> Laid:
    """Write the case of a seed to the disk and ask what each of its instructions takes."""
    made, root = case(seed), folder / str(seed)
    made.lay(root)
    asked = [ask(made, root, number, one) for number, one in enumerate(made.instructions)]
    taken = [one for one in asked if isinstance(one, Taking)]
    refused = tuple(one for one in asked if isinstance(one, Path))
    if taken and (made.odd or any(one.idle for one in taken)):
        all_of_it = ask(made, root, len(asked), Instruction("COPY", (".",)))
        assert isinstance(all_of_it, Taking)
        taken.append(all_of_it)
    return Laid(made, root, _together(made, root, taken), tuple(taken), refused)


def ask(made: Case, root: Path, number: int, instruction: Instruction) -> Taking | Path:
    """What we say that an instruction takes, or a Dockerfile of it where we say that it fails."""
    path = made.dockerfile(root, f"alone-{number}", instruction.stage(f"{RUN}-{made.seed}"))
    context = str(root / "context")
    contexts = DiskContexts()
    try:
        (use,) = target_use(contexts.dockerfile(str(path)), None, {}).paths
        facts = contexts.files(context, str(path), [use])
    except SpecError:
        return path
    tree = Tree(context, read_ignore(context, str(path)).parse())
    return path if facts.missing else Taking(instruction, use, facts, tree)


def _together(made: Case, root: Path, taken: Sequence[Taking]) -> Path:
    """One Dockerfile of several instructions, each of which gets a folder of the image."""
    names = [f"{RUN}-{made.seed}-{number}" for number in range(len(taken))]
    stages = [one.instruction.stage(name) for name, one in zip(names, taken, strict=True)]
    copies = [f"COPY --from={name} / /{number}/\n" for number, name in enumerate(names)]
    text = "".join([*stages, "FROM scratch\n", *copies])
    return made.dockerfile(root, "all", text)


def bake(laid: Sequence[Laid], folder: Path) -> None:
    """Build all cases in one go; the image of each is in ``image.tar`` of its folder."""
    targets = {
        f"t{one.case.seed}": {
            "context": one.context,
            "dockerfile": str(one.dockerfile),
            "output": [f"type=tar,dest={one.root}/image.tar"],
        }
        for one in laid
        if one.taken
    }
    file = folder / "bake.json"
    file.write_text(json.dumps({"group": {"default": {"targets": [*targets]}}, "target": targets}))
    command = ["docker", "buildx", "bake", "--allow=fs=*", "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def held(laid: Laid) -> list[dict[str, Held]]:
    """What the image of a case holds: for each instruction, what is where."""
    found: list[dict[str, Held]] = [{} for _ in laid.taken]
    if not found:
        return found
    with tarfile.open(laid.root / "image.tar") as archive:
        for one in archive.getmembers():
            number, _, path = one.name.rstrip("/").partition("/")
            if path and not path.startswith(RUN):
                found[int(number)][path] = (KINDS[one.type], one.mode, _digest(archive, one))
    return found


def _digest(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.isdir():
        return ""
    file = archive.extractfile(member) if member.isreg() else None
    content = file.read() if file else member.linkname.encode()
    return hashlib.sha256(content).hexdigest()


def differences(laid: Laid) -> list[str]:
    """What the image of a case holds otherwise than we say; empty where all is well."""
    found: list[str] = []
    for one, image in zip(laid.taken, held(laid), strict=True):
        places = one.places()
        label = f"seed {laid.case.seed}, {one.instruction}, ignore {laid.case.ignore!r}"
        more = () if one.instruction.unsure else places.keys() - image.keys()
        found += [f"{label}: only we say {path!r}" for path in more]
        found += [f"{label}: only the image has {path!r}" for path in image.keys() - places.keys()]
        found += [
            f"{label}: {path!r} is {image[path]}, we say {places[path]}"
            for path in image.keys() & places.keys()
            if image[path] not in places[path] and not _emptied(image[path], laid.case)
        ]
    return found


def _emptied(one: Held, made: Case) -> bool:
    """Whether a file came without its bytes, as BuildKit brings it where its two looks disagree.

    It lists a file that a ``!`` rule includes again, and then will not read it, since another rule
    excludes the folder. Here the bytes count although they do not arrive.
    """
    return one[0] == "file" and one[2] == EMPTY and "!" in (made.ignore or "")


def builds(laid: Laid, dockerfile: Path) -> bool:
    """Whether BuildKit builds a Dockerfile of a case."""
    command = ["docker", "buildx", "build", "--quiet", "--output=type=cacheonly"]
    done = subprocess.run(
        [*command, "--file", str(dockerfile), laid.context],
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode == 0


def compare(seeds: range, folder: Path) -> list[Laid]:
    """Build the cases of some seeds; asserts that the images hold what we say."""
    laid = [lay(seed, folder) for seed in seeds]
    for start in range(0, len(laid), BATCH):
        bake(laid[start : start + BATCH], folder)
    found = [line for one in laid for line in differences(one)]
    assert found == [], "\n".join(found)
    return laid


def wrongly_refused(laid: Sequence[Laid]) -> list[str]:
    """The Dockerfiles that we refuse and BuildKit builds."""
    pairs = [(one, dockerfile) for one in laid for dockerfile in one.refused]
    return [f"{path}: {path.read_text()}" for one, path in pairs if builds(one, path)]


def test_images_hold_what_we_say(tmp_path: Path) -> None:
    laid = compare(range(64), tmp_path)
    taken = [one for case in laid for one in case.taken]
    kinds = {file.kind for one in taken for file in one.facts.files}
    assert kinds == {"file", "directory", "symlink"}
    assert sum(bool(one.facts.files) for one in taken) > 100
    assert wrongly_refused(laid[:12]) == []


@pytest.mark.slow
@pytest.mark.parametrize("start", range(64, 364, 100))
def test_more_images_hold_what_we_say(tmp_path: Path, start: int) -> None:
    assert wrongly_refused(compare(range(start, start + 100), tmp_path)) == []
