"""Sentences with marked entities: CoNLL files of ``token TAB tag`` lines with blank lines between sentences."""

import re

from crm_pipelines.config import AnnotatedSpec
from crm_pipelines.entities.spans import OUTSIDE, Sentence
from crm_pipelines.errors import UserError
from crm_pipelines.sources import textfiles
from crm_pipelines.sources.raw import RawFolder

PARTS = ("train", "validation", "test")
_TAG = re.compile(r"O|[BI]-\S+")


def read(raw: RawFolder, spec: AnnotatedSpec) -> dict[str, list[Sentence]]:
    """Sentences of each part of ``entities:``.

    Raises:
        UserError: see :func:`read_file`.
    """
    return {part: read_file(raw, str(getattr(spec, part))) for part in PARTS}


def read_file(raw: RawFolder, relative: str) -> list[Sentence]:
    """Sentences of one file; a byte-order mark, also one on a line of its own, is left out.

    Raises:
        UserError: the file is missing, is not UTF-8, has a line that is not a token and a BIO tag, or no sentence.
    """
    path = raw.path(relative)
    textfiles.check_text(path, relative, "utf-8")
    sentences: list[Sentence] = []
    tokens: list[str] = []
    tags: list[str] = []
    with textfiles.open_bytes(path) as stream:
        for number, line in enumerate(stream, start=1):
            text = line.decode("utf-8").replace("\ufeff", "").rstrip("\r\n")
            if text.strip():
                token, _, tag = text.partition("\t")
                tag = tag.strip()
                if not token.strip() or not _TAG.fullmatch(tag):
                    raise UserError(
                        f"{relative}, line {number}: '{text[:60]}' is not a token, a tab and a tag "
                        "(O, B-<type> or I-<type>)"
                    )
                tokens.append(token.strip())
                tags.append(tag)
            elif tokens:
                sentences.append(Sentence(tuple(tokens), tuple(tags)))
                tokens, tags = [], []
    if tokens:
        sentences.append(Sentence(tuple(tokens), tuple(tags)))
    if not any(tag != OUTSIDE for sentence in sentences for tag in sentence.tags):
        raise UserError(f"{relative}: no sentence with a marked entity; check that the second column holds the tags")
    return sentences
