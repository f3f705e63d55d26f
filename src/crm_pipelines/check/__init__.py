"""What a source holds, what is suspicious about it, and for which pipelines it suffices; nothing is fitted here."""
