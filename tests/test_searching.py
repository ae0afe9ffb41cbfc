"""The gate for secrets: what was built is searched before it is uploaded, and never says what."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from releaser.core.events import Notice, Outcome, RunResult
from releaser.core.redaction import Sought
from releaser.core.steps import BuildStep, PushStep, Secret
from releaser.errors import EngineError, StepError
from releaser.executor import Limits
from tests.world import World

VALUE = "hunter-22-swordfish"
FILES = {
    "base/Dockerfile": "FROM busybox\nARG SETTING=\nRUN true\n",
    "api/Dockerfile": "FROM base\nARG SETTING=\nRUN true\n",
    "tool/Dockerfile": "FROM busybox\nRUN true\n",
}


class Known:
    """Secrets whose values a test knows; remembers what it was asked for."""

    def __init__(self, values: Mapping[str, bytes | None]) -> None:
        self.values = values
        self.asked: list[tuple[str, ...]] = []

    def sought(self, secrets: Sequence[Secret]) -> Sought:
        self.asked.append(tuple(one.id for one in secrets))
        return Sought.of({one.id: self.values.get(one.id) for one in secrets})


def world(
    base: str = "", api: str = "", secrets: Mapping[str, bytes | None] | None = None
) -> World:
    """Two images, of which ``api`` stands on ``base``, with values of an argument of theirs."""
    spec = (
        "version: 1\nregistries: {main: main.example/x}\nimages:\n"
        f'  base: {{context: base, args: {{SETTING: "{base}"}},'
        " secrets: [{id: pip, env: PIP_TOKEN}]}\n"
        f'  api: {{context: api, args: {{SETTING: "{api}"}}, secrets: [{{id: npm, file: npm}}]}}\n'
        "  tool: {context: tool}\n"
    )
    made = World(spec, FILES)
    made.secrets = Known(secrets if secrets is not None else {"pip": VALUE.encode()})
    return made


def failed(result: RunResult) -> dict[str, str]:
    return {
        key: one.error.message
        for key, one in result.records.items()
        if one.outcome is Outcome.FAILED and one.error
    }


@pytest.mark.parametrize(
    "written",
    [VALUE, f"x{VALUE}y", base64.b64encode(f"u:{VALUE}".encode()).decode(), VALUE + "%20"],
)
def test_a_secret_in_an_image_stops_the_release_before_its_upload(written: str) -> None:
    made = world(base=written)
    result = made.release("base")
    assert isinstance(result.error, StepError)
    assert result.error.code == 1
    assert 'image "base" has the value of secret "pip" in its history line 1' in str(result.error)
    assert "RUN --mount=type=secret,id=pip" in (result.error.hint or "")
    assert made.registry.named() == {}
    assert made.engine.pushed == []
    assert VALUE not in repr(result) + repr(result.error.details) + repr(made.heard.events)


def test_nothing_is_asked_of_the_engine_for_images_without_secrets() -> None:
    made = world()
    assert made.release("tool").error is None
    assert made.engine.count("inscriptions") == 0


def test_an_image_without_its_secrets_is_searched_once_and_goes_out() -> None:
    made = world(base="fast", api="slow")
    assert made.release().error is None
    assert made.engine.count("inscriptions") == 2
    assert len(made.public()) > 0


def test_what_stands_on_a_leak_has_inherited_it() -> None:
    made = world(base="fast", api=VALUE)
    result = made.release(limits=Limits(keep_going=True))
    assert set(failed(result)) == {"build:api"}
    assert 'secret "pip"' in failed(result)["build:api"]
    assert not any("/api" in name for name in made.registry.named())


def test_what_was_built_earlier_is_searched_before_its_upload() -> None:
    made = world(base=VALUE)
    made.secrets = Known({})
    assert made.build("base").error is None
    made.secrets = Known({"pip": VALUE.encode()})
    plan = made.plan("base")
    assert not any(isinstance(one.step, BuildStep) for one in plan.steps)
    result = made.release("base")
    assert set(failed(result)) == {"push:base@main"}
    assert made.engine.pushed == []
    # Nor does another try get past it.
    assert set(failed(made.release("base"))) == {"push:base@main"}


def test_builds_that_go_nowhere_are_searched_too() -> None:
    made = world(base=VALUE)
    result = made.build("base")
    assert set(failed(result)) == {"build:base"}


def test_a_short_value_and_an_absent_one_are_told_once() -> None:
    made = world(secrets={"pip": b"true\n", "npm": None})
    assert made.release().error is None
    said = [event.message for event in made.heard.events if isinstance(event, Notice)]
    assert sorted(said) == [
        'secret "npm" of api is not at hand, so it cannot be searched for in what was built',
        'secret "pip" of base is too short or too common to be searched for in what was built',
    ]


def test_an_engine_that_will_not_say_stops_the_release() -> None:
    made = world()
    made.engine.fail(EngineError("cannot look into it"), "inscriptions")
    result = made.release("base")
    assert "cannot look into it" in str(result.error)
    assert made.engine.pushed == []


def test_content_that_is_there_already_is_not_searched_again() -> None:
    made = world()
    assert made.release("base").error is None
    before = made.engine.count("inscriptions")
    assert made.release("base").error is None
    assert made.engine.count("inscriptions") == before


def test_steps_of_uploads_carry_places_of_secrets_and_no_values() -> None:
    made = world()
    pushes = [one.step for one in made.plan("base").steps if isinstance(one.step, PushStep)]
    assert [one.secrets for one in pushes] == [(Secret("pip", "PIP_TOKEN"),)]
    assert VALUE not in repr(replace(pushes[0], overwrite=True))
