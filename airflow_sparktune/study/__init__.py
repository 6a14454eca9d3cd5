"""The language that both sides of a study speak. Standard library only (and fsspec for URLs)."""
