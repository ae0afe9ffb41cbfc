"""Plants a mistake: a plugin of pytest, for a run of its own (``--plant NAME``)."""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
import textwrap
from types import CodeType, FunctionType

import pytest

from tests.negative.mistakes import MISTAKES, Mistake


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plant", help="the name of a mistake")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--plant")
    if name and name not in MISTAKES:
        raise pytest.UsageError(f'nobody makes the mistake "{name}"')
    if name:
        plant(MISTAKES[name])


def plant(mistake: Mistake) -> None:
    """Let the function do as its mistaken source says, for whoever has imported it already."""
    function = _found(mistake.function)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mistake.right) != 1:
        raise pytest.UsageError(f"{mistake.function} does not say once: {mistake.right}")
    function.__code__ = _compiled(source.replace(mistake.right, mistake.wrong), function)


def _found(name: str) -> FunctionType:
    module, _, path = name.partition(":")
    found: object = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    assert callable(found)
    function = inspect.unwrap(found)
    assert isinstance(function, FunctionType)
    return function


def _compiled(source: str, function: FunctionType) -> CodeType:
    tree = ast.parse(source)
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list.clear()
    flags = __future__.annotations.compiler_flag
    code = compile(tree, f"<{function.__qualname__}>", "exec", flags=flags, dont_inherit=True)
    made: dict[str, object] = {}
    exec(code, dict(function.__globals__), made)  # noqa: S102 - it is our own source
    new = made[function.__name__]
    assert isinstance(new, FunctionType)
    assert new.__code__.co_freevars == function.__code__.co_freevars == ()
    return new.__code__
