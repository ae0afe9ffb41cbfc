from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from releaser.core.spec import ImageSpec, RegistrySpec, SecretSpec, Spec, looks_secret
from releaser.errors import Location, SpecError
from releaser.loader import Loaded, find_spec, load, read_spec, yaml_tree
from releaser.loader.rendering import Layers
from releaser.loader.yaml_text import MAX_BYTES

ROOT = Path(__file__).parent.parent
EXAMPLE = (ROOT / "images.yaml.example").read_bytes()

WHOLE = """\
version: 1
project: shop
registries:
  ghcr: ghcr.io/acme/{{project}}
  hub: {prefix: docker.io/acme, concurrency: 2}
vars: {python: 3.10, flag: no}
defaults:
  context: services/{{image}}
  args: {PYTHON: "{{vars.python}}", MODE: "production"}
  push_to: [ghcr, hub]
  labels: ["version={{version}}"]
images:
  base:
  api:
    args: [MODE=debug, EXTRA=010]
    push_to: ~
    tags: ["{{version}}", "{{vars.flag}}-{{sha}}"]
    secrets:
      pip: {env: PIP_TOKEN}
    needs: {"alpine:3": ~, "base:latest": base}
  worker:
    args: {PYTHON: ~}
    context: jobs
"""


def loaded(text: str | bytes, **options: object) -> Loaded:
    content = text.encode() if isinstance(text, str) else text
    return load(content, "images.yaml", project="folder", **options)  # type: ignore[arg-type]


def refused(text: str | bytes, **options: object) -> SpecError:
    with pytest.raises(SpecError) as caught:
        loaded(text, **options)
    assert caught.value.code == 2
    return caught.value


def api(*lines: str) -> str:
    return "version: 1\nimages:\n  api:\n" + "".join(f"    {line}\n" for line in lines)


def test_the_whole_file_as_it_is_meant() -> None:
    spec = loaded(WHOLE).spec
    assert str(spec.repository("api", "ghcr")) == "ghcr.io/acme/shop/api"
    assert spec.registries["hub"].concurrency == 2
    assert spec.vars == {"python": "3.10", "flag": "no"}
    base, image, worker = spec.images["base"], spec.images["api"], spec.images["worker"]
    assert base.context == "services/base"
    assert base.args == (("MODE", "production"), ("PYTHON", "3.10"))
    assert base.labels == (("version", "{{version}}"),)
    assert image.args == (("EXTRA", "010"), ("MODE", "debug"), ("PYTHON", "3.10"))
    assert image.push_to is None
    assert spec.push_to("api") == ("ghcr", "hub")
    assert image.tags == ("{{version}}", "no-{{sha}}")
    assert image.secrets == (SecretSpec(id="pip", env="PIP_TOKEN"),)
    assert image.needs == (("alpine:3", None), ("base:latest", "base"))
    assert worker.args == (("MODE", "production"),)
    assert worker.context == "jobs"


def test_the_project_has_a_default() -> None:
    assert loaded(api("context: .")).spec.project == "folder"
    assert loaded("project: ~\n" + api("context: .")).spec.project == "folder"
    assert loaded("project: {{x}}\n".replace("{{x}}", "mine") + api()).spec.project == "mine"


@pytest.mark.parametrize(
    "text",
    [
        "3.10", "010", "0x1F", "1_0", "1e3", "12:30:45", "2024-01-02", "no", "on", "Null", "NULL",
        "00123456", ".inf", "0o17", "+1", "1.0", "true", "'~'", "'null'", "''", "=", "9" * 300,
    ],
)  # fmt: skip
def test_scalars_keep_their_text(text: str) -> None:
    spec = loaded(api(f"labels: {{a: {text}}}")).spec
    assert spec.images["api"].labels == (("a", text.strip("'")),)


@pytest.mark.parametrize("text", ["~", "null", ""])
def test_what_is_null(text: str) -> None:
    assert loaded(api(f"target: {text}")).spec.images["api"].target is None


