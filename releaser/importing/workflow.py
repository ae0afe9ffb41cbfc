"""GitHub workflows that build with docker/build-push-action, as a draft.

The inputs are those of docker/metadata-action and docker/build-push-action (their ``action.yml``).
Rules for tags are kept word by word: ``images.yaml`` knows them.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import Any

from releaser.core.spec import is_remote
from releaser.importing.attributes import (
    Say,
    as_lines,
    hosts_of,
    inside,
    pairs_of,
    path_of,
    provenance_of,
    records_of,
    secrets_of,
    ssh_of,
    usable,
)
from releaser.importing.draft import Draft, ImageDraft, Losses, Value
from releaser.importing.places import Place, Places, settle
from releaser.importing.remote import Origin
from releaser.importing.texts import read_yaml
from releaser.importing.workflow_jobs import BUILD, Build, builds_of, once, rows_of
from releaser.importing.workflow_matrix import apart, fold_platforms, single
from releaser.importing.workflow_tags import NO_ANNOTATIONS, Read, free, tags_of
from releaser.reports.words import counted

_IGNORED = ("push", "load", "builder", "outputs", "sbom", "annotations", "allow", "attests",
            "cgroup-parent", "github-token", "ulimit", "call", "no-cache-filters")  # fmt: skip
_DEFAULT_CONTEXT = re.compile(r"\{\{\s*defaultContext\s*\}\}:?")
_CHECKOUT = re.compile(r"\$\{\{\s*github\.workspace\s*\}\}/?")
_LOST = {
    "allow": "no entitlement can be granted",
    "annotations": NO_ANNOTATIONS,
    "attests": "only provenance is made, with provenance: true",
    "call": "releaser only builds",
    "cgroup-parent": "releaser sets no limits for builds",
    "no-cache-filters": "no_cache is for a whole image",
    "outputs": "releaser says where images go",
    "sbom": "only provenance is made",
    "ulimit": "releaser sets no limits for builds",
}


def from_workflow(
    text: str, file: str, *, project: str, folder: str, registry: str, origin: Origin
) -> Draft:
    """The draft of a workflow called ``file``, of a repository that is kept at ``origin``.

    ``folder`` is the repository's as seen from the folder of the file that is made.

    Raises:
        SpecError: it is not YAML, or no map.
    """
    losses = Losses()
    data = read_yaml(text, file)
    read = Read()
    builds = [one for build in once(list(builds_of(data, losses, origin))) for one in single(build)]
    for one in builds:
        _image(one, read, folder, losses)
    settled = settle(read.places, {}, losses, registry)
    images = [_at_home(one, settled, losses) for one in read.images]
    found = (f"{file}: {counted(len(builds), 'step')} with {BUILD}",)
    return Draft(project, file, settled.registries, {}, read.policies, {}, tuple(images),
                 losses.all(), found)  # fmt: skip


def _at_home(image: ImageDraft, places: Places, losses: Losses) -> ImageDraft:
    """An image with where it goes."""
    home = places.homes.get(image.name)
    if home is None:
        return image
    fields = dict(image.fields)
    if home.repository != _called(image):
        fields["repository"] = home.repository
    if set(home.push_to) != set(places.registries):
        fields["push_to"] = list(home.push_to)
    if "matrix" in fields and not (
        "{{matrix." in home.repository or apart(fields["matrix"], fields.get("tags"))
    ):
        fields.pop("repository", None)
        why = "the variants would get tags in common: each has a repository of its own"
        losses.add(f"image {image.name}", f"repository {home.repository}", why)
    return replace(image, fields=fields)


def _called(image: ImageDraft) -> Value:
    """An image's own name in all of its variants, where they have a common one."""
    return image.fields.get("name", None if "matrix" in image.fields else image.name)


