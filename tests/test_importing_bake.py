"""Bake files as drafts: what is carried over, and that all else is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from releaser import loader
from releaser.core.spec import Spec
from releaser.errors import SpecError
from releaser.importing.bake import from_bake
from releaser.importing.bounds import UnknowableError
from releaser.importing.draft import Draft
from releaser.importing.expressions import Scope, evaluate
from releaser.importing.hcl import parse_hcl, parse_template
from releaser.importing.renaming import with_legal_names
from releaser.importing.writing import write


def draft(text: str, file: str = "docker-bake.hcl", folder: str = ".") -> Draft:
    made = from_bake(text, file, project="shop", folder=folder, registry="localhost:5000/shop")
    return with_legal_names(made)


def spec_of(made: Draft) -> Spec:
    return loader.load(write(made).encode(), "images.yaml", project="x").spec


def fields(made: Draft, name: str) -> dict[str, Any]:
    data = yaml.safe_load(write(made))["images"][name]
    assert isinstance(data, dict)
    return data


def lost(made: Draft) -> set[tuple[str, str]]:
    return {(one.where, one.what) for one in made.lost}


# Expressions.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-1", -1),
        ('"a${1 + 1}b"', "a2b"),
        ('"$${x} %%{y} \\"q\\" \\u00e9\\n"', '${x} %{y} "q" é\n'),
        ("true && !false || no", True),
        ('tag == "" ? "latest" : tag', "1.2"),
        ('notequal("", tag) ? "v${tag}" : ""', "v1.2"),
        ('replace(tag, ".", "-")', "1-2"),
        ('join("-", concat(["a"], list))', "a-x-y"),
        ("upper(list[0])", "X"),
        ("map.k.deep", "d"),
        ('map["k"].deep', "d"),
        ('format("%s-%d%%", "a", 3)', "a-3%"),
        ('coalesce("", tag)', "1.2"),
        ('twice("x")', "xx"),
        ('split(",", "a,b")', ["a", "b"]),
        ('{a = 1, "b" : [2]}', {"a": 1, "b": [2]}),
        ("null", None),
        ("<<EOT\none\nEOT", "one\n"),
        ("<<-EOT\n    one\n      two\n    EOT", "one\n  two\n"),
        ("[ # comment\n 1, // more\n 2, /* and\n more */\n]", [1, 2]),
        ("element(list, 3)", "y"),
        ('"${list}"', ["x", "y"]),
        ('trimprefix("v1", "v")', "1"),
        ('formatlist("r:%s", compact(["latest", "", tag]))', ["r:latest", "r:1.2"]),
    ],
)
def test_expressions(text: str, value: object) -> None:
    body = parse_hcl(f"a = {text}\nno = false\n", "f")
    function = parse_hcl('function "twice" {\n params = [a]\n result = "${a}${a}"\n}', "f").blocks[
        0
    ]
    assert function.labels == ("twice",)
    scope = Scope(
        {"tag": "1.2", "no": False, "list": ["x", "y"], "map": {"k": {"deep": "d"}}},
        made_functions(),
    )
    assert evaluate(body.attributes["a"], scope) == value


def made_functions() -> dict[str, Any]:
    from releaser.importing.bake_document import read_bake
    from releaser.importing.draft import Losses

    text = 'function "twice" {\n params = [a]\n result = "${a}${a}"\n}\n'
    text += 'function "forever" {\n params = [a]\n result = forever(a)\n}\n'
    return dict(read_bake(text, "f", Losses()).functions)


@pytest.mark.parametrize(
    "text",
    [
        "unknown", "timestamp()", "[for x in list : x]", "{for k, v in map : k => v}", "list[*].a",
        'replace("a", "/b/", "c")', '"a${[1]}"', "forever(1)", "upper(1, 2)",
        '"%{ if x }a%{ endif }"',
        "1 / 0", 'coalesce("", null)', '"a" ? 1 : 2', "map.nothing", "lower()",
    ],
)  # fmt: skip
def test_what_has_no_value_says_why(text: str) -> None:
    expression = parse_hcl(f"a = {text}\n", "f").attributes["a"]
    with pytest.raises(UnknowableError) as caught:
        evaluate(expression, Scope({"list": ["x"], "map": {}}, made_functions()))
    assert str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('target "a" {\n  x = \n}\n', 2),
        ('target "a" {\n', 2),
        ('a = "open\n', 1),
        ("a = [1, 2\n", 2),
        ("a = {b 1}\n", 1),
        ("a = f(1\n", 2),
        ('a = "\\q"\n', 1),
        ("?", 1),
        ("a = 1\na = 2\n", 2),
        ("a = <<E\nnever\n", 2),
        ("a = " + "[" * 100, 1),
        ('a {\n x "y\n', 2),
    ],
)
def test_what_is_not_hcl_is_complained_of(text: str, line: int) -> None:
    with pytest.raises(SpecError) as caught:
        parse_hcl(text, "docker-bake.hcl")
    assert caught.value.at is not None
    assert (caught.value.at.file, caught.value.at.line) == ("docker-bake.hcl", line)


def test_strings_of_json_are_templates() -> None:
    assert evaluate(parse_template("a${b}$${c}", "f"), Scope({"b": "x"})) == "ax${c}"
    with pytest.raises(SpecError):
        parse_template("${", "f")
    with pytest.raises(SpecError):
        draft('{"target": {"a": ', "docker-bake.json")
    with pytest.raises(SpecError):
        draft('{"target": {"a": 1}}', "docker-bake.json")


# Targets.


WHOLE = """\
variable "TAG" { default = "latest" }
variable "NUMBER" { default = 3 }
variable "DEBUG" { default = false }
variable "LIST" { default = ["a"] }
variable "NONE" {}
target "all" {
  context = "./services/all/"
  dockerfile = "docker/Dockerfile"
  target = "rt"
  args = { A = NUMBER, B = "${TAG}-${DEBUG}", C = NONE, D = true }
  labels = { l = "v" }
  contexts = { base = "target:other", lib = "lib", img = "docker-image://alpine:3", up = "../up" }
  platforms = ["linux/amd64"]
  tags = ["ghcr.io/acme/shop/all:${TAG}", "docker.io/acme/all:x"]
  secret = ["id=a,env=A_TOKEN", "type=file,id=b,src=b.txt", { id = "c" }, "id=d,src=/etc/d"]
  ssh = ["default", "key=./id"]
  cache-from = ["type=gha", { type = "registry", ref = "r/c" }]
  cache-to = ["type=gha,mode=max"]
  attest = ["type=provenance,mode=max", "type=sbom"]
  extra-hosts = { h = "1.2.3.4" }
  network = "host"
  entitlements = ["network.host", "security.insecure"]
  shm-size = "64m"
  no-cache = true
  pull = true
  annotations = ["a=b"]
  ulimits = ["nofile=1:1"]
  no-cache-filter = ["x"]
  output = ["type=registry"]
  call = "check"
  resources = { memory = "1g" }
  policy = [{ filename = "p.rego" }]
  description = "everything"
}
target "other" {
  contexts = { all = "target:other2" }
  tags = ["ghcr.io/acme/shop/deep/other:${TAG}"]
}
target "other2" {}
"""


def test_every_attribute() -> None:
    made = draft(WHOLE)
    assert fields(made, "all") == {
        "context": "services/all",
        "dockerfile": "docker/Dockerfile",
        "target": "rt",
        "args": {"A": "{{vars.NUMBER}}", "B": "{{vars.TAG}}-{{vars.DEBUG}}", "C": "{{vars.NONE}}",
                 "D": "true"},
        "labels": {"l": "v"},
        "platforms": ["linux/amd64"],
        "tags": ["{{vars.TAG}}", "x"],
        "additional_contexts": {"base": "target:other", "lib": "lib",
                                "img": "docker-image://alpine:3"},
        "secrets": [{"id": "a", "env": "A_TOKEN"}, {"id": "b", "file": "b.txt"},
                    {"id": "c", "env": "c"}, {"id": "d", "env": "D"}],
        "ssh": ["default", "key=./id"],
        "extra_hosts": {"h": "1.2.3.4"},
        "network": "host",
        "shm_size": "64m",
        "no_cache": True,
        "pull": True,
        "provenance": "mode=max",
        "cache_from": ["type=gha", "type=registry,ref=r/c"],
        "cache_to": ["type=gha,mode=max"],
    }  # fmt: skip
    assert yaml.safe_load(write(made))["registries"] == {
        "ghcr": "ghcr.io/acme/shop", "hub": "docker.io/acme",
    }  # fmt: skip
    assert fields(made, "other")["repository"] == "deep/other"
    assert fields(made, "other")["push_to"] == ["ghcr"]
    assert fields(made, "other2") == {"push_to": []}
    assert yaml.safe_load(write(made))["vars"] == {
        "TAG": "latest", "NUMBER": 3, "DEBUG": False, "NONE": "",
    }  # fmt: skip
    assert "# everything" in write(made)
    assert spec_of(made).images["all"].args[0] == ("A", "3")


def test_everything_that_is_lost_is_said() -> None:
    made = draft(WHOLE)
    assert lost(made) == {
        ("target all", "contexts.up"), ("target all", "secret d"),
        ("target all", "attestation sbom"),
        ("target all", "entitlements"), ("target all", "output"), ("target all", "annotations"),
        ("target all", "ulimits"), ("target all", "no-cache-filter"), ("target all", "call"),
        ("target all", "resources"), ("target all", "policy"), ("variable LIST", "the variable"),
        ("image all", "tags that differ between registries"),
    }  # fmt: skip
    text = write(made)
    said = " ".join(
        text.partition("# What could not be carried over:")[2].replace("\n#", "").split()
    )
    assert all(" ".join(str(one).split()) in said for one in made.lost)


def test_a_url_an_inline_dockerfile_and_no_image_are_not_enabled() -> None:
    made = draft(
        'target "inline" {\n dockerfile-inline = "FROM scratch"\n}\n'
        'target "local" {\n output = ["type=local,dest=bin"]\n}\n'
        'target "short" {\n output = ["bin"]\n}\n'
        'target "image" {\n output = ["type=image,push=true"]\n}\n'
        'target "used" {\n output = ["type=cacheonly"]\n}\n'
        'target "user" {\n contexts = { a = "target:used" }\n}\n'
        'target "far" {\n context = "https://github.com/a/b.git"\n}\n'
    )
    enabled = {one.name for one in made.images if one.enabled}
    assert enabled == {"image", "used", "user", "far"}
    assert ("target far", "context") in lost(made)


def test_lists_that_bake_appends_and_those_that_it_replaces() -> None:
    made = draft(
        'target "a" {\n secret = ["id=a"]\n cache-from = ["type=gha"]\n ssh = ["default"]\n'
        ' platforms = ["linux/amd64"]\n cache-to = ["type=gha"]\n tags = ["x.io/p/a:1"]\n}\n'
        'target "b" {\n inherits = ["a"]\n secret = ["id=b"]\n cache-from = ["type=inline"]\n'
        ' ssh = ["k=f"]\n platforms = ["linux/arm64"]\n cache-to = ["type=inline"]\n'
        ' tags = ["x.io/p/b:1"]\n}\n'
        'target "c" {\n inherits = ["a", "b"]\n secret = ["id=c"]\n'
        ' tags = ["x.io/p/c:1"]\n args = { X = null }\n}\n'
    )
    found = spec_of(made).images
    assert [one.id for one in found["b"].secrets] == ["a", "b"]
    assert found["b"].cache_from == ("type=gha", "type=inline")
    assert found["b"].ssh == ("default", "k=f")
    assert [str(one) for one in found["b"].platforms] == ["linux/arm64"]
    assert found["b"].cache_to == ("type=inline",)
    assert [one.id for one in found["c"].secrets] == ["a", "b", "c"]
    assert found["c"].args == ()


def test_a_matrix_with_maps_and_what_is_computed_of_it() -> None:
    made = draft(
        'variable "V" { default = "7" }\nvariable "OS" { default = ["a.b", "c"] }\n'
        'target "m" {\n name = "m-${replace(os, ".", "-")}-${tool.n}"\n'
        ' matrix = {\n  os = OS\n  tool = [{ n = "x", v = 1 }, { n = "y", v = 2 }]\n }\n'
        ' args = { OS = os, T = tool.v, UP = "${upper(os)}-${V}",\n'
        '  BOTH = upper("${os}${tool.n}${V}") }\n'
        ' tags = ["quay.io/acme/m:${os}-${tool.n}"]\n}\n'
        'group "default" { targets = ["m-c-x", "m"] }\n'
    )
    spec = spec_of(made)
    assert list(spec.images) == ["m-a-b-x", "m-a-b-y", "m-c-x", "m-c-y"]
    assert dict(spec.images["m-a-b-y"].args) == {
        "OS": "a.b", "T": "2", "UP": "A.B-7", "BOTH": "A.BY7",
    }  # fmt: skip
    assert spec.images["m-c-x"].tags == ("c-x",)
    assert str(spec.repositories("m-c-x")[0]) == "quay.io/acme/m"
    assert ("target m", "args.BOTH") in lost(made)
    assert "V" in made.vars
    assert spec.groups["default"] == ("m-c-x", "m")


def test_axes_that_a_matrix_cannot_have_are_said() -> None:
    made = draft(
        'target "m" {\n name = "m-${a}"\n matrix = {\n  a = ["x"]\n  b = [["y"]]\n  c = []\n'
        "  d = [null]\n  e = [{ f = [1] }]\n }\n}\n"
    )
    assert fields(made, "m")["matrix"] == {"a": ["x"]}
    assert {what for _, what in lost(made)} == {"matrix.b", "matrix.c", "matrix.d", "matrix.e"}


def test_variables_in_references() -> None:
    made = draft(
        'variable "REPO" { default = "ghcr.io/acme/shop" }\nvariable "ORG" { default = "acme" }\n'
        'variable "FULL" { default = "quay.io/acme/full" }\n'
        'target "a" {\n tags = ["${REPO}/a:1"]\n}\ntarget "b" {\n tags = ["${ORG}/b"]\n}\n'
        'target "c" {\n tags = ["${FULL}:2"]\n}\ntarget "d" {\n tags = ["local:dev"]\n}\n'
    )
    assert dict(made.registries) == {
        "ghcr": "{{vars.REPO}}", "hub": "docker.io/{{vars.ORG}}", "quay": "quay.io/acme",
        "local": "localhost:5000/shop",
    }  # fmt: skip
    spec = spec_of(made)
    assert str(spec.repository("a", "ghcr")) == "ghcr.io/acme/shop/a"
    assert spec.images["c"].repository == "full"
    assert spec.images["d"].repository == "local"
    assert spec.images["d"].push_to == ("local",)


def test_a_path_that_differs_between_registries_is_said() -> None:
    made = draft('target "a" {\n tags = ["ghcr.io/x/y/a:1", "docker.io/x/y-a:1"]\n}\n')
    assert ("image a", "y-a in hub") in lost(made) or ("image a", "a in ghcr") in lost(made)
    assert spec_of(made).images["a"].tags == ("1",)


def test_names_that_are_not_legal_and_what_a_workflow_makes() -> None:
    made = draft(
        'target "docker-metadata-action" {}\n'
        'target "_x" {\n inherits = ["docker-metadata-action"]\n}\n'
        'target "made" {\n inherits = ["docker-metadata-action"]\n}\n'
        'target "cross" {\n inherits = ["made"]\n tags = []\n}\n'
        'target "tagged" {\n tags = ["x.io/p/tagged:1"]\n}\n'
        'target "X" {\n inherits = ["_x"]\n contexts = { a = "target:_y" }\n}\ntarget "_y" {}\n'
        'group "all" { targets = ["X", "_y", "gone"] }\ngroup "X" { targets = ["_y"] }\n'
    )
    assert [one.name for one in made.images] == ["x", "made", "cross", "tagged", "X-2", "y"]
    assert fields(made, "made") == {}
    assert fields(made, "cross") == {"extends": "made"}
    assert fields(made, "y") == {"push_to": []}
    assert fields(made, "X-2")["additional_contexts"] == {"a": "target:y"}
    assert fields(made, "X-2")["repository"] == "x-2"
    assert made.groups["all"] == ["X-2", "y"]
    where = {one.where for one in made.lost}
    assert {"target _x", "name X", "group all", "group X"} <= where


def test_variants_that_inherit_what_their_values_name() -> None:
    made = draft(
        'target "api" {\n context = "api"\n}\ntarget "web" {\n context = "web"\n}\n'
        'target "ci" {\n name = "ci-${img}"\n matrix = {\n  img = ["api", "web"]\n }\n'
        ' inherits = [img, "docker-metadata-action"]\n args = { A = upper(img), L = [img][0] }\n'
        ' cache-from = ["type=gha,scope=${img}"]\n}\n'
        'target "docker-metadata-action" {\n tags = ["local:dev"]\n}\n'
        'group "default" { targets = ["ci"] }\n'
    )
    spec = spec_of(made)
    assert spec.groups == {"default": ("ci",), "ci": ("ci-api", "ci-web")}
    assert spec.images["ci-web"].context == "web"
    assert dict(spec.images["ci-web"].args) == {"A": "WEB", "L": "web"}
    assert spec.images["ci-api"].cache_from == ("type=gha,scope=api",)
    assert {one.name for one in made.images if not one.enabled} == {"api", "web"}


def test_json_says_the_same() -> None:
    data = {
        "variable": {"TAG": {"default": "1"}},
        "group": {"default": {"targets": ["a"]}},
        "target": {
            "a": {"args": {"X": "${TAG}", "Y": "$${Z}", "N": 3}, "tags": ["x.io/p/a:${TAG}"]}
        },
        "more": {"odd": 1},
    }
    made = draft(json.dumps(data), "docker-bake.json")
    assert fields(made, "a") == {
        "args": {"X": "{{vars.TAG}}", "Y": "${Z}", "N": "3"}, "tags": ["{{vars.TAG}}"],
    }  # fmt: skip


def test_braces_cannot_be_carried_over() -> None:
    made = draft('target "a" {\n args = { F = "{{.Version}}", G = "x" }\n}\n')
    assert fields(made, "a")["args"] == {"G": "x"}
    assert ("target a", "args.F") in lost(made)


def test_paths_of_a_file_in_a_folder() -> None:
    made = draft(
        'target "a" {\n context = ".."\n dockerfile = "ci/D"\n contexts = { l = "lib" }\n}\n'
        'target "b" {}\ntarget "c" {\n context = "../.."\n}\n',
        folder="ci",
    )
    assert fields(made, "a") == {
        "context": ".", "dockerfile": "ci/D", "additional_contexts": {"l": "ci/lib"},
    }  # fmt: skip
    assert fields(made, "b") == {"context": "ci"}
    assert ("target c", "context") in lost(made)


@pytest.mark.parametrize(
    ("parents", "circle"),
    [({"a": "a"}, "a <- a"), ({"a": "b", "b": "c", "c": "b"}, "<- b")],
)
def test_targets_in_a_circle_are_refused(parents: dict[str, str], circle: str) -> None:
    text = "".join(
        f'target "{name}" {{\n  inherits = ["{above}"]\n}}\n' for name, above in parents.items()
    )
    with pytest.raises(SpecError, match="in a circle") as caught:
        draft(text)
    assert circle in dict(caught.value.details)["circle"]


def chain(length: int) -> str:
    below = "".join(f'target "t{n}" {{\n  inherits = ["t{n - 1}"]\n}}\n' for n in range(1, length))
    return f'target "t0" {{\n  context = "x"\n}}\n{below}'


def test_targets_inherit_so_deep_and_no_deeper() -> None:
    assert len(draft(chain(100)).images) == 100
    with pytest.raises(SpecError, match="too deeply"):
        draft(chain(101))


SCOPE = Scope({"long": "x" * 60_000, "many": ["x"] * 60_000, "big": 1 << 500})


@pytest.mark.parametrize(
    "text",
    [
        '"${long}${long}"',
        "[many, many]",
        "{a = many, b = many}",
        "concat(many, many)",
        "join(long, many)",
        'replace(long, "x", long)',
        'format("%s%s", long, long)',
        "formatlist(long, [long, long, many])",
        "big * big",
        "1e300 * big * 1e300",
    ],
)
def test_no_value_grows_without_bounds(text: str) -> None:
    with pytest.raises(UnknowableError):
        evaluate(parse_template(f"${{{text}}}", "f"), SCOPE)


def test_variables_that_double_forty_times_are_not_carried_over() -> None:
    doubled = "".join(
        f'variable "v{n}" {{\n  default = "${{v{n + 1}}}${{v{n + 1}}}"\n}}\n' for n in range(40)
    )
    made = draft(
        f'{doubled}variable "v40" {{\n  default = "x"\n}}\n'
        'target "api" {\n  context = "api"\n  args = {A = v0}\n}\n'
    )
    assert any("longer than 65536 characters" in one.why for one in made.lost)
    assert len(write(made)) < 10_000


@pytest.mark.parametrize("inherits", ["", 'inherits = ["base-${a}"]'])
def test_a_matrix_of_too_many_variants_is_not_carried_over(inherits: str) -> None:
    axis = json.dumps([f"x{n}" for n in range(60)])
    made = draft(
        f'target "api" {{\n  name = "api-${{a}}-${{b}}-${{c}}"\n  context = "api"\n  {inherits}\n'
        f"  matrix = {{a = {axis}, b = {axis}, c = {axis}}}\n"
        '  args = {A = upper("${a}${b}${c}")}\n}\n'
    )
    assert any("216000 variants, and 1000 are allowed" in one.why for one in made.lost)
    assert "matrix" not in fields(made, "api")