def test_keys_keep_their_text_too() -> None:
    names = loaded("version: 1\nimages: {no: {}, 010: {}, 1.10: {}, null: {}}\n").spec.images
    assert list(names) == ["no", "010", "1.10", "null"]


def test_anchors_aliases_and_merge_keys() -> None:
    text = """\
version: 1
x-common: &common {target: runtime, args: {A: 1}}
x-more: &more {target: debug, no_cache: yes}
images:
  a: {<<: *common}
  b: {<<: [*common, *more], target: own}
  c: {args: {<<: {X: 2}, "<<": text}}
"""
    images = loaded(text).spec.images
    assert images["a"] == ImageSpec(target="runtime", args=(("A", "1"),))
    assert images["b"] == ImageSpec(target="own", args=(("A", "1"),), no_cache=True)
    assert images["c"].args == (("<<", "text"), ("X", "2"))


def test_an_alias_may_be_a_key() -> None:
    assert list(loaded("version: 1\nimages: {&n api: {target: *n }, b: {}}").spec.images) == [
        "api",
        "b",
    ]


@pytest.mark.parametrize(
    "text", [WHOLE.replace("\n", "\r\n"), "\ufeff" + WHOLE, f"---\n{WHOLE}...\n"]
)
def test_other_writings_of_the_same_file(text: str) -> None:
    assert loaded(text).spec == loaded(WHOLE).spec


def test_the_pure_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = loaded(EXAMPLE).spec
    monkeypatch.setattr(yaml_tree, "_PARSER", yaml.SafeLoader)
    assert loaded(EXAMPLE).spec == quick
    assert refused("a: [1").at is not None


# Variables


def test_variables_are_overridden_in_order() -> None:
    text = "vars: {py-version: a}\n" + api('target: "{{vars.py-version}}"')
    environment = {"RELEASER_VAR_PY_VERSION": "b"}
    assert loaded(text).spec.images["api"].target == "a"
    assert loaded(text, environment=environment).spec.images["api"].target == "b"
    both = loaded(text, environment=environment, variables={"py-version": "c"})
    assert both.spec.images["api"].target == "c"
    assert both.spec.vars == {"py-version": "c"}


@pytest.mark.parametrize("default", ["on", "yes", "TRUE", "1", "true", '"On"'])
@pytest.mark.parametrize("given", ["off", "No", "0", "false"])
def test_a_flag_has_one_text_however_it_is_written(default: str, given: str) -> None:
    text = (
        f"version: 1\nvars: {{f: {{default: {default}, type: flag}}}}\n"
        "images: {a: {args: {F: '{{vars.f}}'}}}\n"
    )
    assert loaded(text).spec.images["a"].args == (("F", "true"),)
    assert loaded(text, variables={"f": given}).spec.images["a"].args == (("F", "false"),)
    assert loaded(text).spec.vars == {"f": "true"}


@pytest.mark.parametrize(
    ("declared", "given", "hint"),
    [
        ("{default: 007, type: number}", None, "write one such as 7 or 1.5, or change the"),
        ("{default: 7, type: number}", "abc", "write one such as 7 or 1.5, or change the"),
        ("{required: true, type: flag}", "abc", "write one of these, or change the"),
        ("{default: 7}", "abc", "write its default in quotes"),
        ("7", "abc", "write its default in quotes"),
        ("false", "abc", "write its default in quotes"),
    ],
)
def test_what_may_be_changed_is_what_was_written(
    declared: str, given: str | None, hint: str
) -> None:
    text = f"version: 1\nvars: {{k: {declared}}}\nimages: {{a: {{}}}}\n"
    error = refused(text, variables={"k": given} if given else {})
    assert len(error.problems) == 1
    assert str(error.hint).startswith(hint)


def test_an_unknown_variable_is_refused_and_explained() -> None:
    error = refused("vars: {python: 1}\n" + api(), variables={"pyhton": "2"})
    assert error.hint == 'did you mean "python"?'