def _image(build: Build, read: Read, folder: str, losses: Losses) -> None:
    def say(what: str, why: str) -> None:
        losses.add(f"job {build.job}", what, why)

    inputs = {key: one for key, one in build.inputs.items() if one not in (None, "")}
    fields: dict[str, Value] = {}
    references = tags_of(build, fields, read, inputs, say)
    astray = _paths(build, fields, inputs, folder, say)
    _simple(build, fields, inputs, say)
    _args(build, fields, inputs, say)
    _listed(build, fields, inputs, say)
    for key, why in _LOST.items():
        value = str(inputs.pop(key, "")).lower()
        if value not in {"", "false"}:
            say(key, why)
    for key in inputs.keys() - set(_IGNORED):
        say(str(key), "releaser has nothing like it")
    name = _name(build, references, fields, {one.name for one in read.images})
    fold_platforms(build.matrix, fields, repr(references))
    _variants(build, references, fields)
    if references:
        read.places[name] = references
    else:
        say("tags", "no image is named that is known: it goes to the usual registry")
    image = ImageDraft(name, fields, (f"From job {build.job}.",))
    read.images.append(image.disabled("; ".join(astray)) if astray else image)


def _paths(
    build: Build,
    fields: dict[str, Value],
    inputs: dict[str, Any],
    folder: str,
    say: Say,
) -> list[str]:
    """Sets context and Dockerfile; why they are not those of the step, where they cannot be."""
    astray: list[str] = []
    text = str(inputs.pop("context", "."))
    known = build.expander.text(_DEFAULT_CONTEXT.sub("", _CHECKOUT.sub("./", text)), "context")
    context = path_of(known or ".", folder)
    if known is None:
        astray.append("only a run of the workflow knows its context")
    elif not inside(context) or is_remote(context):
        say("context", f"{context} is no folder of the repository")
        astray.append(f"its context {context} is no folder of the repository")
        context = "."
    fields["context"] = context
    file = build.expander.text(_CHECKOUT.sub("./", str(inputs.pop("file", ""))), "file")
    if file is None:
        astray.append("only a run of the workflow knows its Dockerfile")
    elif file:
        # Seen from the repository, and in images.yaml from the context.
        path = posixpath.relpath(path_of(file, folder), context)
        if path != "Dockerfile":
            fields["dockerfile"] = path
    return astray


def _simple(build: Build, fields: dict[str, Value], inputs: dict[str, Any], say: Say) -> None:
    for key in "target", "network", "shm-size":
        value = build.expander.text(str(inputs.pop(key, "")), key)
        if value:
            fields[key.replace("-", "_")] = value
    if fields.get("network") not in (None, "none", "host", "default"):
        say("network", f"{fields.pop('network')}: only none, host and default are there")
    for key in "pull", "no-cache":
        value = build.expander.text(str(inputs.pop(key, "")), key)
        if value is not None and value.lower() == "true":
            fields[key.replace("-", "_")] = True
    provenance = inputs.pop("provenance", None)
    if provenance is not None:
        found = provenance_of([str(provenance)], say)
        if found:
            fields["provenance"] = found


def _args(build: Build, fields: dict[str, Value], inputs: dict[str, Any], say: Say) -> None:
    lines = build.expander.records(inputs.pop("build-args", ""), "build-args")
    args = pairs_of(list(lines), say, "arg")
    for name, value in args.items():
        if "{{branch}}" in str(value):
            say(f"arg {name}", "it is the name of the branch: at a tag there is none")
    if args:
        fields["args"] = args


def _contexts(build: Build, inputs: dict[str, Any], say: Say) -> dict[str, Value]:
    lines = build.expander.records(inputs.pop("build-contexts", ""), "build-contexts")
    found: dict[str, Value] = {}
    for name, source in pairs_of(list(lines), say, "build-context").items():
        if usable(str(source)):
            found[name] = source
        else:
            say(f"build-context {name}", "it is outside of the repository, or has a login")
    return found


