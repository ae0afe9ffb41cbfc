from __future__ import annotations

import pytest
from pydantic import ValidationError

from releaser.core.oci import Platform
from releaser.core.spec import ImageSpec, Problem, RegistrySpec, SecretSpec, Spec, problems, unknown
from releaser.core.spec.build_values import rooted
from releaser.core.spec.nearest import nearest
from releaser.core.spec.paths import check_inside, check_remote, is_remote, join
from releaser.core.spec.problems import MAX_PROBLEMS
from releaser.errors import SpecError


def spec(**fields: object) -> Spec:
    return Spec.model_validate({"version": "1", "project": "shop", "images": {"api": {}}, **fields})


def image(**fields: object) -> ImageSpec:
    return ImageSpec.model_validate(fields)


def messages(checked: Spec) -> list[str]:
    return [problem.message for problem in problems(checked)]


def test_the_smallest_spec() -> None:
    smallest = spec()
    assert smallest.images["api"] == ImageSpec()
    assert problems(smallest) == ()
    assert smallest.push_to("api") == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"B": "2", "A": "1"}, (("A", "1"), ("B", "2"))),
        (["B=2", "A=1"], (("A", "1"), ("B", "2"))),
        (["A=b=c", "B="], (("A", "b=c"), ("B", ""))),
        ((("A", "1"),), (("A", "1"),)),
        ({}, ()),
    ],
)
def test_args_are_a_map_or_lines(written: object, read: object) -> None:
    assert image(args=written).args == read
    assert image(labels=written).labels == read
    assert image(additional_contexts=written).additional_contexts == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["a=10.0.0.1", "b:10.0.0.2"], (("a", "10.0.0.1"), ("b", "10.0.0.2"))),
        (["a=::1"], (("a", "::1"),)),
        (["a:1", "a:2"], (("a", "1"), ("a", "2"))),
        ({"b": "1", "a": ["2", "3"]}, (("a", "2"), ("a", "3"), ("b", "1"))),
    ],
)
def test_hosts_may_have_several_addresses(written: object, read: object) -> None:
    assert image(extra_hosts=written).extra_hosts == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("base", (("base", "base"),)),
        (["b", "a"], (("b", "b"), ("a", "a"))),
        ({"x:1": "b", "a": None}, (("a", None), ("x:1", "b"))),
    ],
)
def test_needs_are_names_or_references(written: object, read: object) -> None:
    assert image(needs=written).needs == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ([{"id": "pip", "env": "TOKEN"}], SecretSpec(id="pip", env="TOKEN")),
        ({"pip": {"env": "TOKEN"}}, SecretSpec(id="pip", env="TOKEN")),
        ("id=pip,env=TOKEN", SecretSpec(id="pip", env="TOKEN")),
        (["id=pip,src=a/b"], SecretSpec(id="pip", file="a/b")),
        (["type=file,id=pip,source=a/b"], SecretSpec(id="pip", file="a/b")),
        (["type=env,id=pip,src=TOKEN"], SecretSpec(id="pip", env="TOKEN")),
    ],
)
def test_secrets_in_every_form(written: object, read: SecretSpec) -> None:
    assert image(secrets=written).secrets == (read,)


@pytest.mark.parametrize("field", ["platforms", "push_to", "tags", "ssh", "cache_from", "cache_to"])
def test_one_text_is_a_list_of_one(field: str) -> None:
    text = "linux/amd64"
    (item,) = getattr(image(**{field: text}), field)
    assert str(item) == text


@pytest.mark.parametrize("text", ["true", "True", "YES", "on", True])
def test_what_is_true(text: object) -> None:
    assert image(no_cache=text).no_cache is True


@pytest.mark.parametrize("text", ["false", "No", "off", False])
def test_what_is_false(text: object) -> None:
    assert image(pull=text).pull is False


@pytest.mark.parametrize("text", ["1", "y", "", "maybe", None, 1, []])
def test_what_is_neither(text: object) -> None:
    with pytest.raises(ValidationError, match="must be true or false"):
        image(pull=text)


@pytest.mark.parametrize("number", ["1", "64", 8])
def test_whole_numbers(number: object) -> None:
    registry = RegistrySpec.model_validate({"prefix": "ghcr.io/a", "concurrency": number})
    assert registry.concurrency == int(str(number))


@pytest.mark.parametrize(
    "number", ["0", "65", "-1", "08", "1_0", "1e1", "0x1F", "1.0", "٣", True, 1.5]
)
def test_other_numbers(number: object) -> None:
    with pytest.raises(ValidationError, match="a whole number from 1 to 64"):
        RegistrySpec.model_validate({"prefix": "ghcr.io/a", "concurrency": number})


