"""Where versions come from: git tags, or a file."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from releaser.core import template
from releaser.core.git_tags import DEFAULT, TagTemplate
from releaser.core.spec.fields import Flag, refused, refused_as
from releaser.core.spec.nearest import nearest
from releaser.core.spec.paths import check_inside
from releaser.errors import SpecError

SOURCES = ("git-tags", "file")
FILE_NAMES = ("image", "context")


class VersioningSpec(BaseModel):
    """``tag`` is how git tags of versions are spelled, whatever the versions come from.

    ``file`` is the file that declares the version, seen from the spec's folder; with ``{{image}}``
    or ``{{context}}`` (the image's build context) in it every image has one of its own, and ``tag``
    is ``{{image}}/v{{version}}`` unless it says otherwise. Where not
    ``major_on_zero``, a breaking change of 0.4.2 makes 0.5.0 and not 1.0.0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field("", alias="from")
    tag: str = DEFAULT
    file: str | None = None
    major_on_zero: Flag = True

    @model_validator(mode="before")
    @classmethod
    def _a_file_says_so(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        file = value.get("file")
        said = {"from": "git-tags" if file is None else "file"}
        if isinstance(file, str) and "{{" in file:
            said["tag"] = "{{image}}/" + DEFAULT
        return {**said, **value}

    @field_validator("source")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in SOURCES:
            near = nearest(value, SOURCES)
            raise refused(
                f'versions cannot come from "{value}"',
                f'did you mean "{near}"?' if near else None,
                (("allowed", ", ".join(SOURCES)),),
            )
        return value

    @field_validator("tag")
    @classmethod
    def _spells_tags(cls, value: str) -> str:
        try:
            return TagTemplate.parse(value).text
        except SpecError as error:
            raise refused_as(error) from None

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                template.check(value, FILE_NAMES)
                check_inside(template.blank(value))
            except SpecError as error:
                raise refused_as(error) from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.source == "file" and self.file is None:
            raise refused(
                "nothing says which file declares the version",
                "write file: pyproject.toml (or package.json, Cargo.toml, VERSION)",
            )
        own = bool(template.names(self.file or ""))
        if own and not TagTemplate(self.tag).is_per_image:
            raise refused(
                f'"{self.tag}" does not tell the versions of the images apart',
                'write tag: "{{image}}/v{{version}}"',
            )
        if self.source != "file" and self.file is not None:
            raise refused(
                f'"{self.file}" is not read: versions come from git tags', "write from: file"
            )
        return self

    @property
    def is_per_image(self) -> bool:
        """Whether every image has versions of its own."""
        return TagTemplate(self.tag).is_per_image


GIT_TAGS = VersioningSpec.model_validate({})
