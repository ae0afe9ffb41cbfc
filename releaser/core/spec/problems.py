"""What is wrong between the parts of a spec: names that point nowhere, two things in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice

from releaser.core.oci import DOCKER_HUB, Platform, Repository
from releaser.core.spec.build_values import value_problems
from releaser.core.spec.groups import group_problems
from releaser.core.spec.meetings import git_tag_problems, meetings
from releaser.core.spec.models import ImageSpec, Spec
from releaser.core.spec.nearest import nearest
from releaser.core.spec.paths import check_inside, check_remote, is_remote
from releaser.core.spec.problem import Path, Problem
from releaser.core.spec.tag_fields import policy_of
from releaser.core.tag_rules import parsed
from releaser.errors import SpecError

MAX_PROBLEMS = 100
OWN_LABELS = "dev.releaser."

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
KEY = re.compile(r"[^\s=\x00-\x1f\x7f-][^\s=\x00-\x1f\x7f]*")
_OUR_IMAGE = re.compile(r"target:|service:")
SYSTEMS = ("linux", "windows", "darwin", "freebsd", "wasi", "wasip1")
_ARCHITECTURES = (
    *("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "ppc64"),
    *("mips64le", "mips64", "mipsle", "mips", "wasm"),
)


def problems(spec: Spec) -> tuple[Problem, ...]:
    """What is wrong between the parts of a spec, at most the first 100 complaints."""
    found = (
        complaint
        for check in (
            _nothing_enabled,
            _variable_problems,
            _registry_problems,
            _policy_problems,
            _image_problems,
            group_problems,
            git_tag_problems,
            meetings,
        )
        for complaint in check(spec)
    )
    return tuple(islice(found, MAX_PROBLEMS))


def unknown(kind: str, name: str, known: Iterable[str], path: Path) -> Problem:
    """The complaint about a name that is not declared: what is, and what may have been meant."""
    choices = tuple(known)
    near = nearest(name, choices)
    allowed = ", ".join(choices[:12]) + (" …" if len(choices) > 12 else "")
    return Problem(
        path,
        f'unknown {kind} "{name}"',
        f'did you mean "{near}"?' if near else None,
        (("allowed", allowed or f"no {kind} is declared"),),
    )


def _nothing_enabled(spec: Spec) -> Iterator[Problem]:
    if not any(image.enabled for image in spec.images.values()):
        yield Problem(("images",), "no image is enabled", "enable one", about_key=True)


def _variable_problems(spec: Spec) -> Iterator[Problem]:
    variables: dict[str, str] = {}
    for name in spec.vars:
        if not VARIABLE.fullmatch(name):
            yield _illegal_name(
                ("vars", name), "a variable", "letters, digits, _ - ; first a letter"
            )
        other = variables.setdefault(name.upper().replace("-", "_"), name)
        if other != name:
            message = f'"{other}" and "{name}" are the same variable in the environment'
            yield Problem(("vars", name), message, "rename one of them", about_key=True)


def _registry_problems(spec: Spec) -> Iterator[Problem]:
    prefixes: dict[Repository, str] = {}
    for name, registry in spec.registries.items():
        if not NAME.fullmatch(name):
            yield _illegal_name(("registries", name), "a registry")
        other = prefixes.setdefault(registry.repository("x"), name)
        if other != name:
            message = f'registries "{other}" and "{name}" are the same place'
            yield Problem(("registries", name), message, "remove one of them", about_key=True)


def _illegal_name(
    path: Path, kind: str, allowed: str = "letters, digits, . _ - ; first a letter or digit"
) -> Problem:
    message = f'"{_short(str(path[-1]))}" is not a name for {kind}'
    return Problem(path, message, details=(("allowed", allowed),), about_key=True)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def _image_problems(spec: Spec) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for name, image in spec.images.items():
        here = ("images", name)
        if not NAME.fullmatch(name):
            yield _illegal_name(here, "an image")
            continue
        other = names.setdefault(name.lower(), name)
        if other != name:
            message = f'images "{other}" and "{name}" differ only in case'
            yield Problem(here, message, "rename one of them")
        if not image.enabled:
            continue  # it is there only to be extended, and may be half an image
        yield from _path_problems(here, image)
        yield from _name_problems(here, image)
        yield from value_problems(here, image)
        yield from _twins(here, image)
        yield from _reference_problems(here, spec, image)
        yield from _platform_problems(here, image)
        yield from _tag_problems((*here, "tags"), image.tags or (), spec)
        yield from _repository_problems(here, spec)


def _path_problems(here: Path, image: ImageSpec) -> Iterator[Problem]:
    if is_remote(image.context):
        yield from _context_problems((*here, "context"), image.context)
        return
    yield from _complaint((*here, "context"), partial(check_inside, image.context))
    if image.dockerfile is not None:
        check = partial(check_inside, image.dockerfile, image.context)
        yield from _complaint((*here, "dockerfile"), check)
    for index, secret in enumerate(image.secrets):
        if secret.file is not None:
            path = (*here, "secrets", index, "file")
            hint = f"give it in a variable: {{id: {secret.id}, env: NAME}}"
            yield from _complaint(path, partial(check_inside, secret.file), hint)
    for name, source in image.additional_contexts:
        path = (*here, "additional_contexts", name)
        if is_remote(source):
            yield from _login_problems(path, source)
        elif not _OUR_IMAGE.match(source):
            yield from _complaint(path, partial(check_inside, source))


def _context_problems(path: Path, url: str) -> Iterator[Problem]:
    login = tuple(_login_problems(path, url))
    yield from login or (
        Problem(
            path,
            "the build context is a URL: what it holds cannot be seen before the build",
            "check it out beside the file, or use it in additional_contexts",
        ),
    )


def _login_problems(path: Path, url: str) -> Iterator[Problem]:
    for problem in _complaint(path, partial(check_remote, url)):
        yield replace(problem, private=True)


def _complaint(path: Path, check: Callable[[], None], hint: str | None = None) -> Iterator[Problem]:
    try:
        check()
    except SpecError as error:
        yield Problem(path, error.message, hint or error.hint, error.details)


def _name_problems(here: Path, image: ImageSpec) -> Iterator[Problem]:
    for field, kind in (("args", "a build arg"), ("labels", "a label")):
        for key, _ in getattr(image, field):
            if not KEY.fullmatch(key):
                message = f'"{_short(key)}" is not a name for {kind}'
                yield Problem((*here, field, key), message, about_key=True)
            elif field == "labels" and key.startswith(OWN_LABELS):
                message = f'label "{key}" is set by releaser itself'
                yield Problem((*here, field, key), message, about_key=True)


def _twins(here: Path, image: ImageSpec) -> Iterator[Problem]:
    lists = {
        "platforms": image.platforms,
        "push_to": image.push_to or (),
        "tags": image.tags or (),
        "ssh": image.ssh,
        "secrets": tuple(secret.id for secret in image.secrets),
    }
    for field, items in lists.items():
        seen: set[object] = set()
        for index, item in enumerate(items):
            if item in seen:
                yield Problem((*here, field, index), f'"{item}" is listed twice')
            seen.add(item)


def _reference_problems(here: Path, spec: Spec, image: ImageSpec) -> Iterator[Problem]:
    for index, registry in enumerate(image.push_to or ()):
        if registry not in spec.registries:
            yield unknown("registry", registry, spec.registries, (*here, "push_to", index))
    for reference, provider in image.needs:
        path = (*here, "needs", reference)
        if provider == here[-1]:
            yield Problem(path, f'image "{provider}" needs itself')
        elif provider is not None and provider not in spec.images:
            yield from _group_needed(path, spec, provider)
        elif provider is not None and not spec.images[provider].enabled:
            yield Problem(path, f'image "{provider}" is not enabled', "enable it, or leave it out")


def _group_needed(path: Path, spec: Spec, name: str) -> Iterator[Problem]:
    """A group in a list stands for its members; a reference can be only one image."""
    if name not in spec.groups:
        yield unknown("image", name, (*spec.images, *spec.groups), path)
    elif path[-1] != name:
        message = f'"{name}" is a group, and a reference is one image'
        yield Problem(path, message, f"write needs: [{name}] for all of its images")


def _platform_problems(here: Path, image: ImageSpec) -> Iterator[Problem]:
    for index, platform in enumerate(image.platforms):
        path = (*here, "platforms", index)
        if platform.os in _ARCHITECTURES and platform.architecture in SYSTEMS:
            turned = Platform(platform.architecture, platform.os, platform.variant)
            yield Problem(path, f'"{platform}" is not a platform', f'did you mean "{turned}"?')
        elif platform.os not in SYSTEMS:
            yield unknown("operating system", platform.os, SYSTEMS, path)
        elif platform.architecture not in _ARCHITECTURES:
            yield unknown("architecture", platform.architecture, _ARCHITECTURES, path)


def _policy_problems(spec: Spec) -> Iterator[Problem]:
    for name, policy in spec.tag_policies.items():
        here = ("tag_policies", name)
        if not NAME.fullmatch(name):
            yield _illegal_name(here, "a tag policy")
        rules = (*here, "rules")
        for index, rule in enumerate(policy.rules):
            if rule in policy.rules[:index]:
                yield Problem((*rules, index), f'"{rule}" is listed twice')
        yield from _tag_problems(rules, policy.rules, spec)


def _tag_problems(here: Path, rules: tuple[str, ...], spec: Spec) -> Iterator[Problem]:
    named = policy_of(rules)
    if named is not None and named not in spec.tag_policies:
        yield unknown("tag policy", named, spec.tag_policies, here)
    elif named is not None and len(rules) > 1:
        yield Problem(here, "a policy stands alone", f"write tags: {named}")
    elif named is None:
        for index, rule in enumerate(rules):
            found = _rule_error(rule)
            if found is not None:
                yield Problem((*here, index), found.message, found.hint, found.details)


@lru_cache(maxsize=1024)  # a thousand images share a few rules
def _rule_error(rule: str) -> SpecError | None:
    try:
        parsed(rule).check_legal()
    except SpecError as error:
        return error.with_traceback(None)
    return None


def _repository_problems(here: Path, spec: Spec) -> Iterator[Problem]:
    name = str(here[-1])
    own = spec.images[name].repository
    path = here if own is None else (*here, "repository")
    try:
        Repository("localhost", own or name)
        found = spec.repositories(name)
    except SpecError as error:
        hint = error.hint or _repository_hint(own)
        yield Problem(path, error.message, hint, error.details)
        return
    first, slash, _ = (own or name).partition("/")
    if slash and "." in first:
        message = f'"{own}" begins with a registry, "{first}"'
        yield Problem(path, message, "write only the path behind the prefix of the registry")
    for registry, repository in zip(spec.registries, found, strict=True):
        if repository.registry == DOCKER_HUB and repository.path.startswith("library/"):
            yield Problem(
                ("registries", registry, "prefix"),
                f'registry "{registry}" names no account on Docker Hub',
                "write docker.io/ACCOUNT",
            )


def _repository_hint(own: str | None) -> str:
    path, colon, _ = (own or "").partition(":")
    return f'write "{path}": tags are listed in "tags"' if colon else "write a legal one: acme/api"
