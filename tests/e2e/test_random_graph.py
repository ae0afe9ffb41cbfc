"""Many images in a random graph: dependency order, and a failure blocks its dependants."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace

SEED = 20_251
COUNT = {"buildx": 30, "docker-api": 14}
"""How many images; the engine's own builder makes many more layers to be removed again."""


def random_needs(seed: int, count: int) -> dict[str, list[str]]:
    """Each image needs up to three earlier ones; the file lists them in a shuffled order."""
    rng = random.Random(seed)  # noqa: S311 - a graph, not a secret
    names = [f"i{number:02}" for number in range(count)]
    needs = {
        name: sorted(rng.sample(names[:at], min(at, rng.randint(0, 3))))
        for at, name in enumerate(names)
    }
    shuffled = names.copy()
    rng.shuffle(shuffled)
    return {name: needs[name] for name in shuffled}


def dockerfile(name: str, needs: list[str]) -> str:
    """An image that holds a file for each image below it, its own included."""
    first, others = (needs[0], needs[1:]) if needs else ("busybox:latest", [])
    copies = "".join(f"COPY --from={other} /names/ /names/\n" for other in others)
    own = f"RUN mkdir -p /names && echo {name} > /names/{name}\n"
    return f"FROM {first}\nLABEL nonce=NONCE\n{copies}{own}"


def project(needs: dict[str, list[str]], broken: str | None = None) -> dict[str, str]:
    """The project's files; ``broken`` is an image whose build fails."""
    files = {
        "images.yaml": "version: 1\nproject: graph\nimages:\n"
        + "".join(f"  {name}: {{context: {name}}}\n" for name in needs)
    }
    for name, upstreams in needs.items():
        text = dockerfile(name, upstreams)
        if name == broken:
            text += f"RUN echo about to fail && test -e /never-{name}\n"
        files[f"{name}/Dockerfile"] = text
    return files


def below(needs: dict[str, list[str]], name: str) -> set[str]:
    """Everything that an image stands on, itself included."""
    return {name}.union(*(below(needs, upstream) for upstream in needs[name]))


@pytest.mark.parametrize("builder", ["buildx", "docker-api"])
def test_dependency_order(
    engine: EngineUnderTest, workspace: Callable[[EngineUnderTest], Workspace], builder: str
) -> None:
    work = workspace(EngineUnderTest(engine.store, builder, engine.environment))
    needs = random_needs(SEED + (builder == "docker-api"), COUNT[builder])
    work.write(project(needs))
    ran = work.build_or_release("build", "--version", "1.0.0", "--jobs", "6")
    assert ran.code == 0, ran.err
    images = ran.images()
    assert {name: sorted(image["needs"]) for name, image in images.items()} == needs
    for name in needs:
        found = engine.docker("run", "--rm", "--network", "none", f"{name}:1.0.0", "ls", "/names")
        assert set(found.split()) == below(needs, name)


@pytest.mark.parametrize("builder", ["buildx", "docker-api"])
def test_a_failure_blocks_exactly_its_dependants(
    engine: EngineUnderTest, workspace: Callable[[EngineUnderTest], Workspace], builder: str
) -> None:
    work = workspace(EngineUnderTest(engine.store, builder, engine.environment))
    needs = random_needs(SEED + 7, COUNT[builder])
    broken = max(needs, key=lambda name: sum(name in below(needs, other) for other in needs) % 12)
    work.write(project(needs, broken))
    ran = work.build_or_release("build", "--version", "2.0.0", "--keep-going", "--jobs", "7")
    assert ran.code == 1
    outcomes = {name: image["outcome"] for name, image in ran.images().items()}
    blocked = {name for name in needs if broken in below(needs, name)} - {broken}
    assert blocked
    assert {name for name, end in outcomes.items() if end == "blocked"} == blocked
    assert {name for name, end in outcomes.items() if end == "failed"} == {broken}
    assert set(outcomes.values()) == {"blocked", "failed", "done"}
    assert "about to fail" in ran.err
    assert f"{broken}/Dockerfile:" in ran.err
