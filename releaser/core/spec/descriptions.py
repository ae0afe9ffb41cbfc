"""What every key of ``images.yaml`` says, in a sentence or two, as editors show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """What a key says, and values that it may have."""

    text: str
    examples: tuple[object, ...] = ()


def _key(text: str, *examples: object) -> Key:
    return Key(text, examples)


Keys = Mapping[str, Key]

FILE: Keys = {
    "version": _key("The version of this file's format. There is one so far.", 1),
    "project": _key(
        "What the images belong to. Left out, it is the name of the folder or the repository.",
        "shop",
    ),
    "include": _key(
        "Other files, as names or globs. What they declare counts as if it stood here; their paths "
        "are seen from their own folder, and their defaults are for their own images.",
        "services/*/images.yaml",
        ["base/images.yaml", "services/*/images.yaml"],
    ),
    "profiles": _key(
        "What --profile NAME (or RELEASER_PROFILE=NAME) puts upon the file, merged as an image is "
        "with its defaults.",
        {"production": {"defaults": {"args": {"ENV": "production"}}}},
    ),
    "registries": _key(
        "Where images go: a name of your choice, and the prefix that stands before each image's "
        "name.",
        {"ghcr": "ghcr.io/acme/shop"},
    ),
    "vars": _key(
        "Texts to use anywhere as {{vars.NAME}}. The command line (--var NAME=VALUE) comes before "
        "the environment (RELEASER_VAR_NAME), and the environment before this file.",
        {"python": 3.12, "debug": False},
    ),
    "fingerprints": _key(
        "What may be kept in the repositories besides the tags that you ask for.",
        {"tags": True, "records": True},
    ),
    "versioning": _key(
        "Where versions come from: git tags, or a file.", {"tag": "{{image}}/v{{version}}"}
    ),
    "tag_policies": _key(
        "Rules for tags under a name, for any number of images: tags: NAME.",
        {"release": ["{{version}}", "latest"]},
    ),
    "prune": _key(
        'What "releaser prune" keeps of the tags that it knows. The command line comes before it.',
        {"keep_last": 10, "keep_within": "30d"},
    ),
    "groups": _key(
        "Names for several images, to use wherever an image's name can stand: releaser build NAME.",
        {"backend": ["api", "worker*"]},
    ),
    "defaults": _key(
        "Merged under every image: maps by key, lists and single values as a whole.",
        {"platforms": ["linux/amd64", "linux/arm64"]},
    ),
    "images": _key(
        "The images, by name. Which of them is built on which is found in the Dockerfiles.",
        {"api": {"context": "services/api"}},
    ),
}

IMAGE: Keys = {
    "context": _key(
        "The folder that COPY takes files from, as seen from this file's folder.", "services/api"
    ),
    "dockerfile": _key(
        "The Dockerfile, as seen from the context. Left out: Dockerfile.", "docker/Dockerfile"
    ),
    "target": _key("The stage to build. Left out: the last one.", "runtime"),
    "args": _key(
        "Values for ARG in the Dockerfile: a map, or a list of NAME=value lines. Placeholders for "
        "the version and the commit can stand in them.",
        {"PYTHON": "{{vars.python}}"},
        ["VERSION={{version}}"],
    ),
    "labels": _key(
        "Labels of the image: a map, or a list of NAME=value lines. Placeholders for the version "
        "and the commit can stand in them.",
        {"org.opencontainers.image.version": "{{version}}"},
    ),
    "platforms": _key(
        "What it is built for. Left out: the platform of the engine.",
        ["linux/amd64", "linux/arm64"],
    ),
    "needs": _key(
        "Only for what the Dockerfile does not show: an image by name, or a reference as it is "
        "written there with the image that provides it. Null says that a reference is none of "
        "these images.",
        ["base"],
        {"registry.example/python-base": "base", "api": None},
    ),
    "repository": _key(
        "What stands behind the registry's prefix, in place of the image's name.", "jobs/worker"
    ),
    "push_to": _key(
        "Which of the registries it goes to, by their names. Left out: all of them.",
        ["ghcr"],
    ),
    "tags": _key(
        "The rules for tags: templates, lines of docker/metadata-action's, or maps of their "
        "attributes; or the name of a tag policy. Left out: rules that fit what is released.",
        ["{{version}}", "{{major}}.{{minor}}", "latest"],
        "release",
    ),
    "secrets": _key(
        "Mounted for RUN --mount=type=secret,id=… and never kept in the image. A value comes from "
        "a variable of the environment or from a file.",
        [{"id": "pip", "env": "PIP_TOKEN"}],
        {"npm": {"file": "secrets/npm.txt"}},
        ["id=pip,env=PIP_TOKEN"],
    ),
    "ssh": _key("The SSH agent or keys, for RUN --mount=type=ssh.", "default"),
    "extra_hosts": _key(
        "More lines for /etc/hosts during the build: a map, or a list of HOST=address lines.",
        {"packages.example": "10.0.0.7"},
        ["packages.example=10.0.0.7"],
    ),
    "network": _key("The network of RUN: none, host or default.", "none"),
    "no_cache": _key("Build every step anew."),
    "pull": _key("Ask for newer base images in every build."),
    "shm_size": _key("The size of /dev/shm during the build.", "256m"),
    "oci_labels": _key(
        "Add the labels that docker/metadata-action adds. The version and the commit are then part "
        "of every image, so that each release builds all of them anew."
    ),
    "provenance": Key(
        "How the image was made, as a SLSA attestation beside it: true, or mode=max for all "
        "arguments and steps as well.",
        (True, "mode=max"),
    ),
    "cache_from": _key("Where build cache is read from, as docker buildx writes it.", ["type=gha"]),
    "cache_to": _key(
        "Where build cache is written to, as docker buildx writes it.",
        ["type=registry,ref=ghcr.io/acme/cache:{{image}}"],
    ),
    "additional_contexts": _key(
        "More folders, images (docker-image://…) or URLs that the Dockerfile can COPY --from by "
        "name.",
        {"schemas": "libraries/schemas"},
    ),
    "enabled": _key("False: it is only there to be extended.", "{{vars.debug}}"),
    "tag_suffix": _key("What stands behind every tag of the image, latest included.", "-debug"),
    "extends": _key(
        "Images that this one is like: it has their fields, with its own upon them; null takes one "
        "out.",
        "api",
        ["base-settings", "api"],
    ),
    "matrix": _key(
        "One image in several variants: every combination of the axes, less those that are "
        "excluded, plus those that are included. The image's name is then a group of all of them.",
        {"python": [3.11, 3.12], "exclude": [{"python": 3.11}]},
    ),
    "name": _key(
        "What each variant of the matrix is called. Left out: the image's name and the values, "
        "with - before each.",
        "tools-py{{matrix.python}}",
    ),
}

MATRIX: Keys = {
    "include": _key(
        "Values to add to the combinations that they fit; those that fit none are further "
        "combinations.",
        [{"python": 3.13, "flavor": "slim"}],
    ),
    "exclude": _key(
        "Combinations to leave out: those that have all of the values.",
        [{"python": 3.11, "flavor": "full"}],
    ),
}

VARIABLE: Keys = {
    "default": _key("The value where nobody gives another one: plain text.", "stable"),
    "description": _key("What it is for; said where a value is missing.", "which packages to use"),
    "type": _key(
        "What values it takes. Left out, that of its default: a bare true or false makes a flag, a "
        "bare whole number a number.",
        "flag",
    ),
    "required": Key("Whether a value must be given. Then there is no default.", (True,)),
}

REGISTRY: Keys = {
    "prefix": _key("What stands before each image's name: host/path.", "ghcr.io/acme/{{project}}"),
    "insecure": _key("Allow plain http, or a certificate that nobody vouches for."),
    "concurrency": _key("Transfers and requests at the same time, 1 to 64.", 4),
}

SECRET: Keys = {
    "id": _key("What the Dockerfile calls it.", "pip"),
    "env": _key("The variable of the environment that holds the value.", "PIP_TOKEN"),
    "file": _key("The file that holds the value.", "secrets/pip.txt"),
}

FINGERPRINTS: Keys = {
    "tags": _key(
        "Tags fp-<16 digits>, under which an image is found again, so that nothing is built twice."
    ),
    "records": _key(
        'What an image was made of, under fp-record-<image>, so that "releaser why" can say what '
        "changed. Left out: as tags."
    ),
}

VERSIONING: Keys = {
    "from": _key("Where versions come from. Left out: file where there is one, else git-tags."),
    "tag": _key(
        "How the git tag of a version is spelled. With {{image}} in it every image has versions of "
        "its own.",
        "v{{version}}",
        "{{image}}/v{{version}}",
    ),
    "file": _key(
        "The file that declares the version: pyproject.toml, package.json, Cargo.toml or VERSION. "
        "With {{image}} or {{context}} in it every image has one of its own.",
        "pyproject.toml",
        "{{context}}/package.json",
    ),
    "major_on_zero": _key("False: a breaking change of 0.4.2 makes 0.5.0, not 1.0.0."),
}

PRUNE: Keys = {
    "keep_last": _key("Keep so many prereleases, and contents that nothing else names.", 10),
    "keep_within": _key("Keep what was made within hours, days or weeks: 12h, 30d, 6w.", "30d"),
    "keep": _key("Keep tags that match any of these globs.", ["*-lts"]),
    "commits": _key("Whether tags of commits (sha-…) may go as well."),
}

POLICY: Keys = {
    "rules": _key(
        "The rules: templates, lines of docker/metadata-action's, or maps of their attributes.",
        ["{{version}}", "type=ref,event=pr"],
    ),
    "flavor": _key("What is common to all rules: lines or maps.", ["latest=auto"]),
    "tag_safety": Key("False: full versions and lines of versions may move anywhere.", (False,)),
}

TAG_SAFETY: Keys = {
    "immutable": _key("Whether full versions and commits are never moved."),
    "forward": _key("Whether lines of versions and latest move forward only."),
}

RULE: Keys = {
    "type": _key("What kind of tag. Left out: raw.", "semver"),
    "pattern": _key(
        "For semver and pep440 a template, for match a regular expression, for schedule a date.",
        "{{major}}.{{minor}}",
    ),
    "value": _key("For raw the tag itself; for others what stands for the git tag.", "edge"),
    "match": _key("For semver and pep440: a regular expression that finds the version.", "v(.*)"),
    "group": _key("For match: which group of the expression is the tag.", 1),
    "branch": _key("For edge: the branch. Left out: the default one.", "main"),
    "event": _key("For ref: what makes the tag.", "pr"),
    "format": _key("For sha: how long the commit is written.", "long"),
    "enable": Key("Whether the rule counts: true, false, or an expression.", (False,)),
    "priority": _key("Rules of a higher one come first.", 300),
    "prefix": _key("Stands before the tag.", "sha-"),
    "suffix": _key("Stands behind the tag.", "-slim"),
}

FLAVOR: Keys = {
    "latest": _key("auto: a release moves latest; true: every run does; false: none.", "auto"),
    "prefix": _key("Stands before every tag.", "web-"),
    "suffix": _key("Stands behind every tag.", "-slim"),
    "onlatest": Key(
        "Whether the prefix or suffix beside it stands around latest as well.", (True,)
    ),
}

YOURS = "Keys that begin with x- are yours: a good home for YAML anchors."
