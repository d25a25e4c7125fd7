"""Ids of the demo data, the same in every service without one asking the other."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5


def demo_id(kind: str, slug: str) -> UUID:
    """For instance ``demo_id("customer", "ana")``."""
    return uuid5(NAMESPACE_URL, f"https://bilhetagem.example/demo/{kind}/{slug}")
