"""Paths in a file of another folder, as seen from the folder of the first file."""

from __future__ import annotations

from releaser.core.spec import is_remote
from releaser.core.spec.paths import join
from releaser.loader.yaml_tree import Entry, List, Map, Node, Text, map_like, replaced


def moved(tree: Map, folder: str) -> Map:
    """A file with the paths in it as seen from the first file's folder."""
    entries = dict(tree.entries)
    if "defaults" in entries:
        entries["defaults"] = _moved_image(entries["defaults"], folder)
    if "images" in entries:
        entries["images"] = _each(entries["images"], folder)
    profiles = entries.get("profiles")
    if profiles is not None and isinstance(profiles.value, Map):
        inner = {
            name: replaced(one, moved(one.value, folder)) if isinstance(one.value, Map) else one
            for name, one in profiles.value.entries.items()
        }
        entries["profiles"] = replaced(profiles, map_like(profiles.value, inner))
    return map_like(tree, entries)


def _each(images: Entry, folder: str) -> Entry:
    if not isinstance(images.value, Map):
        return images
    found = {name: _moved_image(one, folder) for name, one in images.value.entries.items()}
    return replaced(images, map_like(images.value, found))


def _moved_image(entry: Entry, folder: str) -> Entry:
    image = entry.value
    if not isinstance(image, Map):
        return entry
    entries = dict(image.entries)
    for key, move in _PATHS.items():
        if key in entries:
            entries[key] = replaced(entries[key], move(entries[key].value, folder))
    return replaced(entry, map_like(image, entries))


def _path(node: Node, folder: str) -> Node:
    if not isinstance(node, Text) or not _is_path(node.value):
        return node
    path = join(folder, node.value)
    if path.split("/")[0] == "..":
        return node  # it leaves the tree, which is said of it as it is written
    return Text(node.line, node.column, path, node.file)


def _is_path(text: str) -> bool:
    """Whether a text is a path below the file; what is none is complained of as it stands."""
    odd = text.startswith(("/", "~", "-", "target:", "service:")) or "\\" in text
    return bool(text) and not odd and not is_remote(text)


def _contexts(node: Node, folder: str) -> Node:
    if isinstance(node, Map):
        found = {key: replaced(one, _path(one.value, folder)) for key, one in node.entries.items()}
        return map_like(node, found)
    if not isinstance(node, List):
        return node
    items: list[Node] = []
    for item in node.items:
        if isinstance(item, Text) and "=" in item.value:
            name, _, path = item.value.partition("=")
            moved = join(folder, path) if _is_path(path) else path
            items.append(Text(item.line, item.column, f"{name}={moved}", item.file))
        else:
            items.append(item)
    return List(node.line, node.column, items, node.size, node.height, node.file)


def _secrets(node: Node, folder: str) -> Node:
    match node:
        case Text():
            return _secret_line(node, folder)
        case List():
            items = [_secrets(item, folder) for item in node.items]
            return List(node.line, node.column, items, node.size, node.height, node.file)
        case Map() if "file" in node.entries and "id" in node.entries:
            return _secret_file(node, folder)
        case Map():
            found = {
                key: replaced(one, _secret_file(one.value, folder))
                if isinstance(one.value, Map)
                else one
                for key, one in node.entries.items()
            }
            return map_like(node, found)
    return node


def _secret_file(node: Map, folder: str) -> Map:
    entry = node.entries.get("file")
    if entry is None:
        return node
    return map_like(node, {**node.entries, "file": replaced(entry, _path(entry.value, folder))})


def _secret_line(node: Text, folder: str) -> Text:
    """``id=pip,src=pip.txt``, unless it is of a variable."""
    parts = node.value.split(",")
    if "type=env" in parts:
        return node
    moved = []
    for part in parts:
        key, equals, value = part.partition("=")
        is_file = key in {"src", "source", "file"} and _is_path(value)
        moved.append(f"{key}{equals}{join(folder, value)}" if is_file else part)
    return Text(node.line, node.column, ",".join(moved), node.file)


_PATHS = {"context": _path, "additional_contexts": _contexts, "secrets": _secrets}
