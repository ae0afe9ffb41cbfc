"""The schema that editors are given: it knows every key, says what each is, and is never stale."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from releaser.cli.app import run
from releaser.core.spec import (
    ImageSpec,
    Keeping,
    PruneSpec,
    RegistrySpec,
    SecretSpec,
    Spec,
    TagPolicySpec,
    TagSafetySpec,
    VersioningSpec,
    descriptions,
)
from releaser.core.tag_rules import flavor, rules
from releaser.errors import SpecError
from releaser.loader import load
from releaser.loader.including import SECTIONS
from releaser.loader.matrix import _EXTRA
from releaser.loader.profiles import PROFILE
from releaser.loader.schema import schema
from releaser.loader.variables import FIELDS

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
WHOLE = schema()
CHECKED = Draft202012Validator(WHOLE)
INCLUDED = Draft202012Validator(schema(included=True))
DEFINITIONS = WHOLE["$defs"]


class _Loader(yaml.SafeLoader):
    """YAML as editors read it: a date is text to them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in known if not tag.endswith("timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: bytes | str) -> Any:  # noqa: ANN401 - any document
    return _as_json(yaml.load(text, _Loader))  # noqa: S506 - a safe one


def _as_json(value: object) -> object:
    """With keys as text, as they are in JSON."""
    match value:
        case dict():
            return {str(key): _as_json(one) for key, one in value.items()}
        case list():
            return [_as_json(one) for one in value]
    return value


def complaints(text: bytes | str) -> list[str]:
    return [f"{one.json_path}: {one.message}" for one in CHECKED.iter_errors(read(text))]


def image(text: str) -> list[str]:
    return complaints(f"version: 1\nimages:\n  api: {text}\n")


# It is whole.


def test_it_is_a_legal_schema() -> None:
    Draft202012Validator.check_schema(WHOLE)
    Draft202012Validator.check_schema(schema(included=True))


def test_it_is_plain_json() -> None:
    assert json.loads(json.dumps(WHOLE)) == WHOLE


def _maps(node: object, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every map of properties in the schema, conditions left out."""
    match node:
        case dict():
            if isinstance(node.get("properties"), dict):
                yield path, node["properties"]
            for key, one in node.items():
                if key not in {"if", "then", "examples"}:
                    yield from _maps(one, f"{path}.{key}")
        case list():
            for index, one in enumerate(node):
                yield from _maps(one, f"{path}[{index}]")


def test_every_key_is_described() -> None:
    found = dict(_maps(WHOLE))
    assert len(found) >= 14
    for path, properties in found.items():
        for key, one in properties.items():
            text = one.get("description", "")
            assert text.endswith((".", "…", "NAME.")), f"{path}.{key} is not described"
            assert text[0].isupper() or key == "latest", f"{path}.{key}"


MODELS: dict[str, tuple[type[BaseModel], set[str]]] = {
    "image": (ImageSpec, {"extends", "matrix", "name"}),
    "registry": (RegistrySpec, set()),
    "secret": (SecretSpec, set()),
    "secret_by_id": (SecretSpec, set()),
    "fingerprints": (Keeping, set()),
    "versioning": (VersioningSpec, set()),
    "prune": (PruneSpec, set()),
    "policy": (TagPolicySpec, set()),
    "tag_safety": (TagSafetySpec, set()),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_has_every_field_of_a_model_and_no_more(name: str) -> None:
    model, written = MODELS[name]
    known = {field.alias or key for key, field in model.model_fields.items()}
    assert DEFINITIONS[name]["properties"].keys() == known | written
    assert DEFINITIONS[name]["additionalProperties"] is False


def test_it_has_every_key_of_a_file_and_no_more() -> None:
    assert WHOLE["properties"].keys() == Spec.model_fields.keys() | {"include", "profiles"}
    assert schema(included=True)["properties"].keys() == set(SECTIONS)
    assert DEFINITIONS["profile"]["properties"].keys() == set(PROFILE)
    assert DEFINITIONS["defaults"]["properties"].keys() == ImageSpec.model_fields.keys() - {
        "enabled"
    }
    assert DEFINITIONS["variable"]["anyOf"][1]["properties"].keys() == set(FIELDS)
    assert DEFINITIONS["matrix"]["properties"].keys() == set(_EXTRA)
    assert DEFINITIONS["flavor"]["properties"].keys() == set(flavor.KEYS)
    known = {name for names in rules.OWN.values() for name in names} | set(rules.COMMON)
    assert DEFINITIONS["rule"]["anyOf"][1]["properties"].keys() == known | {"type"}


def test_nothing_is_described_that_is_not_there() -> None:
    assert descriptions.IMAGE.keys() == DEFINITIONS["image"]["properties"].keys()
    assert descriptions.FILE.keys() == WHOLE["properties"].keys()
    assert descriptions.RULE.keys() == DEFINITIONS["rule"]["anyOf"][1]["properties"].keys()


def _patterns(node: object) -> Iterator[str]:
    match node:
        case dict():
            for key, one in node.items():
                if key == "pattern" and isinstance(one, str):
                    yield one
                yield from _patterns(one)
        case list():
            for one in node:
                yield from _patterns(one)


def test_patterns_are_those_of_editors_too() -> None:
    """ECMA-262 with the flag "u" knows fewer escapes than Python: nothing else may be escaped."""
    for pattern in _patterns(WHOLE):
        escaped = set(re.findall(r"\\(.)", pattern))
        assert escaped <= set("swdxSWD.^$*+?()[]{}|/\\-"), pattern
        assert "(?P" not in pattern
        assert "(?i" not in pattern


def test_every_example_is_valid() -> None:
    count = 0
    for path, properties in _maps(WHOLE):
        for key, one in properties.items():
            checked = Draft202012Validator({**one, "$defs": DEFINITIONS})
            for example in one.get("examples", ()):
                assert not list(checked.iter_errors(example)), f"{path}.{key}: {example}"
                count += 1
    assert count > 50


def allowed_in(text: str) -> list[str]:
    """What the complaint about a file says is allowed."""
    with pytest.raises(SpecError) as caught:
        load(text.encode(), "images.yaml", project="shop")
    found = [one for each in caught.value.problems for one in each.details if one[0] == "allowed"]
    return found[0][1].split(", ")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("images: {a: {zzzzzz: 1}}", DEFINITIONS["image"]),
        ("images: {a: {secrets: [{id: a, env: B, zzzzzz: 1}]}}", DEFINITIONS["secret"]),
        ("registries: {a: {prefix: a.example, zzzzzz: 1}}\nimages: {a: }", DEFINITIONS["registry"]),
        ("prune: {zzzzzz: 1}\nimages: {a: }", DEFINITIONS["prune"]),
        ("versioning: {zzzzzz: 1}\nimages: {a: }", DEFINITIONS["versioning"]),
        ("fingerprints: {zzzzzz: 1}\nimages: {a: }", DEFINITIONS["fingerprints"]),
        ("tag_policies: {a: {rules: x, zzzzzz: 1}}\nimages: {a: }", DEFINITIONS["policy"]),
        ("vars: {a: {zzzzzz: 1}}\nimages: {a: }", DEFINITIONS["variable"]["anyOf"][1]),
        ("profiles: {a: {zzzzzz: 1}}\nimages: {a: }", DEFINITIONS["profile"]),
        ("zzzzzz: 1\nimages: {a: }", WHOLE),
    ],
)
def test_it_knows_the_keys_that_complaints_allow(text: str, keys: dict[str, Any]) -> None:
    assert set(allowed_in(f"version: 1\n{text}\n")) == keys["properties"].keys()


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("versioning: {from: zzz}\nimages: {a: }", DEFINITIONS["versioning"]["properties"]["from"]),
        (
            "images: {a: {tags: [{type: zzz}]}}",
            DEFINITIONS["rule"]["anyOf"][1]["properties"]["type"],
        ),
        (
            "images: {a: {tags: [{type: ref, event: zzz}]}}",
            DEFINITIONS["rule"]["anyOf"][1]["properties"]["event"],
        ),
        (
            "images: {a: {tags: [{type: sha, format: zzz}]}}",
            DEFINITIONS["rule"]["anyOf"][1]["properties"]["format"],
        ),
    ],
)
def test_it_knows_the_words_that_complaints_allow(text: str, form: dict[str, Any]) -> None:
    assert allowed_in(f"version: 1\n{text}\n") == form["anyOf"][0]["enum"]


# It fits what loads.

VALID = [
    ROOT / "images.yaml.example",
    *sorted((ROOT / "examples").glob("*/images.yaml")),
    *sorted(
        path
        for path in GOLDEN.rglob("images.yaml")
        if not {"errors", "spec"}.intersection(path.relative_to(GOLDEN).parts[:1])
    ),
    *sorted(path.with_name("images.yaml") for path in GOLDEN.glob("spec/*/resolved.txt")),
]
PARTS = sorted(
    path
    for case in GOLDEN.glob("spec/*/resolved.txt")
    for path in case.parent.glob("*/**/*.yaml")
    if path.stat().st_size
)


@pytest.mark.parametrize("path", VALID, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_that_loads_is_valid(path: Path) -> None:
    assert complaints(path.read_bytes()) == []


@pytest.mark.parametrize("path", PARTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_that_is_included_is_valid(path: Path) -> None:
    assert [one.message for one in INCLUDED.iter_errors(read(path.read_bytes()))] == []


@pytest.mark.parametrize("page", ["README", "docs/publishing", "docs/tags"])
def test_what_the_documents_show_is_valid(page: str) -> None:
    text = (ROOT / f"{page}.md").read_text(encoding="utf-8").split("```")[1]
    shown = {"version": 1, "images": {"api": None}} | read(text.removeprefix("yaml\n"))
    assert [one.message for one in CHECKED.iter_errors(shown)] == []


def test_the_comments_of_the_example_are_valid_too() -> None:
    text = (ROOT / "images.yaml.example").read_text(encoding="utf-8")
    keys = r"^# (include:|profiles:|  production:|    defaults:|    images:)"
    text, count = re.subn(keys, r"\1", text, flags=re.MULTILINE)
    assert count == 5
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{args: {A: 1, B: true, C: 3.10, D: ~}}",
        "{args: [A=1, 'B={{version}}']}",
        "{platforms: linux/amd64}",
        "{platforms: ['linux/{{vars.arch}}', LINUX/AMD64, Windows/amd64]}",
        "{secrets: 'id=pip,env=PIP'}",
        "{secrets: {pip: {env: PIP}, npm: ~}}",
        "{secrets: [{id: a, file: b}, 'id=c,src=d']}",
        "{secrets: ~, tags: ~, platforms: ~, push_to: ~, target: ~, args: ~}",
        "{pull: yes, no_cache: 'off', enabled: '{{vars.x}}'}",
        "{tags: release}",
        "{tags: [1.4, latest, 'type=sha', {type: ref, event: pr, priority: 10}]}",
        "{tags: [{pattern: x, type: '{{vars.kind}}'}]}",
        "{extra_hosts: {a: [10.0.0.1, 10.0.0.2], b: 10.0.0.3}}",
        "{extra_hosts: ['a:10.0.0.1', 'b=10.0.0.2']}",
        "{needs: base}",
        "{needs: {a: ~, b: c}}",
        "{provenance: false}",
        "{provenance: 'mode=max,version=v1'}",
        "{extends: o, matrix: {a: [1, x, {b: 2}], include: [{c: {d: 1}}]}, name: 'x-{{image}}'}",
        "{matrix: {include: [{a: 1}]}}",
        "{shm_size: 256, ssh: [default, id=key]}",
        "{shm_size: 1.5GiB}",
        "{shm_size: 1.5}",
        "{shm_size: '{{vars.size}}'}",
    ],
)
def test_all_forms_of_an_image_are_valid(text: str) -> None:
    assert image(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "registries: {a: ghcr.io, b: {prefix: 'localhost:5000/x', insecure: true, concurrency: 4}}",
        "registries: {a: '{{vars.host}}/x'}",
        "vars: {a: 1, b: {default: x}, c: {required: true, type: flag, description: why}}",
        "groups: {a: api, b: [api, a, 'x*']}",
        "tag_policies: {a: [x, {type: sha}], b: edge, c: {rules: x, flavor: {latest: auto}}}",
        "tag_policies: {a: {rules: [x], tag_safety: {forward: no}, flavor: [suffix=-x]}}",
        "prune: {keep_last: 3, keep_within: ~, keep: a}",
        "versioning: {file: VERSION}",
        "defaults: ~\nprofiles: {a: ~, b: {images: {api: ~}, vars: {a: 1}}}",
        "x-own: {anything: [1, {a: b}]}",
        "include: services/*/images.yaml",
        "vars: ~\ngroups: ~\nregistries: ~\nproject: ~",
    ],
)
def test_all_forms_of_a_file_are_valid(text: str) -> None:
    assert complaints(f"version: 1\nimages: {{api: }}\n{text}\n") == []


def test_a_file_may_have_its_images_from_others() -> None:
    assert complaints("version: '1'\ninclude: [a.yaml]\n") == []
    assert complaints("version: 1\n") != []
    assert not list(INCLUDED.iter_errors(read("defaults: {context: x}\nx-a: 1\n")))
    assert list(INCLUDED.iter_errors(read("project: shop\n")))


# It sees what is wrong.


def _parsed() -> Iterator[tuple[str, object]]:
    """The wrong files that are YAML all the same, those aside that are made to be too much."""
    for path in sorted((GOLDEN / "errors").glob("*/images.yaml")):
        if path.parent.name in {"alias-bomb", "merge-bomb", "too-many-values"}:
            continue
        try:
            yield path.parent.name, read(path.read_bytes())
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue


def test_it_sees_what_a_schema_can_see(golden: Callable[[Path, str], None]) -> None:
    """What is left has its fault between two places, in a text that is a language of its own, or
    in YAML that a parser lets pass: no schema sees it."""
    cases = dict(_parsed())
    assert len(cases) > 150
    valid = {name for name, data in cases.items() if CHECKED.is_valid(data)}
    golden(GOLDEN / "schema-unseen.txt", "\n".join(sorted(valid)) + "\n")


@pytest.mark.parametrize(
    "text",
    [
        "{contxt: x}",
        "{matrix: {a: []}}",
        "{matrix: {a: ['{{vars.x}}']}}",
        "{secrets: [{id: a, env: B, file: c}]}",
        "{secrets: [{env: B}]}",
        "{tags: [{type: sha, pattern: x}]}",
        "{tags: [{type: semver}]}",
        "{tags: [{event: pr}]}",
        "{args: [A]}",
        "{context: /x}",
        "{context: ../x}",
        "{pull: maybe}",
        "{pull: 1}",
        "{push_to: [~]}",
        "{platforms: amd64}",
        "{shm_size: -1}",
        "{shm_size: true}",
        "just text",
    ],
)
def test_wrong_images_are_invalid(text: str) -> None:
    assert image(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "vars: {a: {default: x, type: zzz}}",
        "vars: {a: {type: text}}",
        "vars: {a: '{{version}}'}",
        "include: ../x.yaml",
        "include: /x.yaml",
        "include: ['{{vars.a}}']",
        "profiles: {a: {project: x}}",
        "defaults: {matrix: {a: [1]}}",
        "groups: {a: []}",
        "registries: {a: ~}",
        "registries: {a: {prefix: 'https://x'}}",
        "registries: {a: {prefix: x, concurrency: 65}}",
        "prune: {keep_last: -1}",
        "prune: {keep_within: 30}",
        "versioning: {from: file}",
    ],
)
def test_wrong_files_are_invalid(text: str) -> None:
    assert complaints(f"version: 1\nimages: {{api: }}\n{text}\n") != []


@pytest.mark.parametrize("text", ["0", "65", "1_0", "x", "'065'"])
def test_bounds_are_those_of_the_model(text: str) -> None:
    whole = (
        f"version: 1\nimages: {{api: }}\nregistries: {{a: {{prefix: x, concurrency: {text}}}}}\n"
    )
    with pytest.raises(SpecError):
        load(whole.encode(), "images.yaml", project="shop")


def test_the_command_prints_it_where_there_is_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == WHOLE
    assert run(["schema", "--included"]) == 0
    assert json.loads(capsys.readouterr().out) == INCLUDED.schema
