"""An embedded model whose file is a few kilobytes that a test holds. Knows no hub and no engine."""

import hashlib

from codeagent_nb.models.embedded.weights import EmbeddedModel


def tiny_model(content: bytes, parts: int) -> EmbeddedModel:
    """Return a model whose file holds `content`; on the package index it comes in so many `parts`."""
    return EmbeddedModel(
        name="tiny",
        repo="someone/tiny",
        filename="tiny.gguf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        package="tinypart",
        parts=parts,
        version="0.2.0",
    )
