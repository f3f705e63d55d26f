"""Failures in words: what a user did wrong, in one line, or nothing if the program is at fault."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Final, get_args

from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError
from yaml import YAMLError

from crm_pipelines.errors import UserError

_KINDS: Final = {
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list in brackets, such as [a, b]"),
    **dict.fromkeys(("dict_type", "model_type"), "must hold keys of its own, such as {key: value}"),
    "string_type": "must be text; write it in quotes",
}
"""What a value must be, in the words of YAML in place of Python's."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Tail of a message about an unknown word.

    Args:
        word: what was given.
        known: what would have been accepted.

    Returns:
        ``"; did you mean 'source'?"`` for a likely slip, else ``"; known: a, b, c"``.
    """
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(choices)}" if choices else ""


def one_line(message: object) -> str:
    """A message without line breaks, so that the last line of the output holds all of it."""
    return " ".join(line.strip() for line in str(message).splitlines() if line.strip())


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, outermost first; each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def explain(error: BaseException) -> str | None:
    """The user's mistake behind an error.

    Args:
        error: anything raised by a run.

    Returns:
        One line, or ``None`` where the cause is not the user's (then the traceback should be seen).
    """
    for cause in chain(error):
        match cause:
            case UserError():
                return one_line(cause)
            case ValidationError():
                return "; ".join(parameter_problems(cause.title, None, cause))
            case OmegaConfBaseException():
                where = f" (at '{cause.full_key}')" if cause.full_key else ""
                return f"configuration: {str(cause.msg or cause).splitlines()[0]}{where}"
            case YAMLError():
                return f"configuration: {one_line(cause)}"
    return None


def parameter_problems(name: str, model: type[BaseModel] | None, error: ValidationError) -> list[str]:
    """Every violated rule of a parameter block, by key.

    Args:
        name: of the block in the YAML files, for example ``split``.
        model: the block's model, used to suggest the right spelling of an unknown key.
        error: raised by the model.

    Returns:
        One sentence per problem, for example ``parameter 'split.histroy' is not known; did you mean 'history'?``.
    """
    problems = []
    for detail in error.errors(include_url=False):
        path = ".".join([name, *(str(part) for part in detail["loc"])])
        if detail["type"] == "extra_forbidden":
            known = _keys(model, detail["loc"][:-1])
            problems.append(f"parameter '{path}' is not known{did_you_mean(str(detail['loc'][-1]), known)}")
        elif detail["type"] == "missing":
            problems.append(f"parameter '{path}' is missing")
        else:
            reason = _KINDS.get(detail["type"], detail["msg"].removeprefix("Value error, "))
            given = "" if isinstance(detail["input"], dict) else f" (given: {detail['input']!r})"
            problems.append(f"parameter '{path}': {one_line(reason)}{given}")
    return problems


def _keys(model: type[BaseModel] | None, location: tuple[int | str, ...]) -> list[str]:
    """Keys accepted at a place inside a parameter block; empty where the place is not a plain nested model."""
    for part in location:
        fields = model.model_fields if model else {}
        field = fields.get(str(part)) or next((each for each in fields.values() if each.alias == part), None)
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []
