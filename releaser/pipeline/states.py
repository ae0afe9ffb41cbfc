"""What the spec and the lock said of each image in commits of the past."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from releaser.core.fingerprint import NOT_COUNTED
from releaser.core.lock import Lock
from releaser.core.oci import Digest
from releaser.core.resolve import ResolvedImage
from releaser.core.spec.blocks import Blocks
from releaser.errors import SpecError
from releaser.pipeline.request import Project

K = TypeVar("K")
T = TypeVar("T")
Said = Mapping[str, object]
MOST_KEPT = 8


@dataclass(frozen=True, slots=True)
class SpecText:
    """A spec in a commit: its own text, and those of the files that it includes, by path."""

    text: bytes
    others: tuple[tuple[str, bytes], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether each image stands in it for itself, so that it can be read by parts."""
        return not self.others and not any(word in self.text for word in _WOVEN)


_WOVEN = (b"extends", b"matrix", b"include", b"profiles", b"groups")


class _Kept(Generic[K, T]):
    """What was read of the last few texts."""

    def __init__(self) -> None:
        self._found: OrderedDict[K, T] = OrderedDict()

    def once(self, text: K, read: Callable[[K], T]) -> T:
        """What ``read`` says of ``text``."""
        if text not in self._found:
            self._found[text] = read(text)
            if len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)
        self._found.move_to_end(text)
        return self._found[text]


@dataclass(frozen=True)
class States:
    """Compares states of the spec and of the lock, image by image.

    The last few that were read are kept: what came after one commit is before the next.
    """

    project: Project
    resolved: Mapping[str, ResolvedImage]
    _parts: _Kept[bytes, Blocks | None] = field(default_factory=_Kept)
    _specs: _Kept[SpecText, Said | None] = field(default_factory=_Kept)
    _locks: _Kept[bytes, Said | None] = field(default_factory=_Kept)

    def unlike_spec(self, texts: Sequence[SpecText | None]) -> frozenset[str]:
        """The images of which the last spec says something else than each one before."""
        if len(set(texts)) == 1:
            return frozenset()
        if not all(one is None or one.is_plain for one in texts):
            return self._unlike([self._whole(text) for text in texts])
        parts = [self._blocks(text) for text in texts]
        last = parts[-1]
        if last and all(
            one and (one.before, one.after) == (last.before, last.after) for one in parts
        ):
            some = [one for one in parts if one]
            names = {name for one in some for name in one.images}
            unlike = {name for name in names if len({one.images.get(name) for one in some}) > 1}
            found = [self._part(one, unlike) for one in some]
            if None not in found:
                return self._unlike(found)
        return self._unlike([self._whole(text) for text in texts])

    def unlike_lock(self, texts: Sequence[bytes | None]) -> frozenset[str]:
        """The images of whose bases the last lock says something else than each one before."""
        if len(set(texts)) == 1:
            return frozenset()
        return self._unlike([self._locked(text) for text in texts])

    def _unlike(self, states: Sequence[Said | None]) -> frozenset[str]:
        *before, after = states
        return frozenset(
            one
            for one in self.resolved
            if all(
                state is None or after is None or state.get(one) != after.get(one)
                for state in before
            )
        )

    def _blocks(self, spec: SpecText | None) -> Blocks | None:
        return self._parts.once(spec.text, Blocks.find) if spec is not None else None

    def _part(self, blocks: Blocks, images: Collection[str]) -> Said | None:
        if not any(name in blocks.images for name in images):
            return {}
        return self._read(SpecText(blocks.only(images)))

    def _whole(self, spec: SpecText | None) -> Said | None:
        return self._specs.once(spec, self._read) if spec is not None else {}

    def _read(self, text: SpecText) -> Said | None:
        """What a spec says of each image, as far as it matters; ``None`` where it is unknown."""
        try:
            spec = self.project.read(text.text, dict(text.others))
        except SpecError:
            return None
        left_out = set(NOT_COUNTED)
        return {name: image.model_dump(exclude=left_out) for name, image in spec.images.items()}

    def _locked(self, text: bytes | None) -> Said | None:
        """The digests that a lock gives each image's bases; ``None`` where it is unknown."""
        return self._locks.once(text, self._pinned) if text is not None else self._pins(Lock())

    def _pinned(self, text: bytes) -> Said | None:
        from releaser.loader import load_lock

        try:
            return self._pins(load_lock(text, "the lock"))
        except SpecError:
            return None

    def _pins(self, lock: Lock) -> Said:
        return {name: _digests(image, lock) for name, image in self.resolved.items()}


def _digests(image: ResolvedImage, lock: Lock) -> list[Digest | None]:
    found = (lock.of(base.reference) for base in image.bases)
    return [one.digest if one else None for one in found]
