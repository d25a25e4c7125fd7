"""The subgraphs' schemas, and the two supergraphs that they compose to."""
