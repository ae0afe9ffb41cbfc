"""Build contexts by seed: a tree with odd names and links, an ignore file, instructions over both.

Each file holds its own path, so that what arrives in an image says where it came from. Names of
folders, files and links never meet, since a file cannot be copied over a folder of its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from releaser.core.ignore import clean

FOLDERS = ("a", "b", "src", ".git", "two words", "ü", "x[1]", "-d", "!neg", "d*", "back\\slash")
FILES = (
    "a.txt", "b.txt", "README.md", ".env", "main.py", "é.txt", "q?.txt", "*.md", "[x].py",
    "-f.txt", "!no.md", "b\\s.txt", "a b.txt", "#hash", "$HOME", "it's", 'said"so', "f",
)  # fmt: skip
LINKS = ("l", "link.txt", ".hidden-link", "l 2", "[l]")
NOWHERE = ("gone", "/gone/too", "../../../etc/passwd", "l", ".", "..", "/")
WILDCARDS = frozenset("*?[\\")


@dataclass(frozen=True)
class Node:
    """Something in the tree: ``text`` is what a file holds or where a link leads."""

    path: str
    kind: str
    mode: int
    text: str = ""


@dataclass(frozen=True)
class Instruction:
    """One COPY, ADD or bind mount: its sources as Docker gets to see them, and its excludes."""

    keyword: str
    sources: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    @property
    def odd(self) -> bool:
        """Whether a source is not what BuildKit asks for it with: see :attr:`Case.odd`."""
        marks = "\\*?[" if self.keyword == "RUN" else "\\"
        return any(set(marks) & set(one) or "!" in clean("/" + one)[1:2] for one in self.sources)

    @property
    def unsure(self) -> bool:
        """Whether frontends read an ``--exclude`` differently, so that more counts than arrives."""
        return not all(pattern.isascii() for pattern in self.exclude)

    def stage(self, name: str) -> str:
        """A stage of that name that holds what the instruction takes, and a file called as it is.

        The file makes the stage its own: BuildKit's cache takes a COPY that matches nothing for
        every other one that matches nothing, and now and then for one that brought something.
        """
        own = f"COPY <<{name} /\n{name}\n"
        if self.keyword == "RUN":
            mount = f"--mount=type=bind,source={self.sources[0]},target=/m"
            lines = (f"FROM busybox:latest AS {name}-made", f'RUN {mount} ["cp", "-a", "/m", "/o"]')
            copy = f"COPY --from={name}-made /o /\n"
            return "\n".join((*lines, f"FROM scratch AS {name}", own + copy))
        flags = "".join(f" --exclude={pattern}" for pattern in self.exclude)
        words = json.dumps([*map(quoted, self.sources), "/"], ensure_ascii=False)
        return f"FROM scratch AS {name}\n{own}{self.keyword}{flags} {words}\n"


@dataclass(frozen=True)
class Case:
    """A context, the text of its ignore file and the instructions that take from it."""

    seed: int
    nodes: tuple[Node, ...]
    ignore: str | None
    beside: bool
    instructions: tuple[Instruction, ...]

    @property
    def odd(self) -> bool:
        """Whether BuildKit only finds something where an instruction takes the whole context.

        It asks for what instructions name, and for where links lead, with patterns in which a
        backslash escapes and a leading ``!`` excludes.
        """
        links = (node.text for node in self.nodes if node.kind == "symlink")
        return any(one.odd for one in self.instructions) or any(set("*?[\\!") & {*t} for t in links)

    def lay(self, root: Path) -> None:
        """Write the tree to ``root``/context; the ignore file goes there, or beside Dockerfiles."""
        context = root / "context"
        context.mkdir(parents=True)
        for node in self.nodes:
            _lay(context / node.path, node)
        if self.ignore is not None and not self.beside:
            (context / ".dockerignore").write_text(self.ignore, encoding="utf-8")

    def dockerfile(self, root: Path, name: str, text: str) -> Path:
        """Write a Dockerfile to ``root``, with the ignore file that is its own."""
        path = root / f"{name}.Dockerfile"
        path.write_text(text, encoding="utf-8")
        if self.ignore is not None and self.beside:
            Path(f"{path}.dockerignore").write_text(self.ignore, encoding="utf-8")
        return path


def _lay(path: Path, node: Node) -> None:
    if node.kind == "symlink":
        path.symlink_to(node.text)
        return
    if node.kind == "directory":
        path.mkdir()
    else:
        path.write_text(node.text, encoding="utf-8")
    path.chmod(node.mode)


def quoted(source: str) -> str:
    """``source`` so that Docker's expansion of variables and quotes gives it back."""
    return "".join("\\" + char if char in "\\$'\"" else char for char in source)


def case(seed: int) -> Case:
    """The case of a seed."""
    rng = Random(seed)  # noqa: S311 - a tree, not a secret
    nodes = tuple(_nodes(rng))
    ignored = rng.random() < 0.85
    ignore = _ignore(rng, nodes) if ignored else None
    count = rng.choice((1, 1, 2, 3, 4))
    instructions = tuple(_instruction(rng, nodes) for _ in range(count))
    return Case(seed, nodes, ignore, rng.random() < 0.3, instructions)


def _nodes(rng: Random) -> Iterator[Node]:
    folders = [""]
    paths: list[str] = []
    for _ in range(rng.randint(1, 9)):
        parent = rng.choice(folders)
        path = _join(parent, rng.choice(FOLDERS))
        if path not in folders and path.count("/") < 4:
            folders.append(path)
            yield Node(path, "directory", rng.choice((0o755, 0o755, 0o700, 0o2775)))
    for _ in range(rng.randint(2, 16)):
        path = _join(rng.choice(folders), rng.choice(FILES))
        if path not in paths:
            paths.append(path)
            yield Node(path, "file", rng.choice((0o644, 0o644, 0o755, 0o600, 0o4711)), path)
    yield from _links(rng, [*folders[1:], *paths])


