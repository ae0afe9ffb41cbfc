"""Whole projects by Hypothesis, each with the changes that count for one of its images or do not.

An image is put together from *parts*. A part brings instructions, files and fields of the spec, and
says what a change of each of them means. So a test knows what must follow without asking the code
under test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from releaser.core.oci import Digest, Reference
from tests.world import BASE, BUSYBOX, ROOT, World

TOOLS = Reference.parse("tools:1")
NEWER = Digest("sha256:" + "e" * 64)
REGISTRIES = {"one": "one.example/shop", "two": "two.example/shop"}
FOREIGN = "linux/s390x"


@dataclass(frozen=True)
class Image:
    """One image: its stages by name in the file's order, its files and modes, its fields."""

    name: str
    stages: Mapping[str, tuple[str, ...]]
    files: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, object] = field(default_factory=dict)
    head: tuple[str, ...] = ()

    def dockerfile(self) -> str:
        """The text of its Dockerfile."""
        lines = [*self.head, *(line for stage in self.stages.values() for line in stage)]
        return "\n".join(lines) + "\n"

    def with_files(self, **files: str | None) -> Image:
        """The same with other files (``None``: without); ``__`` stands for a slash, ``_`` a dot."""
        named = {k.replace("__", "/").replace("_", "."): text for k, text in files.items()}
        kept = {k: text for k, text in {**self.files, **named}.items() if text is not None}
        return replace(self, files=kept)

    def with_fields(self, **fields: object) -> Image:
        """The same with other fields; a map is merged into the one that is there."""
        merged = {key: _merged(self.fields.get(key), value) for key, value in fields.items()}
        return replace(self, fields={**self.fields, **merged})

    def adding(self, stage: str, *lines: str) -> Image:
        """The same with more instructions at the end of a stage."""
        return replace(self, stages={**self.stages, stage: (*self.stages[stage], *lines)})

    def editing(self, old: str, new: str) -> Image:
        """The same with a text of the Dockerfile replaced."""
        assert old in self.dockerfile()
        stages = {
            name: tuple(line.replace(old, new) for line in lines)
            for name, lines in self.stages.items()
        }
        return replace(self, stages=stages)


def _merged(old: object, new: object) -> object:
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new


Edit = Callable[[Image], Image]


@dataclass(frozen=True)
class Part:
    """Something that an image may have; edits by what they do."""

    add: Edit
    counts: Mapping[str, Edit]
    does_not: Mapping[str, Edit] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """Images in dependency order, and the digests of the base images."""

    images: tuple[Image, ...]
    needs: Mapping[str, tuple[str, ...]]
    registries: Sequence[str] = ("one",)
    bases: Mapping[Reference, Digest] = field(default_factory=lambda: {BUSYBOX: BASE, TOOLS: NEWER})

    def dependants(self, name: str) -> set[str]:
        """An image and all that stand on it."""
        found = {name}
        for image in self.images:  # upstreams first
            if found & set(self.needs[image.name]):
                found.add(image.name)
        return found

    def editing(self, name: str, edit: Edit) -> Project:
        """The same with one image changed."""
        images = tuple(edit(image) if image.name == name else image for image in self.images)
        return replace(self, images=images)

    def spec(self) -> str:
        """Its ``images.yaml`` (JSON is YAML)."""
        images = {
            one.name: {"context": one.name, "tags": ["latest"], **one.fields} for one in self.images
        }
        registries = {name: REGISTRIES[name] for name in self.registries}
        return json.dumps(
            {"version": "1", "project": "shop", "registries": registries, "images": images}
        )

    def files(self) -> dict[str, str]:
        """Its files by path from its root."""
        return {
            f"{image.name}/{path}": text
            for image in self.images
            for path, text in {"Dockerfile": image.dockerfile(), **image.files}.items()
        }

    def into(self, world: World) -> None:
        """Let ``world`` be this project."""
        world.spec = self.spec()
        world.files = {f"{ROOT}/{path}": text for path, text in self.files().items()}
        world.modes = {
            f"{ROOT}/{image.name}/{path}": mode
            for image in self.images
            for path, mode in image.modes.items()
        }
        world.engine.bases = dict(self.bases)

    def world(self) -> World:
        """A world that is this project."""
        made = World(self.spec(), {})
        self.into(made)
        return made

    def prints(self) -> dict[str, str]:
        """The fingerprint of each image."""
        return {one.name: str(one.fingerprint) for one in self.world().plan().images}