def test_a_variable_of_somebody_else_is_a_concern() -> None:
    (concern,) = loaded(
        "vars: {a: 1}\n" + api(), environment={"RELEASER_VAR_B": "1", "B": "2"}
    ).concerns
    assert concern.message == "RELEASER_VAR_B is set and no variable has that name"


def test_the_value_of_a_variable_is_never_repeated() -> None:
    error = refused("vars: {a: 1}\n" + api(), variables={"a": "{{hunter2}}"})
    assert "hunter2" not in f"{error} {error.details} {error.hint}"


def test_layers_are_looked_through_in_order() -> None:
    layers = Layers({"a": "1"}, {"a": "2", "b": "3"})
    assert dict(layers) == {"a": "1", "b": "3"}
    assert len(layers) == 2
    assert "c" not in layers


# Defaults


@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [
        ("args: {A: 1, B: 2}", "args: {B: 3}", {"args": {"A": "1", "B": "3"}}),
        ("args: [A=1, B=2]", "args: [B=3]", {"args": {"A": "1", "B": "3"}}),
        ("args: {A: 1}", "args: ~", {}),
        ("args: {A: 1}", "args: {A: ~}", {}),
        ("args: {A: ~}", "target: x", {"target": "x"}),
        ("tags: [a, b]", "tags: [c]", {"tags": ["c"]}),
        ("tags: [a, b]", "tags: []", {"tags": []}),
        ("tags: a", "tags: ~", {}),
        ("pull: yes", "pull: no", {}),
        (
            "secrets: {a: {env: A}}",
            "secrets: {b: {file: b}}",
            {"secrets": ["id=a,env=A", "id=b,file=b"]},
        ),
        ("secrets: {a: {env: A}}", "secrets: {a: {file: b}}", {"secrets": ["id=a,file=b"]}),
        (
            "pull: yes",
            "extra_hosts: ['a:10.0.0.1', 'a:::1', 'a=host-gateway']",
            {"pull": "yes", "extra_hosts": {"a": ["10.0.0.1", "::1", "host-gateway"]}},
        ),
        (
            "extra_hosts: ['a:10.0.0.1']",
            "extra_hosts: {b: 10.0.0.2}",
            {"extra_hosts": {"a": "10.0.0.1", "b": "10.0.0.2"}},
        ),
    ],
)
def test_defaults_are_merged(default: str, own: str, merged: dict[str, object]) -> None:
    spec = loaded(f"version: 1\ndefaults: {{{default}}}\nimages: {{api: {{{own}}}}}\n").spec
    assert spec.images["api"] == ImageSpec.model_validate(merged)


def test_what_is_wrong_in_the_defaults_is_said_once_and_there() -> None:
    images = ", ".join(f"i{number}: {{}}" for number in range(20))
    defaults = "{taggs: x, platforms: {}, push_to: [hub]}"
    text = f"version: 1\ndefaults: {defaults}\nimages: {{{images}}}\n"
    error = refused(text)
    assert [str(one) for one in error.problems] == [
        'images.yaml:2:12: unknown field "taggs" in "defaults"',
        'images.yaml:2:22: "platforms" in "defaults" must be a list of text, not a map',
        'images.yaml:2:47: unknown registry "hub"',
    ]


def test_what_is_wrong_in_an_alias_is_said_once() -> None:
    error = refused("version: 1\nx-a: &a {args: [1]}\nimages: {a: *a, b: *a, c: *a}\n")
    assert [str(one.at) for one in error.problems] == ["images.yaml:2:17"]


def test_unused_defaults_are_checked() -> None:
    assert (
        refused("version: 1\ndefaults: {target: [x]}\nimages: {api: {target: x}}\n").at is not None
    )


def test_defaults_cannot_make_a_big_file() -> None:
    images = ", ".join(f"i{number}: {{}}" for number in range(5_000))
    lines = ", ".join(f"A{number}: x" for number in range(300))
    text = f"version: 1\ndefaults: {{args: {{{lines}}}}}\nimages: {{{images}}}\n"
    assert "too many values" in refused(text).message