def _listed(build: Build, fields: dict[str, Value], inputs: dict[str, Any], say: Say) -> None:
    lines = build.expander.lines

    def items(key: str) -> list[str]:
        parts = (one.strip() for line in lines(inputs.pop(key, ""), key) for one in line.split(","))
        return [one for one in parts if one]

    hosts = items("add-hosts")
    found: dict[str, Value] = {
        "platforms": list(items("platforms")),
        "additional_contexts": _contexts(build, inputs, say),
        "secrets": _secrets(build, inputs, say),
        "ssh": ssh_of(list(lines(inputs.pop("ssh", ""), "ssh")), say),
        "extra_hosts": hosts_of([one.replace("=", ":", 1) for one in hosts]) if hosts else {},
        "cache_from": as_lines(
            list(lines(inputs.pop("cache-from", ""), "cache-from")), say, "cache"
        ),
        "cache_to": as_lines(list(lines(inputs.pop("cache-to", ""), "cache-to")), say, "cache"),
    }
    fields.update({key: value for key, value in found.items() if value})


def _opens(record: str) -> bool:
    """Whether a line opens or closes a quote within; one of several lines is whole."""
    return "\n" not in record and record.count('"') % 2 == 1


def _secrets(build: Build, inputs: dict[str, Any], say: Say) -> list[Value]:
    """Secrets by id; a value is never looked at, since it may be one."""
    found: list[Value] = []
    is_open = False
    for record in records_of(str(inputs.pop("secrets", ""))):
        was_open, is_open = is_open, is_open ^ _opens(record)
        name = re.match(r"([\w.-]{1,100})=(?!=*$)", record)
        if name and not was_open:  # the rest of a quote, and padding of base64, are values
            variable = re.sub(r"\W", "_", name[1]).upper()
            say(f"secret {name[1]}", f"give its value to releaser in the variable {variable}")
            found.append({"id": name[1], "env": variable})
    for line in build.expander.lines(inputs.pop("secret-envs", ""), "secret-envs"):
        identifier, _, variable = line.partition("=")
        found.append({"id": identifier, "env": variable or identifier})
    for line in build.expander.lines(inputs.pop("secret-files", ""), "secret-files"):
        identifier, _, path = line.partition("=")
        found.append({"id": identifier, "src": path})
    return secrets_of(found, say)


def _name(build: Build, places: list[Place], fields: dict[str, Value], taken: set[str]) -> str:
    """An image's name: its repository's last part, with its target where that is taken."""
    wanted = places[0].segments[-1] if places else build.job
    if "{{" in wanted:
        wanted = build.job
    if wanted in taken and "target" in fields:
        wanted = f"{wanted}-{fields['target']}"
    return free(wanted, taken)


def _variants(build: Build, references: list[Place], fields: dict[str, Value]) -> None:
    """The axes of the job's matrix that the image uses; the others say where the job runs."""
    last = references[0].segments[-1] if references else ""
    used = set(re.findall(r"\{\{matrix\.([\w-]+)", repr([fields, last])))
    if not used:
        return
    excluded = {key for row in rows_of(build.matrix.get("exclude")) for key in row}
    kept = used | (excluded if excluded - used else set())
    matrix: dict[str, Value] = {key: one for key, one in build.matrix.items() if key in kept}
    for key in "include", "exclude":
        whole = rows_of(build.matrix.get(key))
        rows = [{k: v for k, v in row.items() if k in kept} for row in whole]
        said = [row for row in rows if key == "exclude" or not _is_there(row, matrix)]
        if said:
            matrix[key] = [dict(row) for row in said]
    fields["matrix"] = matrix
    if "{{matrix." in last:
        fields["name"] = last


def _is_there(row: dict[str, Value], matrix: dict[str, Value]) -> bool:
    """Whether an inclusion adds nothing to what the axes make."""
    axes = ((value, matrix.get(key)) for key, value in row.items())
    return all(isinstance(items, list) and value in items for value, items in axes)
