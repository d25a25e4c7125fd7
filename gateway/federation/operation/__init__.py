"""From a document's text to an operation whose every selection has a place."""