# Complaints


def test_all_complaints_come_at_once_in_the_files_order() -> None:
    text = """\
version: 2
registries: {hub: docker.io/acme/}
images:
  web: {context: ../web, tag: x}
  api:
    no_cache: perhaps
    needs: [wbe]
    tags: ["{{versoin}}"]
"""
    lines = [one.at.line if one.at else None for one in refused(text).problems]
    assert lines == [1, 2, 4, 4, 6, 7, 8]


def test_one_mistake_is_one_complaint() -> None:
    assert len(refused(api('platforms: ["linux/{{archi}}"]')).problems) == 1
    assert len(refused(api('context: "{{version}}/.."')).problems) == 1


def test_an_invalid_registry_still_has_its_name() -> None:
    error = refused("registries: {hub: a//b}\n" + api("push_to: hub"))
    assert len(error.problems) == 1


def test_many_complaints_are_cut_and_counted() -> None:
    error = refused(api() + "".join(f"x{number}: 1\n" for number in range(1_000)))
    assert len(error.problems) == 51
    assert error.problems[-1].message == "and 950 more"


def test_private_places_have_no_column() -> None:
    error = refused("registries: {r: joe:hunter2@ghcr.io/a}\n" + api())
    assert error.at == Location("images.yaml", 1)
    assert "hunter2" not in str(error)


# Places


def test_everything_has_a_place() -> None:
    one = loaded(WHOLE)
    places = {
        ("images", "api"): "14:3",
        ("images", "api", "args"): "15:5",
        ("images", "api", "args", "EXTRA"): "15:24",
        ("images", "api", "args", "PYTHON"): "9:18",
        ("images", "api", "tags", 1): "17:27",
        ("images", "api", "tags", "{{version}}"): "17:12",
        ("images", "api", "secrets", 0, "env"): "19:18",
        ("images", "api", "secrets", "pip"): "19:7",
        ("images", "api", "context"): "8:12",
        ("images", "worker", "context"): "23:14",
        ("images", "base", "push_to", 1): "10:19",
        ("images", "api", "nothing", 5, "here"): "14:3",
        ("images", "nobody"): "12:1",
        ("registries", "hub", "prefix"): "5:17",
        ("registries", "ghcr", "prefix"): "4:9",
        (): "1:1",
    }
    for path, place in places.items():
        assert str(one.location(path)) == f"images.yaml:{place}", path


@given(
    st.lists(
        st.one_of(st.integers(), st.sampled_from(["images", "api", "args", "tags", "0"])),
        max_size=6,
    )
)
def test_any_path_has_a_place(path: list[str | int]) -> None:
    at = _WHOLE.location(tuple(path))
    assert at.line
    assert at.column


_WHOLE = loaded(WHOLE)


# Concerns


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN",
        "NPM_TOKEN",
        "api_key",
        "DB_PASSWORD",
        "SECRET",
        "PRIVATE_KEY",
        "PYPI_APIKEY",
        "passwd",
    ],
)
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "TOKENIZER",
        "PASSWORD_FILE",
        "SECRET_NAME",
        "PUBLIC_KEY",
        "KEY",
        "MONKEY",
        "TOKEN_URL",
        "AUTHOR",
    ],
)
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)


def test_a_secret_in_an_arg_is_a_concern_without_its_value() -> None:
    text = (
        "defaults: {args: {NPM_TOKEN: hunter2, API_KEY: ''}}\nimages: {a: {}, b: {}}\nversion: 1\n"
    )
    (concern,) = loaded(text).concerns
    assert concern.message.startswith('images.yaml:1:30: build arg "NPM_TOKEN" looks like a secret')
    assert "secrets: [{id: npm_token, env: NPM_TOKEN}]" in str(concern.hint)
    assert "hunter2" not in str(concern)


