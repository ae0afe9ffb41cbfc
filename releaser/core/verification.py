"""What the registries hold against what they should: claims, what was found, the differences.

A *claim* says what a reference should name. Where it stands for a line of versions, it should name
the highest version of its line that the registry has and that was not rolled back, which may be a
newer one than the claim was made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from releaser.core.facts import FINGERPRINT_LABEL, IMAGE_LABEL
from releaser.core.oci import Digest, Flaw, Platform, Reference
from releaser.core.tagging import WantedTag, highest_in_line
from releaser.core.version import Version

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """A reference of an image, and the digest that it should name.

    ``digest`` is ``None`` where nobody has said which: then it is the one that the image has under
    the first of its full versions. ``wanted`` is the tag's rule, where the spec has it.
    """

    image: str
    registry: str
    reference: Reference
    digest: Digest | None = None
    wanted: WantedTag | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """What the content of an image should be: its platforms (any, where none is named), and the
    fingerprint that its label has (any, where it is empty)."""

    platforms: tuple[Platform, ...] = ()
    fingerprint: str = ""


ANY = Demand()


@dataclass(frozen=True, slots=True)
class Named:
    """What a reference names, its bytes hashed: ``None`` is nothing; perhaps not what it says."""

    digest: Digest | None
    corrupt: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What is behind a digest in a repository."""

    flaws: tuple[Flaw, ...] = ()
    platforms: tuple[Platform, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A registry would not say: of what, and its words."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Out:
    """The full versions of an image that a registry has, in order, and those rolled back.

    ``digests`` are those of the versions that lines stand for.
    """

    released: Sequence[Version] = ()
    withdrawn: frozenset[Version] = frozenset()
    digests: Mapping[Version, Digest] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What the registries say: of references, of digests in repositories, of versions by image
    and registry. What would not be said is missing."""

    named: Mapping[Reference, Named] = field(default_factory=dict)
    contents: Mapping[Reference, Content] = field(default_factory=dict)
    out: Mapping[tuple[str, str], Out] = field(default_factory=dict)
    unsaid: tuple[Unsaid, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be: what, where, and both sides."""

    what: str
    where: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what came of it."""

    project: str
    claims: tuple[Claim, ...]
    differences: tuple[Difference, ...]
    unsaid: tuple[Unsaid, ...] = ()


def line_version(claim: Claim, out: Out) -> Version | None:
    """The version that a line's tag should stand for; ``None`` where the tag is of no line."""
    if claim.wanted is None or not claim.wanted.is_line:
        return None
    return highest_in_line(claim.wanted, out.released, out.withdrawn)


def differences(
    project: str, claims: Sequence[Claim], demands: Mapping[str, Demand], found: Found
) -> tuple[Difference, ...]:
    """In what the registries differ from ``claims``, in their order; ``demands`` are by image."""
    return tuple(dict.fromkeys(_differences(project, claims, demands, found)))


def _differences(
    project: str, claims: Sequence[Claim], demands: Mapping[str, Demand], found: Found
) -> Iterator[Difference]:
    for image in dict.fromkeys(claim.image for claim in claims):
        own = [claim for claim in claims if claim.image == image]
        first = _first(own, found)
        yield from _apart(image, own)
        for claim in own:
            named = found.named.get(claim.reference)
            if named is not None:
                yield from _naming(claim, named, first, found)
        ours = _own_digests(own, first)
        for place in _places(own, found):
            demand = demands.get(image, ANY) if place.digest in ours else ANY
            yield from _content(project, image, place, found.contents[place], demand)


def _first(claims: Iterable[Claim], found: Found) -> Digest | None:
    """What an image is where nobody has said it: what its first full version names."""
    named = (found.named.get(claim.reference) for claim in claims if claim.full)
    return next((one.digest for one in named if one and one.digest), None)


def _own_digests(claims: Sequence[Claim], first: Digest | None) -> set[Digest | None]:
    """The digests of the version that is looked at: a line may be at another one."""
    full = [claim for claim in claims if claim.full] or claims
    return {first, *(claim.digest for claim in full)}


def _apart(image: str, claims: Iterable[Claim]) -> Iterator[Difference]:
    """Full versions that should be one image in all registries, and are claimed to be several."""
    full = {one.registry: one.digest for one in claims if one.full and one.digest}
    if len(set(full.values())) > 1:
        (name, digest), *others = full.items()
        for other, found in others:
            if found != digest:
                expected = f"{digest} as in {name}"
                yield Difference("registries differ", f"{image} in {other}", expected, str(found))


def _naming(claim: Claim, named: Named, first: Digest | None, found: Found) -> Iterator[Difference]:
    where = str(claim.reference)
    expected, because = _expected(claim, first, found)
    if named.corrupt:
        yield Difference("corrupt", where, "bytes with their own digest", "other bytes")
    elif named.digest is None:
        yield Difference("missing", where, _shown(expected, because), "nothing")
    elif expected is not None and named.digest != expected:
        what = "not the highest version" if because else "other digest"
        yield Difference(what, where, _shown(expected, because), str(named.digest))


def _expected(claim: Claim, first: Digest | None, found: Found) -> tuple[Digest | None, str]:
    """The digest that a reference should name, and the version that says so in a line.

    A line for which no version is left may name anything: there is nowhere to put it.
    """
    own = claim.digest or first
    out = found.out.get((claim.image, claim.registry))
    if out is None:
        return own, ""
    version = line_version(claim, out)
    if version is None:
        is_line = claim.wanted is not None and claim.wanted.is_line
        return (None if is_line else own), ""
    if claim.wanted is not None and version == claim.wanted.version:
        return own or out.digests.get(version), str(version)
    return out.digests.get(version), str(version)


def _shown(digest: Digest | None, because: str) -> str:
    text = str(digest) if digest else "an image"
    return f"{text} ({because})" if because else text


def _places(claims: Iterable[Claim], found: Found) -> list[Reference]:
    """Where the content of an image is, each place once."""
    places: dict[Reference, None] = {}
    for claim in claims:
        named = found.named.get(claim.reference)
        if named is not None and named.digest is not None:
            places[claim.reference.repository.at(named.digest)] = None
    return [place for place in places if place in found.contents]


def _content(
    project: str, image: str, place: Reference, content: Content, demand: Demand
) -> Iterator[Difference]:
    where = str(place)
    for flaw in content.flaws:
        yield Difference("incomplete", where, str(flaw.digest), flaw.why)
    if content.flaws:
        return  # platforms and labels are read from what may be missing
    if demand.platforms and set(demand.platforms) != set(content.platforms):
        expected, there = _listed(demand.platforms), _listed(content.platforms)
        yield Difference("platforms", where, expected, there)
    name = content.labels.get(IMAGE_LABEL, "nothing")
    if name != f"{project}/{image}":
        yield Difference(f"label {IMAGE_LABEL}", where, f"{project}/{image}", name)
    print_ = content.labels.get(FINGERPRINT_LABEL, "nothing")
    if print_ == "nothing" or (demand.fingerprint and print_ != demand.fingerprint):
        expected = demand.fingerprint or "a fingerprint"
        yield Difference(f"label {FINGERPRINT_LABEL}", where, expected, print_)


def _listed(platforms: Iterable[Platform]) -> str:
    return ", ".join(sorted(map(str, platforms))) or "none"
