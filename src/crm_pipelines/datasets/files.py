"""Single text files: JSON, plotly figures, HTML."""

from pathlib import Path
from typing import Any

from kedro_datasets._typing import JSONPreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.plotly import JSONDataset as PlotlyDataset
from kedro_datasets.text import TextDataset
from plotly.graph_objects import Figure

from crm_pipelines.datasets.atomic import existing, replacing, write_json


class JSONFile(JSONDataset):
    """Plain values, dataclasses, pydantic models and NumPy numbers as JSON; NaN becomes null."""

    def load(self) -> Any:
        """Parsed content.

        Raises:
            UserError: if the file does not exist.
        """
        existing(Path(self._filepath))
        return JSONDataset.load.__wrapped__(self)

    def save(self, data: Any) -> None:
        """Write the file, the same bytes for the same values."""
        write_json(data, Path(self._filepath))

    def preview(self) -> JSONPreview:
        """The content, for Kedro-Viz."""
        return JSONPreview(Path(self._filepath).read_text(encoding="utf-8"))


class FigureJSON(PlotlyDataset):
    """A plotly figure as JSON, which Kedro-Viz draws."""

    def save(self, data: Figure) -> None:
        """Write the figure."""
        with replacing(Path(self._filepath)) as partial:
            partial.write_bytes(data.to_json().encode() + b"\n")


class HTMLFile(TextDataset):
    """A self-contained HTML page, or any other text; lines end the same way on every system."""

    def save(self, data: str) -> None:
        """Write the text."""
        with replacing(Path(self._filepath)) as partial:
            partial.write_bytes(data.encode())
