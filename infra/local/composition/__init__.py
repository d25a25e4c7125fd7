"""Composes the subgraphs' SDL into the supergraph and the public schema. A development tool: running needs no Node."""