def test_an_arg_without_a_value_is_a_concern() -> None:
    (concern,) = loaded(api("args: {A: , B: ''}")).concerns
    assert 'build arg "A" of image "api" has no value' in concern.message


# Bounds


def bomb(levels: int, form: str) -> str:
    lines = [form.format(n=n, m=n - 1) for n in range(1, levels)]
    return api() + "x0: &x0 {a: b}\n".replace("x0:", "x-0:") + "".join(lines)


@pytest.mark.parametrize(
    "form", ["x-{n}: &x{n} {{<<: [*x{m}, *x{m}]}}\n", "x-{n}: &x{n} [*x{m}, *x{m}]\n"]
)
def test_doubling_is_refused_at_once(form: str) -> None:
    text = bomb(60, form)
    times = []
    for _ in range(3):
        before = time.process_time()
        assert "more than" in refused(text).message
        times.append(time.process_time() - before)
    assert min(times) < 0.05


def test_a_long_chain_of_aliases_is_too_deep() -> None:
    text = api() + "x-0: &x0 [a]\n" + "".join(f"x-{n}: &x{n} [*x{n - 1}]\n" for n in range(1, 500))
    assert refused(text).message == "this is nested more than 50 levels deep"


@pytest.mark.parametrize("text", ["[" * 20_000, "{a: " * 20_000, "- " * 20_000, "? " * 20_000])
def test_deep_files_do_not_exhaust_the_stack(text: str) -> None:
    assert refused(text).at is not None


def test_a_big_file_is_refused() -> None:
    assert refused(b"#" * (MAX_BYTES + 1)).message == "the file is longer than 1 MiB"
    assert loaded(api() + "#" * (MAX_BYTES - 100)).spec.images


def test_many_unknown_keys_take_bounded_time() -> None:
    before = time.process_time()
    refused(api() + "".join(f"k{number}: 1\n" for number in range(90_000)))
    assert time.process_time() - before < 15


def test_a_thousand_images_load_quickly() -> None:
    image = """\
  svc{n}:
    context: services/svc{n}
    args: {{PY: "{{{{vars.python}}}}", NAME: svc{n}}}
    labels: {{title: svc{n}}}
    platforms: [linux/amd64, linux/arm64]
    tags: ["{{{{version}}}}", "{{{{major}}}}.{{{{minor}}}}", latest]
    secrets: [{{id: pip, env: PIP_TOKEN}}]
"""
    head = "version: 1\nvars: {python: 3.12}\nregistries: {a: a.io/x, b: b.io/y}\nimages:\n"
    content = (head + "".join(image.format(n=n) for n in range(1_000))).encode()
    times = []
    for _ in range(3):
        before = time.process_time()
        spec = load(content, "images.yaml", project="p").spec
        times.append(time.process_time() - before)
    assert len(spec.images) == 1_000
    assert min(times) < 1.5  # 0.2 s on an idle machine; coverage and neighbours take their share


# Properties


@given(st.binary(max_size=300))
@example(b"\xff")
@example(b"&a [*a]")
@example(b"? ? ?")
@example(b"a: &x b\n*x : c")
@example(b'"\\ud800": 1')
@example(b"!<tag:x> a: 1")
@example(b"%YAML 9.9\n--- a")
def test_any_bytes_load_or_are_refused(content: bytes) -> None:
    try:
        load(content, "f", project="p")
    except SpecError as error:
        assert all(one.message for one in error.problems)  # noqa: PT017 - either ending is right


_PIECES = [
    "{{",
    "}}",
    "[",
    "]",
    "{",
    "}",
    ":",
    "~",
    "*a",
    "&a ",
    "<<: ",
    "- ",
    "\t",
    "'",
    '"',
    "!!x ",
    "\n",
    "@",
]


