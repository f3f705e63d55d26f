"""What customers write: cleaned, turned into words, split into folds."""