@pytest.mark.parametrize("size", ["64m", "1g", "1.5 GB", "1024", "2MiB"])
def test_sizes(size: str) -> None:
    assert image(shm_size=size).shm_size == size


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        ("true", "mode=min"),
        (True, "mode=min"),
        ("no", None),
        (None, None),
        ("mode=max", "mode=max"),
        ("mode=max,builder-id=https://ci.example/7", "mode=max,builder-id=https://ci.example/7"),
    ],
)
def test_provenance(written: object, settings: str | None) -> None:
    assert image(provenance=written).provenance == settings


@pytest.mark.parametrize(
    "written", ["", "max", "mode=most", "mode=max,", "disabled=true", "type=sbom", 3, ["mode=max"]]
)
def test_other_provenance_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        image(provenance=written)


def test_platforms_are_canonical() -> None:
    assert image(platforms=["linux/x86_64"]).platforms == (Platform("linux", "amd64"),)


def test_a_spec_comes_back_from_its_own_data() -> None:
    whole = spec(
        registries={"ghcr": "ghcr.io/acme"},
        images={
            "base": {},
            "api": {
                "args": {"A": "1"}, "needs": {"base": "base", "x": None}, "platforms": "linux/arm",
                "extra_hosts": {"h": ["1", "2"]}, "secrets": "id=a,env=B", "tags": ["latest"],
            },
        },
    )  # fmt: skip
    assert Spec.model_validate(whole.model_dump(by_alias=True)) == whole
    assert Spec.model_validate_json(whole.model_dump_json(by_alias=True)) == whole


@pytest.mark.parametrize(
    "fields",
    [
        {"platforms": [3]}, {"secrets": 3}, {"secrets": ["pip"]}, {"args": 3}, {"args": [3]},
        {"needs": 3}, {"needs": [3]}, {"needs": ["a", "a"]}, {"extra_hosts": 3}, {"tags": 3},
        {"extra_hosts": ["a"]}, {"target": ""}, {"shm_size": "-1"},
        {"shm_size": "9" * 32}, {"shm_size": "1025g"}, {"context": None},
    ],
)  # fmt: skip
def test_values_of_other_kinds_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        image(**fields)


@pytest.mark.parametrize(
    "source",
    ["libraries/x", "docker-image://alpine:3", "https://x/y.git", "target:base", "service:base"],
)
def test_additional_contexts_may_be_folders_images_and_urls(source: str) -> None:
    assert problems(spec(images={"api": {"additional_contexts": {"x": source}}})) == ()


def test_models_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        image(tag="x")
    with pytest.raises(ValidationError):
        spec().images["api"].context = "x"  # type: ignore[misc]
    assert hash(image(args=["A=1"])) == hash(image(args={"A": "1"}))


@pytest.mark.parametrize(
    ("prefix", "repository"),
    [
        ("ghcr.io/acme", "ghcr.io/acme/api"),
        ("acme", "docker.io/acme/api"),
        ("docker.io/acme", "docker.io/acme/api"),
        ("localhost:5000", "localhost:5000/api"),
        ("localhost", "localhost/api"),
        ("[::1]:5000/a/b", "[::1]:5000/a/b/api"),
    ],
)
def test_where_an_image_goes(prefix: str, repository: str) -> None:
    one = spec(registries={"r": prefix})
    assert str(one.repository("api", "r")) == repository
    assert one.push_to("api") == ("r",)
    assert [str(found) for found in one.repositories("api")] == [repository]


def test_an_image_may_choose_its_registries_and_its_path() -> None:
    one = spec(
        registries={"a": "a.io/x", "b": "b.io"},
        images={"api": {"push_to": "b", "repository": "jobs/api"}},
    )
    assert one.push_to("api") == ("b",)
    assert str(one.repository("api", "b")) == "b.io/jobs/api"
    assert len(one.repositories("api")) == 2


@pytest.mark.parametrize("prefix", ["joe:pw@ghcr.io/a", "https://joe:pw@ghcr.io/a", "joe@ghcr.io"])
def test_a_login_in_a_prefix_is_not_repeated(prefix: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RegistrySpec(prefix=prefix)
    (error,) = caught.value.errors()
    assert error["msg"] == "the prefix has a login in it"
    assert "joe" not in str(error["ctx"])


@pytest.mark.parametrize("host", ["docker.io/acme", "acme", "ghcr.io/acme"])
def test_public_registries_are_never_insecure(host: str) -> None:
    with pytest.raises(ValidationError, match="cannot be insecure"):
        RegistrySpec(prefix=host, insecure=True)
    assert RegistrySpec(prefix="localhost:5000", insecure=True).insecure


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (".", "."), ("a/b", "."), ("./a", "."), ("a/../b", "."), ("../Dockerfile", "services/api"),
        ("..hidden/a", "."), ("a b", "."), ("../../x", "a/b"), ("...", "."), ("a/./../.", "."),
    ],
)  # fmt: skip
def test_paths_inside(path: str, folder: str) -> None:
    check_inside(path, folder)


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("..", "."), ("a/../..", "."), ("/", "."), ("/a", "."), ("~", "."), ("~/a", "."), ("", "."),
        ("-", "."), ("--help", "."), ("a\\b", "."), ("C:/a", "."), ("c:\\a", "."),
        ("../../../x", "a/b"), ("../..", "a"), ("a/../../b", "."),
    ],
)  # fmt: skip
def test_paths_outside(path: str, folder: str) -> None:
    with pytest.raises(SpecError):
        check_inside(path, folder)


