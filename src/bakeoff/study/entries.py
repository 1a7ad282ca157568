"""What all parts of a study file share: names, texts, seeds, and models that refuse what they do not know."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bakeoff.study.quantities import Says

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"
SAYS_NAME = Says("letters, digits, `-`, `_`, `+` and `.`, beginning with a letter or digit, at most 60 characters")
LARGEST_SEED = 2**32 - 1

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=60), SAYS_NAME]
Text = Annotated[str, StringConstraints(min_length=1), Says("a text that is not empty")]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2), Says("two numbers: [lowest, highest]")]


class Entry(BaseModel):
    """Base of all parts of a study file: strict, frozen, unknown keys and infinite numbers refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