def _mode(path: str, mode: int) -> Edit:
    return lambda image: replace(image, modes={**image.modes, path: mode})


def _line(stage: str, *lines: str) -> Edit:
    return lambda image: image.adding(stage, *lines)


def _edit(old: str, new: str) -> Edit:
    return lambda image: image.editing(old, new)


def _files(**files: str | None) -> Edit:
    return lambda image: image.with_files(**files)


def _fields(**fields: object) -> Edit:
    return lambda image: image.with_fields(**fields)


def _all(*edits: Edit) -> Edit:
    def edit(image: Image) -> Image:
        for one in edits:
            image = one(image)
        return image

    return edit


PARTS: dict[str, Part] = {
    "file": Part(
        _all(_line("main", "COPY one.txt /one"), _files(one_txt="1")),
        {
            "its bytes": _files(one_txt="2"),
            "it may be run": _mode("one.txt", 0o755),
            "its path": _all(_files(one_txt=None, uno_txt="1"), _edit("COPY one", "COPY uno")),
            "where it goes": _edit("COPY one.txt /one", "COPY one.txt /two"),
            "ownership": _edit("COPY one", "COPY --chown=1:1 one"),
        },
        {"a file beside it": _files(two_txt="2"), "who may read it": _mode("one.txt", 0o600)},
    ),
    "folder": Part(
        _all(_line("main", "COPY src /src"), _files(src__a_py="a", src__b__c_py="c")),
        {
            "a file of it": _files(src__b__c_py="d"),
            "a file more": _files(src__b__d_py=""),
            "a file less": _files(src__b__c_py=None),
            "a file renamed": _files(src__a_py=None, src__A_py="a"),
            "two files swapped": _files(src__a_py="c", src__b__c_py="a"),
            "an empty folder": lambda image: replace(image, files={**image.files, "src/e/": ""}),
            "a file of it may be run": _mode("src/a.py", 0o711),
            "a folder of it is sticky": _mode("src/b", 0o1755),
        },
        {"another folder": _files(srcs__a_py="a"), "who may enter": _mode("src/b", 0o700)},
    ),
    "pattern": Part(
        _all(_line("main", "COPY *.md docs/?.rst /docs/"), _files(a_md="a", docs__a_rst="r")),
        {"one more": _files(b_md="b"), "below": _files(docs__b_rst=""), "bytes": _files(a_md="b")},
        {
            "no match": _files(b_mdx="b"),
            "too deep": _files(docs__x__a_rst=""),
            "long": _files(docs__ab_rst=""),
        },
    ),
    "ignored": Part(
        _all(
            _line("main", "COPY all /all"),
            _files(all__x_py="x", all__x_log="1", all__tmp__y="y", all__tmp__keep="k"),
            lambda image: replace(
                image, files={**image.files, ".dockerignore": "**/*.log\nall/tmp\n!all/tmp/keep\n"}
            ),
        ),
        {
            "the one kept": _files(all__tmp__keep="l"),
            "no longer ignored": lambda image: replace(
                image, files={**image.files, ".dockerignore": "all/tmp\n!all/tmp/keep\n"}
            ),
        },
        {
            "ignored bytes": _files(all__x_log="2"),
            "ignored and new": _files(all__z_log="2", all__tmp__more__z=""),
            "rules that change nothing": lambda image: replace(
                image,
                files={**image.files, ".dockerignore": "#\n/all/tmp/\n\n*/*.log\n!/all/tmp/keep"},
            ),
        },
    ),
    "stage": Part(
        _all(
            _line("build", "COPY in.txt /in", "RUN make --fast"),
            _files(in_txt="i"),
            _line("main", "COPY --from=build /in /out"),
        ),
        {"its file": _files(in_txt="j"), "its instruction": _edit("--fast", "--slow")},
    ),
    "unused stage": Part(
        _all(_line("never", "ARG NEVER=1", "COPY never.txt /", "RUN never"), _files(never_txt="")),
        {"used after all": _line("main", "COPY --from=never /never.txt /")},
        {
            "its file": _files(never_txt="2"),
            "its instruction": _edit("RUN never", "RUN ever"),
            "its argument": _fields(args={"NEVER": "2"}),
            "its base": _edit("FROM busybox AS never", "FROM tools:1 AS never"),
        },
    ),
    "mount": Part(
        _all(
            _line("main", "RUN --mount=type=bind,source=data,target=/d --network=none use /d"),
            _files(data__f="f"),
        ),
        {
            "its file": _files(data__f="g"),
            "one more": _files(data__g=""),
            "how": _edit("--network=none", "--network=default"),
        },
    ),
    "argument": Part(
        _line("main", "ARG MODE=fast", "RUN go $MODE"),
        {
            "its value": _fields(args={"MODE": "slow"}),
            "its default": _edit("MODE=fast", "MODE=slow"),
            "no value at all": _fields(args={"MODE": ""}),
        },
        {"the same value": _fields(args={"MODE": "fast"}), "undeclared": _fields(args={"NO": "1"})},
    ),
    "remote": Part(
        _line("main", "ADD --checksum=sha256:" + "1" * 64 + " https://example.com/f /f"),
        {"its URL": _edit("com/f", "com/g"), "its checksum": _edit("1" * 64, "2" * 64)},
    ),
    "foreign image": Part(
        _line("main", "COPY --from=tools:1 /t /t"), {"its place": _edit("/t /t", "/t /u")}
    ),
    "label": Part(
        _fields(labels={"org": "acme"}),
        {
            "its value": _fields(labels={"org": "other"}),
            "one more": _fields(labels={"team": "acme"}),
            "its name": lambda image: replace(
                image, fields={**image.fields, "labels": {"o": "acme"}}
            ),
        },
    ),
    "secret": Part(
        _all(
            _line("main", "RUN --mount=type=secret,id=pip true"),
            _fields(secrets=[{"id": "pip", "env": "PIP"}]),
        ),
        {"its id": _fields(secrets=[{"id": "npm", "env": "PIP"}]), "gone": _fields(secrets=[])},
        {
            "its variable": _fields(secrets=[{"id": "pip", "env": "OTHER"}]),
            "its file": _fields(secrets=[{"id": "pip", "file": "one.txt"}]),
            "said as a map": _fields(secrets=["id=pip,env=PIP"]),
        },
    ),
    "ssh": Part(
        _fields(ssh=["default"]),
        {"its id": _fields(ssh=["deploy"]), "one more": _fields(ssh=["default", "deploy"])},
        {"its socket": _fields(ssh=["default=/run/agent"])},
    ),
    "hosts": Part(
        _fields(extra_hosts=["db=10.0.0.1", "db=10.0.0.2", "cache=10.0.0.3"]),
        {
            "an address": _fields(extra_hosts=["db=10.0.0.1", "db=10.0.0.9", "cache=10.0.0.3"]),
            "the first address": _fields(
                extra_hosts=["db=10.0.0.2", "db=10.0.0.1", "cache=10.0.0.3"]
            ),
            "a name": _fields(extra_hosts=["d=10.0.0.1", "d=10.0.0.2", "cache=10.0.0.3"]),
        },
        {"the order": _fields(extra_hosts=["cache=10.0.0.3", "db=10.0.0.1", "db=10.0.0.2"])},
    ),
    "network": Part(_fields(network="none"), {"another": _fields(network="host")}),
    "further context": Part(
        _all(
            _line("main", "COPY --from=conf app /conf"),
            lambda image: image.with_fields(
                additional_contexts={
                    "conf": f"{image.name}/conf",
                    "git": f"https://example.com/x.git#{'c' * 40}",
                    "idle": f"{image.name}/idle",
                }
            ),
            _files(conf__app="c", conf__b="b", idle__f="f"),
        ),
        {
            "its file": _files(conf__app="d"),
            "used after all": _line("main", "COPY --from=git / /git"),
            "its place": _edit("--from=conf app", "--from=idle f"),
        },
        {
            "a file that is not copied": _files(conf__b="c"),
            "a file of one that is not used": _files(idle__f="g"),
            "where an unused one is": _fields(
                additional_contexts={"git": "https://example.com/y.git"}
            ),
            "an unused one more": _fields(additional_contexts={"more": "docker-image://tools:1"}),
            "an unused one less": lambda image: replace(
                image,
                fields={
                    **image.fields,
                    "additional_contexts": {"conf": f"{image.name}/conf"},
                },
            ),
        },
    ),
}