def test_paths_are_joined() -> None:
    assert join("services/api", "../Dockerfile") == "services/Dockerfile"
    assert join(".", ".") == "."
    assert join("a", "../../b") == "../b"


@pytest.mark.parametrize(
    ("context", "remote"),
    [
        ("https://x/y.git", True), ("git@github.com:a/b", True), ("ssh://git@x/y", True),
        ("docker-image://alpine", True), ("services/api", False), ("github.com/a/b", False),
    ],
)  # fmt: skip
def test_remote_contexts(context: str, remote: bool) -> None:
    assert is_remote(context) is remote


@pytest.mark.parametrize("url", ["https://tok@x/y", "http://a:b@x", "ssh://git:pw@x/y"])
def test_a_login_in_a_url_is_refused(url: str) -> None:
    with pytest.raises(SpecError, match="carries a login"):
        check_remote(url)


@pytest.mark.parametrize("url", ["https://x/y@z", "ssh://git@x/y", "git@github.com:a/b"])
def test_urls_without_a_login(url: str) -> None:
    check_remote(url)


def test_unknown_names_say_what_was_meant() -> None:
    found = unknown("image", "bsae", ["base", "api"], ("images", "api", "needs", "bsae"))
    assert found.hint == 'did you mean "base"?'
    assert found.details == (("allowed", "base, api"),)
    assert unknown("registry", "x", [], ()).details == (("allowed", "no registry is declared"),)


def test_the_nearest_name_is_found_in_any_case() -> None:
    assert nearest("Context", ("context", "target")) == "context"
    assert nearest("zzz", ("context",)) is None


def test_problems_point_to_their_place() -> None:
    one = spec(images={"base": {}, "api": {"needs": ["bas"], "push_to": ["hub"]}})
    assert [problem.path for problem in problems(one)] == [
        ("images", "api", "push_to", 0),
        ("images", "api", "needs", "bas"),
    ]


def test_two_images_may_share_a_repository_under_other_tags() -> None:
    shared = {"repository": "shop"}
    one = spec(images={"a": {**shared, "tags": "a"}, "b": {**shared, "tags": "b"}})
    assert problems(one) == ()
    assert messages(spec(images={"a": shared, "b": shared})) == [
        'images "a" and "b" both get the same tags in shop'
    ]


def test_the_same_repository_in_other_registries_is_another_place() -> None:
    one = spec(
        registries={"x": "x.io", "y": "y.io"},
        images={
            "a": {"repository": "shop", "push_to": "x"},
            "b": {"repository": "shop", "push_to": "y"},
        },
    )
    assert problems(one) == ()


def test_two_spellings_of_one_repository_meet() -> None:
    one = spec(registries={"r": "index.docker.io/acme", "s": "docker.io/acme"})
    assert messages(one) == ['registries "r" and "s" are the same place']


def test_placeholders_are_looked_through() -> None:
    one = spec(
        images={"api": {"tags": ["{{version}}", "v{{major}}"], "secrets": ["id={{image}},env=A"]}}
    )
    assert problems(one) == ()


def test_nothing_is_looked_for_among_too_many_names() -> None:
    assert nearest("n1x", tuple(f"n{number}" for number in range(6_000))) is None


def test_there_are_not_hundreds_of_registries() -> None:
    with pytest.raises(ValidationError, match="more than 100 registries"):
        spec(registries={f"r{number}": f"r{number}.io" for number in range(101)})


def test_problems_are_bounded() -> None:
    one = spec(images={"api": {"needs": [f"n{number}" for number in range(5_000)]}})
    assert len(problems(one)) == MAX_PROBLEMS


def test_a_problem_is_a_value() -> None:
    assert Problem(("a",), "x") == Problem(("a",), "x")


@pytest.mark.parametrize(
    ("cache", "absolute"),
    [
        ("type=gha,mode=max", "type=gha,mode=max"),
        ("acme/cache:api", "acme/cache:api"),
        ("type=local,dest=.cache/api,mode=max", "type=local,dest=/shop/.cache/api,mode=max"),
        ("src=/var/cache,type=local", "src=/var/cache,type=local"),
        ("type=s3,src=x", "type=s3,src=x"),
    ],
)
def test_a_local_cache_lies_below_the_file(cache: str, absolute: str) -> None:
    assert rooted(cache, "/shop") == absolute
    assert image(cache_from=[cache]).cache_from == (cache,)