def _links(rng: Random, known: list[str]) -> Iterator[Node]:
    folders = sorted({"", *(path.rpartition("/")[0] for path in known)})
    made: set[str] = set()
    for _ in range(rng.randint(0, 5)):
        parent = rng.choice(folders)
        path = _join(parent, rng.choice(LINKS))
        if path not in made:
            made.add(path)
            yield Node(path, "symlink", 0o777, _target(rng, parent, [*known, *made]))


def _target(rng: Random, parent: str, known: list[str]) -> str:
    if rng.random() < 0.2:
        return rng.choice(NOWHERE)
    up = "../" * (parent.count("/") + bool(parent))
    return rng.choice((up, up, "/", up + "../../")) + rng.choice(known)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


# -- patterns --------------------------------------------------------------------------------


def _escaped(rng: Random, name: str) -> str:
    """``name`` as a pattern that means just it; now and then carelessly as it is."""
    if rng.random() < 0.15:
        return name
    return "".join("\\" + char if char in WILDCARDS else char for char in name)


def _wild(rng: Random, name: str) -> str:
    """A pattern made of ``name``; it need not match it."""
    at = rng.randrange(len(name))
    head, char, tail = name[:at], name[at], name[at + 1 :]
    left, right = _escaped(rng, head), _escaped(rng, tail)
    letters = "".join(sorted({"a", max(char, "z")}))
    kinds = (
        "*",
        "?" + "?" * (len(name) - 1),
        f"{left}*",
        f"*{right}",
        f"{left}?{right}",
        f"{left}[{letters[0]}-{letters[-1]}]{right}",
        f"{left}[^{letters[-1]}]{right}",
        f"*{name[-1:] if name[-1] not in WILDCARDS else ''}",
        "*.txt",
        "[a-m]*",
    )
    return rng.choice(kinds)


def _source(rng: Random, nodes: tuple[Node, ...]) -> str:
    """A source of COPY: mostly something that is there, or a pattern of it."""
    parts = rng.choice(nodes).path.split("/")
    chance = rng.random()
    if chance < 0.1:
        return rng.choice((".", "/", "./", "..", "*", "*/*", "**", "**/*.txt", "*/", "none*"))
    if chance < 0.5:
        return rng.choice(("", "", "/", "./", "../", "x/../")) + "/".join(parts) + _slash(rng)
    return "/".join(
        _wild(rng, part) if rng.random() < 0.5 else _escaped(rng, part) for part in parts
    ) + _slash(rng)


def _slash(rng: Random) -> str:
    return "/" if rng.random() < 0.1 else ""


def _instruction(rng: Random, nodes: tuple[Node, ...]) -> Instruction:
    keyword = rng.choice(("COPY",) * 7 + ("ADD", "ADD", "WHOLE", "WHOLE", "RUN"))
    if keyword == "WHOLE":
        return Instruction("COPY", (".",), _excludes(rng, nodes))
    if keyword == "RUN":
        plain = [n.path for n in nodes if n.path.isascii() and not set(n.path) & set(" \"'$,\\")]
        return Instruction("RUN", (rng.choice([*plain, "."]),))
    sources = tuple(_source(rng, nodes) for _ in range(rng.choice((1, 1, 2, 3))))
    return Instruction(keyword, sources, _excludes(rng, nodes))


def _excludes(rng: Random, nodes: tuple[Node, ...]) -> tuple[str, ...]:
    # With --exclude, BuildKit follows each link for its cache, and fails where one leads nowhere.
    if rng.random() < 0.5 or any(node.kind == "symlink" for node in nodes):
        return ()
    found = (_rule(rng, nodes).strip() for _ in range(rng.randint(1, 3)))
    return tuple(rule for rule in found if rule and not set(rule) & set(" \"'$\t"))


def _ignore(rng: Random, nodes: tuple[Node, ...]) -> str:
    lines = [_line(rng, nodes) for _ in range(rng.randint(1, 7))]
    if rng.random() < 0.25:
        lines.insert(0, rng.choice(("*", "**", "*/*", "*/")))
    end = rng.choice(("\n", "\n", "\n", "\r\n"))
    return end.join(lines) + rng.choice(("", end))


def _line(rng: Random, nodes: tuple[Node, ...]) -> str:
    chance = rng.random()
    if chance < 0.1:
        return rng.choice(("", "# comment", "  ", " # no comment", "\t", "."))
    before, after = rng.choice((" ", "\t")), " "
    rule = _rule(rng, nodes)
    return before + rule + after if rng.random() < 0.1 else rule


def _rule(rng: Random, nodes: tuple[Node, ...]) -> str:
    parts = rng.choice(nodes).path.split("/")
    shape = [_part(rng, part) for part in parts]
    if rng.random() < 0.3:
        shape = shape[rng.randrange(len(shape)) :]
        shape.insert(0, rng.choice(("**", "*", "**", "..", ".")))
    if rng.random() < 0.15:
        shape.append(rng.choice(("**", "*", "", "*.txt", "..")))
    mark = rng.choice(("!", "", "")) + rng.choice(("", "", "", "/", "./", " "))
    return mark + "/".join(shape)


def _part(rng: Random, part: str) -> str:
    chance = rng.random()
    if chance < 0.55:
        return _escaped(rng, part)
    return _wild(rng, part) if chance < 0.9 else rng.choice(("**", f"**{_escaped(rng, part)}"))
