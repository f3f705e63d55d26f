"""Wiring of ``documents``."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.documents import nodes


def create_pipeline(**_: object) -> Pipeline:
    """``raw_files`` and the block of the chosen source -> clean documents, words, folds, names, annotated sentences."""
    return Pipeline(
        [
            node(
                nodes.read, ["raw_files", "params:source_spec"], ["documents", "document_notes"], name="read_documents"
            ),
            node(
                nodes.read_sentences,
                ["raw_files", "params:source_spec"],
                "annotated_sentences",
                name="read_annotated_sentences",
            ),
            node(nodes.read_names, ["raw_files", "params:source_spec"], "catalogue_names", name="read_catalogue_names"),
            node(
                nodes.clean,
                ["documents", "document_notes", "raw_files", "params:source_spec", "params:documents"],
                ["clean_documents", "documents_cleaning"],
                name="clean_documents",
            ),
            node(
                nodes.words,
                ["clean_documents", "params:documents"],
                ["document_words", "document_languages"],
                name="find_words",
            ),
            node(
                nodes.prepare_documents,
                ["document_words", "params:source_spec", "params:documents", "params:folds"],
                ["sentiment_arrays", "sentiment_splits", "documents_overview"],
                name="prepare_documents",
            ),
        ]
    )