ALWAYS: dict[str, Edit] = {
    "a platform": _fields(platforms=[FOREIGN]),
    "an instruction": _line("main", "RUN one more"),
    "an instruction's text": _edit('LABEL of="', 'LABEL of="more '),
    "a target": _fields(target="start"),
}
NEVER: dict[str, Edit] = {
    "comments": lambda image: replace(image, head=("# hello", "", *image.head)),
    "blank lines and layout": _edit('LABEL of="', '\n# why\nLABEL \\\n  of="'),
    "repository": _fields(repository="renamed"),
    "no_cache": _fields(no_cache=True),
    "pull": _fields(pull=True),
    "shm_size": _fields(shm_size="1g"),
    "cache_from": _fields(cache_from=["type=gha"]),
    "cache_to": _fields(cache_to=["type=gha"]),
    "tags": _fields(tags=["stable"]),
    "push_to": _fields(push_to=[]),
    "the same target by name": _fields(target="main"),
    "a stage that nobody uses": lambda image: replace(
        image, stages={"odd": ("FROM tools:1 AS odd", "COPY odd /"), **image.stages}
    ),
    "a file that nobody copies": _files(nobody="1"),
    "an argument that nobody declares": _fields(args={"NOBODY": "1"}),
}


@dataclass(frozen=True)
class Change:
    """A change of one image, by what it is called; ``counts``: it changes what is built."""

    image: str
    name: str
    edit: Edit
    counts: bool


