"""The one training module: every neural network of the project is trained here."""
