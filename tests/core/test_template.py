from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core import template
from releaser.errors import SpecError


def test_placeholders_are_replaced_with_and_without_spaces() -> None:
    values = {"major": "1", "vars.py-version": "3.12"}
    assert template.render("v{{ major }}-{{vars.py-version}}", values) == "v1-3.12"


def test_a_value_is_not_expanded_again() -> None:
    assert template.render("{{a}}", {"a": "{{b}}", "b": "no"}) == "{{b}}"


@pytest.mark.parametrize("text", ["${HOME}", "$(id)", "{a}", "}}", "{ {a} }", "100%", ""])
def test_everything_else_is_left_alone(text: str) -> None:
    assert template.render(text, {}) == text
    assert template.names(text) == ()


def test_an_unknown_name_lists_what_is_defined_and_what_was_meant() -> None:
    with pytest.raises(SpecError) as caught:
        template.render("{{versoin}}", {"version": "1", "image": "api"})
    assert caught.value.details == (("defined", "image, version"),)
    assert caught.value.hint == "did you mean {{version}}?"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{.Version}}", "write {{version}}"),
        ("{{ .Version | trim }}", "write {{version}}"),
        ("{{0.__class__}}", "write a name: {{version}}"),
        ("{{}}", "write a name: {{version}}"),
        ("{{a b}}", "write a name: {{version}}"),
    ],
)
def test_other_template_languages_are_explained(text: str, hint: str) -> None:
    with pytest.raises(SpecError, match="is not a placeholder") as caught:
        template.names(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize("text", ["{{x", "a{{", "{{a{{b}}}}", "{{{x}}}x{{", "{{\n{"])
def test_an_open_placeholder_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="does not close it"):
        template.names(text)


def test_a_rendered_text_is_bounded_before_it_is_made() -> None:
    text = "{{a}}" * 10_000
    with pytest.raises(SpecError, match="grows to 1000050000 characters"):
        template.render(text, {"a": "x" * 100_000})


def test_a_long_text_without_placeholders_is_itself() -> None:
    assert len(template.render("x" * 100_000, {})) == 100_000


def test_many_spaces_take_no_time() -> None:
    before = time.process_time()
    with pytest.raises(SpecError):
        template.names("{{" + " " * 200_000 + "!")
    assert time.process_time() - before < 0.5


def test_what_is_known_is_rendered_and_the_rest_kept() -> None:
    assert template.render_known("{{a}}-{{ b }}", {"a": "1"}) == "1-{{ b }}"


def test_a_text_can_be_looked_at_before_its_values_are_known() -> None:
    assert template.blank("v{{major}}.{{minor}}", "0") == "v0.0"


def test_plan_names_are_each_there_once() -> None:
    assert len(set(template.PLAN_NAMES)) == len(template.PLAN_NAMES)


@given(st.text())
def test_any_text_is_rendered_or_refused(text: str) -> None:
    try:
        rendered = template.render(text, {"version": "1"})
    except SpecError as error:
        assert error.message  # noqa: PT017 - either ending is right
    else:
        assert "{{" in text or rendered == text


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(max_size=5), min_size=1)
)
def test_rendering_puts_every_value_in_its_place(values: dict[str, str]) -> None:
    text = "|".join(f"{{{{{name}}}}}" for name in values)
    assert template.render(text, values) == "|".join(values.values())
