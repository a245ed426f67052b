"""The prompt templates, as text files."""
