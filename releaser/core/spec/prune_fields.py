"""What pruning keeps, as the spec says it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from releaser.core.spec.fields import Flag, Names, refused_as, whole
from releaser.errors import SpecError

MOST_KEPT = 1_000_000
LONGEST_PATTERN = 128
AGE = re.compile(r"([1-9][0-9]{0,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def seconds_of(text: str) -> int:
    """The seconds of an age: ``12h``, ``30d``, ``6w``.

    Raises:
        SpecError: it is none.
    """
    found = AGE.fullmatch(text)
    if found is None:
        raise SpecError(f'"{text}" is not an age', hint="write hours, days or weeks: 12h, 30d, 6w")
    return int(found[1]) * _HOURS[found[2]] * 3600


def check_patterns(patterns: Iterable[str]) -> None:
    """Raise :class:`SpecError` where one of them can match no tag."""
    for one in patterns:
        if not 1 <= len(one) <= LONGEST_PATTERN:
            raise SpecError("a pattern of tags has 1 to 128 characters", hint="write a glob: *-lts")


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """What is not said is none; what is said must be right, and is complained about as such."""
    return None if value is None else read(value)


class PruneSpec(BaseModel):
    """``keep_last`` prereleases and contents stay, those made within ``keep_within``, and tags that
    match a glob of ``keep``. With ``commits`` the tags of commits may go as well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_last: Annotated[int | None, whole(0, MOST_KEPT), WrapValidator(_or_none)] = None
    keep_within: str | None = None
    keep: Names = ()
    commits: Flag = False

    @field_validator("keep_within")
    @classmethod
    def _an_age(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                seconds_of(value)
            except SpecError as error:
                raise refused_as(error) from None
        return value

    @field_validator("keep")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            check_patterns(value)
        except SpecError as error:
            raise refused_as(error) from None
        return value


KEEP_NOTHING_SAID = PruneSpec()
