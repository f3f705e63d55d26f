"""Customer ids replaced by a keyed hash, so that rows can be joined by whoever holds the key and by nobody else.

HMAC (Krawczyk, Bellare and Canetti 1997, RFC 2104) with SHA-256. The key comes from an environment variable; it is
neither written nor logged, and the parameters name the variable only.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable
from typing import Final

from crm_pipelines.errors import UserError

SHORTEST: Final = 16
"""Bytes of a key; a shorter one could be guessed by trying all."""
DIGITS: Final = 32
"""Hexadecimal digits of a pseudonym: 128 bits."""


def key_of(variable: str) -> bytes:
    """The key in an environment variable.

    Raises:
        UserError: it is not set, or the key is too short.
    """
    value = os.environ.get(variable, "").encode()
    if len(value) < SHORTEST:
        what = "holds a key that is too short" if value else "is not set"
        raise UserError(
            f"parameter 'scoring.id_key': the environment variable {variable} {what}; put a secret of at least "
            f"{SHORTEST} characters there, or leave 'scoring.id_key' empty to keep the ids"
        )
    return value


def pseudonyms(ids: Iterable[str], key: bytes) -> list[str]:
    """A pseudonym for each id: the same id and key give the same one, on every machine."""
    return [hmac.new(key, str(name).encode(), hashlib.sha256).hexdigest()[:DIGITS] for name in ids]