@settings(max_examples=300)
@given(st.data())
def test_mutated_files_load_or_are_refused(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([WHOLE, EXAMPLE.decode()]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.sampled_from([*_PIECES, ""])) + text[at + length :]
    try:
        load(text.encode(), "f", project="p")
    except SpecError as error:
        assert all(one.message for one in error.problems)  # noqa: PT017 - either ending is right


_VALUES = st.recursive(
    st.none() | st.text("a1-.{}/: ", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab{=", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    st.dictionaries(st.sampled_from([*ImageSpec.model_fields, "odd"]), _VALUES, max_size=5), _VALUES
)
def test_any_document_loads_or_is_refused_in_words(
    fields: dict[str, object], value: object
) -> None:
    document = {"version": "1", "images": {"api": fields}, "defaults": value, "vars": value}
    document["registries"] = value
    try:
        load(yaml.safe_dump(document).encode(), "f", project="p")
    except SpecError as error:
        for one in error.problems:
            assert not re.search("Input should|pydantic|something else, not", one.message)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn"]), max_size=40))
def test_any_text_is_kept(text: str) -> None:
    if "{{" in text or "\ufeff" in text:
        return
    content = yaml.dump(
        {"version": "1", "images": {"api": {"labels": {"a": text}}}}, allow_unicode=True
    )
    spec = loaded(content).spec
    assert spec.images["api"].labels == (("a", text),)


def shuffled(value: object, order: random.Random) -> object:
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_means_nothing(order: random.Random) -> None:
    for text in (WHOLE, EXAMPLE.decode()):
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - keeps the text of scalars
        _restore_nulls(document)
        one = yaml.safe_dump(document, sort_keys=False)
        other = yaml.safe_dump(shuffled(document, order), sort_keys=False)
        assert loaded(one).spec == loaded(other).spec


def _restore_nulls(value: object) -> None:
    for key, item in value.items() if isinstance(value, dict) else ():
        if item in {"~", ""} if isinstance(item, str) else False:
            value[key] = None  # type: ignore[index]
        _restore_nulls(item)


# The example


def test_the_example_is_right() -> None:
    one = load(EXAMPLE, "images.yaml.example", project="shop")
    assert one.concerns == ()
    tools = [f"tools-py{one}" for one in ("3.11-slim", "3.12-slim", "3.12-full", "3.13-slim")]
    assert list(one.spec.images) == ["base", "api", "worker", *tools, "site"]


@pytest.mark.parametrize("model", [Spec, ImageSpec, RegistrySpec, SecretSpec])
def test_every_field_is_in_the_example(model: type[Spec]) -> None:
    text = EXAMPLE.decode()
    for field in model.model_fields:
        assert re.search(rf"^[^#\n]*\b{field}:", text, re.MULTILINE), f"{field} is not in it"


# On disk


def test_the_spec_is_found_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "images.yaml").touch()
    assert find_spec(deep) == tmp_path / "images.yaml"
    (deep / "images.yml").touch()
    assert find_spec(deep) == deep / "images.yml"


def test_the_search_ends_with_the_repository(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "images.yaml").touch()
    (tmp_path / "a" / ".git").mkdir()
    with pytest.raises(SpecError, match=r"no images\.yaml here or above") as caught:
        find_spec(deep)
    assert caught.value.details == (("looked from", str(deep)), ("up to", str(tmp_path / "a")))
    assert "images.yaml.example" in str(caught.value.hint)


def test_two_names_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "images.yaml").touch()
    (tmp_path / "images.yml").touch()
    with pytest.raises(SpecError, match="has both"):
        find_spec(tmp_path)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "images.yaml"
    path.write_bytes(b"version: 1\n")
    assert read_spec(path) == b"version: 1\n"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    cases = {
        tmp_path: "is a folder",
        tmp_path / "fifo": "is no regular file",
        Path("/dev/zero"): "is no regular file",
        tmp_path / "missing": "does not exist",
        tmp_path / "fifo" / "below": "does not exist",
        tmp_path / "loop": "cannot be read: ",
    }
    for path, message in cases.items():
        with pytest.raises(SpecError, match=message):
            read_spec(path)


def test_a_long_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "images.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SpecError, match="longer than 1 MiB"):
        read_spec(path)
