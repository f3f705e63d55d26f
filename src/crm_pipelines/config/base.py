"""What all parameter models are made of: frozen, closed to unknown keys, and read with one message."""

from pathlib import PurePosixPath
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from crm_pipelines.errors import UserError
from crm_pipelines.failures import parameter_problems


class Parameters(BaseModel):
    """Base of every parameter model: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=Parameters)


def parse(model: type[P], values: object, where: str) -> P:
    """Read a block of parameters into its model.

    Args:
        model: the model.
        values: the block, as it comes from YAML.
        where: path of the block in the parameters, for the message.

    Raises:
        UserError: the path of every wrong key and what is wrong with it.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(parameter_problems(where, model, error))) from error


def relative(path: object) -> str:
    """Accept a path below ``raw_root`` only."""
    if not isinstance(path, str):
        raise ValueError("must be a path in quotes")
    parts = PurePosixPath(path.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise ValueError(f"'{path}' must be a path below raw_root, without '..'")
    return path


RelativePath = Annotated[str, BeforeValidator(relative)]


def _labels(mapping: object) -> object:
    """Labels as text: YAML reads ``0`` as a number, which is meant as written, and ``yes`` as a truth value."""
    if not isinstance(mapping, dict):
        return mapping
    for key in mapping:
        if isinstance(key, bool):
            raise ValueError(
                'write labels such as "yes", "no", "true", "on" in quotes: YAML reads them as true or false'
            )
    return {str(key) if isinstance(key, int) else key: value for key, value in mapping.items()}


Labels = Annotated[dict[str, str], BeforeValidator(_labels)]
"""Raw label -> class."""


def words(value: object) -> object:
    """``a b`` stands for a list, since commas end a parameter on the command line."""
    return tuple(value.split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(words)]
"""A list, or names with spaces between them."""
