"""What every table of the station file is made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers.contract import NAME_PATTERN


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class Declared(BaseModel):
    """A frozen table of the station file that knows all its keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def first_repeated(values: list[str]) -> str | None:
    """The first value that has stood before; None if each stands once."""
    return next((value for index, value in enumerate(values) if value in values[:index]), None)
