"""Writing that either happens or does not."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic_core import to_json

from crm_pipelines.errors import UserError

# What a user can do something about; any other error of the operating system keeps its traceback.
_PLACE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}
_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_SPACE_TEXT = os.strerror(errno.ENOSPC)  # DuckDB has its own exceptions around the same message


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a folder anew, atomically for whoever reads it.

    Args:
        path: where the result shall be; parent folders are created.

    Yields:
        A path beside it that does not exist yet: create a file or a folder there.

    Raises:
        UserError: if the place cannot be written or the disk is full. Whatever is raised inside the block, the
            old content stays and nothing half-written is left.
    """
    partial = path.with_name(f".partial-{path.name}")
    previous = _previous(path)
    with _telling_about(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)  # of a run that was killed
        recover(path)
        try:
            yield partial
            _move(partial, path, previous)
        finally:
            _remove(partial)


def write_json(value: object, path: Path) -> None:
    """Write JSON the same way every time: two spaces, UTF-8, shortest exact floats, null for NaN.

    Args:
        value: anything of plain values, dataclasses, pydantic models, paths, NumPy scalars and arrays.
        path: the file, replaced atomically.
    """
    content = to_json(value, indent=2, inf_nan_mode="null", fallback=_plain)
    with replacing(path) as partial:
        partial.write_bytes(content + b"\n")


def recover(path: Path) -> None:
    """Put an old folder back in its place, where a run was killed between the two steps of its replacement."""
    previous = _previous(path)
    if previous.exists() and not path.exists():
        previous.replace(path)


def _previous(path: Path) -> Path:
    return path.with_name(f".previous-{path.name}")


def existing(path: Path) -> Path:
    """The path itself; a folder whose replacement was cut off is put back first.

    Raises:
        UserError: if there is nothing at it.
    """
    recover(path)
    if not path.exists():
        raise UserError(
            f"{path} does not exist: run the pipeline that writes it first, or check data_root, raw_root and source"
        )
    return path


def _plain(value: object) -> object:
    """NumPy scalars and arrays as Python numbers and lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _move(partial: Path, path: Path, previous: Path) -> None:
    """Put the finished result in its place; a folder takes two steps because it cannot be overwritten in one."""
    if path.exists() and (path.is_dir() or partial.is_dir()):
        _remove(previous)
        path.replace(previous)
        try:
            partial.replace(path)
        except BaseException:
            previous.replace(path)
            raise
        _remove(previous)
    else:
        partial.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _telling_about(path: Path) -> Iterator[None]:
    """Turn a full disk or a protected folder into a message that names the path and the way out."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in _SPACE or _NO_SPACE_TEXT in str(error):
            advice = "free some space"
        elif number in _PLACE:
            advice = "make the folder writable"
        else:
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or _NO_SPACE_TEXT
        raise UserError(
            f"cannot write {path}: {reason}; {advice} or choose another place with --params=data_root=DIR"
        ) from error