def plain_image(name: str, needs: Sequence[str]) -> Image:
    """An image without parts, on the first of ``needs``, with something copied of the others."""
    start = needs[0] if needs else "busybox"
    others = tuple(f"COPY --from={other} / /{other}" for other in needs[1:])
    stages = {
        "never": ("FROM busybox AS never",),
        "build": ("FROM busybox AS build",),
        "start": (f"FROM {start} AS start", *others),
        "main": ("FROM start AS main", f'LABEL of="{name}"'),
    }
    return Image(name, stages)


def _changes(image: Image, parts: Iterable[str]) -> list[Change]:
    tables = [(part, PARTS[part]) for part in parts]
    pairs = [
        *((f"{n}: {e}", edit, True) for n, part in tables for e, edit in part.counts.items()),
        *((f"{n}: {e}", edit, False) for n, part in tables for e, edit in part.does_not.items()),
        *((name, edit, True) for name, edit in ALWAYS.items()),
        *((name, edit, False) for name, edit in NEVER.items()),
    ]
    return [Change(image.name, name, edit, counts) for name, edit, counts in pairs]


@st.composite
def projects(
    draw: st.DrawFn, most: int = 4, registries: int = 1
) -> tuple[Project, tuple[Change, ...]]:
    """A project, and the changes that can be made to it, one at a time."""
    names = [f"i{number}" for number in range(draw(st.integers(1, most)))]
    needs: dict[str, tuple[str, ...]] = {}
    images: list[Image] = []
    changes: list[Change] = []
    for at, name in enumerate(names):
        chosen = st.lists(st.sampled_from(names[:at]), unique=True, max_size=2)
        needs[name] = tuple(draw(chosen)) if at else ()
        parts = draw(st.lists(st.sampled_from([*PARTS]), unique=True, max_size=5))
        image = plain_image(name, needs[name])
        for part in parts:
            image = PARTS[part].add(image)
        images.append(image)
        changes += _changes(image, parts)
    where = tuple(REGISTRIES)[: draw(st.integers(1, registries))]
    return Project(tuple(images), needs, where), tuple(changes)
