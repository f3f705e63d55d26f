"""Weights on disk: safetensors and a JSON configuration, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from crm_pipelines.errors import UserError

WEIGHTS = "weights.safetensors"
CONFIG = "config.json"


def save_weights(directory: Path, config: dict[str, Any], state: dict[str, Tensor]) -> None:
    """Write ``state`` and ``config`` into ``directory``, which the caller replaces atomically."""
    directory.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous().cpu() for name, tensor in state.items()}, directory / WEIGHTS)
    (directory / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_weights(directory: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what :func:`save_weights` wrote.

    Raises:
        UserError: a file is missing or cannot be read.
    """
    try:
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        return config, load_file(directory / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
