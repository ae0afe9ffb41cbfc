"""The forms that a value of the spec may be written in, each read into one.

Scalars arrive as the text that the file holds. Compose's forms are accepted: a map or a list of
``NAME=value`` lines, one text where a list is meant. Maps become pairs sorted by name, so that a
spec is really immutable and the order of a map's keys means nothing.

A validator refuses a value with :func:`wanted` (another kind of value is needed) or :func:`refused`
(the kind is right, the value is not): whoever reports it knows the place and adds it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import GenericAlias
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, InstanceOf, PlainSerializer
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from releaser.core.oci import Platform
from releaser.errors import SpecError

_YES, _NO = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
_LINES = "a map or a list of NAME=value lines"
_OTHERS = "a list of something else"


def wanted(what: str, found: str | None = None) -> PydanticCustomError:
    """The complaint about a value of the wrong kind: "must be ``what``, not ``found``"."""
    return PydanticCustomError("wanted", "must be {what}", {"what": what, "found": found})


def refused(
    message: str,
    hint: str | None = None,
    details: tuple[tuple[str, str], ...] = (),
    *,
    private: bool = False,
) -> PydanticCustomError:
    """The complaint about a value that is not legal; a ``private`` one must not be shown."""
    context = {"message": message, "hint": hint, "details": details, "private": private}
    return PydanticCustomError("refused", "{message}", context)


def refused_as(error: SpecError, hint: str | None = None) -> PydanticCustomError:
    """The same complaint as ``error``, as a validator raises it."""
    return refused(error.message, error.hint or hint, error.details)


@dataclass(frozen=True)
class _Mapped:
    """Reads any accepted form into a dict (``read``), and keeps its items as pairs (``write``)."""

    read: Callable[[object], object]
    values: Any
    write: Callable[[dict[str, Any]], tuple[Any, ...]]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = handler.generate_schema(GenericAlias(dict, (str, self.values)))
        checked = core_schema.no_info_before_validator_function(self.read, inner)
        return core_schema.no_info_after_validator_function(
            self.write,
            checked,
            serialization=core_schema.plain_serializer_function_ser_schema(_as_list),
        )


def _as_list(value: tuple[Any, ...]) -> list[Any]:
    return list(value)


def _by_name(value: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(value.items()))


def _read_pairs(value: object) -> object:
    if isinstance(value, list | tuple):
        return dict(_pair(item) for item in value)
    if not isinstance(value, dict):
        raise wanted(_LINES)
    return value


def _pair(item: object) -> tuple[object, object]:
    if isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str):
        return item[0], item[1]
    if not isinstance(item, str):
        raise wanted(_LINES, _OTHERS)
    return split_line(item)


def split_line(line: str) -> tuple[str, str]:
    """The name and the value of a ``NAME=value`` line; raises what a validator raises."""
    name, equals, value = line.partition("=")
    if not equals:
        raise refused(f'"{line}" is not NAME=value', f"write {line}= for an empty value")
    return name, value


def split_host(line: str) -> tuple[str, str]:
    """The host and the address of a ``host=address`` or ``host:address`` line."""
    name, mark, value = line.partition("=") if "=" in line else line.partition(":")
    if not mark:
        raise refused(f'"{line}" is not HOST=address')
    return name, value


def _read_hosts(value: object) -> object:
    if isinstance(value, dict):
        return {name: many(addresses) for name, addresses in value.items()}
    if not isinstance(value, list | tuple):
        raise wanted("a map or a list of HOST=address lines")
    hosts: dict[str, tuple[str, ...]] = {}
    for item in value:
        host, address = split_host(item) if isinstance(item, str) else _pair(item)
        hosts[str(host)] = (*hosts.get(str(host), ()), str(address))
    return hosts


def _write_hosts(value: dict[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    return tuple((host, address) for host, all_ in sorted(value.items()) for address in all_)


def _read_needs(value: object) -> object:
    if isinstance(value, dict):
        return dict(sorted(value.items()))
    items = [_need(item) for item in many(value, "a list of image names, or a map")]
    found: dict[str, object] = {}
    for name, provider in items:
        if name in found:
            raise refused(f'"{name}" is listed twice')
        found[name] = provider
    return found


def _need(item: object) -> tuple[str, object]:
    if isinstance(item, str):
        return item, item
    if isinstance(item, list | tuple) and len(item) == 2:
        return str(item[0]), item[1]
    raise wanted("a list of image names, or a map", _OTHERS)


def many(value: object, what: str = "a list of text") -> tuple[Any, ...]:
    """A list as a tuple; one text is a list of one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise wanted(what)
    return tuple(value)


def _listed(value: object) -> object:
    # With a second parameter pydantic 2.7 takes a validator for one that wants its context.
    return many(value)


def flag(value: object) -> object:
    """``true`` or ``false`` in YAML's spellings; raises what a validator raises."""
    if isinstance(value, str) and value.lower() in _YES | _NO:
        return value.lower() in _YES
    if not isinstance(value, bool):
        raise wanted("true or false")
    return value


def whole(low: int, high: int) -> BeforeValidator:
    """A whole number from ``low`` to ``high`` in decimal digits: not ``1_0``, ``0x1F``, ``1e3``."""

    def read(value: object) -> object:
        if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,17}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise wanted(f"a whole number from {low} to {high}")
        return value

    return BeforeValidator(read)


def _platform(value: object) -> object:
    if isinstance(value, Platform):
        return value
    if not isinstance(value, str):
        raise wanted("text")
    return _parsed_platform(value)


def _spelled(platform: Platform) -> str:
    return str(platform)


@functools.lru_cache(maxsize=64)
def _parsed_platform(text: str) -> Platform:
    try:
        return Platform.parse(text)
    except SpecError as error:
        raise refused_as(error) from None


Pairs = Annotated[tuple[tuple[str, str], ...], _Mapped(_read_pairs, str, _by_name)]
HostPairs = Annotated[
    tuple[tuple[str, str], ...], _Mapped(_read_hosts, tuple[str, ...], _write_hosts)
]
Needs = Annotated[
    tuple[tuple[str, str | None], ...],
    _Mapped(_read_needs, str | None, lambda value: tuple(value.items())),
]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Flag = Annotated[bool, BeforeValidator(flag)]
SpecPlatform = Annotated[
    InstanceOf[Platform], BeforeValidator(_platform), PlainSerializer(_spelled, return_type=str)
]
Platforms = Annotated[tuple[SpecPlatform, ...], BeforeValidator(_listed)]
