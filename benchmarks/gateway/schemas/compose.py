"""Composes the benchmark's two supergraphs again: `python -m benchmarks.gateway.schemas.compose`."""

from benchmarks.gateway.operations import OPERATIONS, SCHEMAS
from infra.local.composition.supergraph import compose


def main() -> None:
    for operation in OPERATIONS.values():
        files = sorted((SCHEMAS / operation.name).glob("*.graphql"))
        composed = compose({file.stem: file.read_text(encoding="utf-8") for file in files})
        text = composed.supergraph.partition("\n\n")[2]
        operation.supergraph.write_text("# Composed by benchmarks/gateway/schemas/compose.py.\n\n" + text, "utf-8")


if __name__ == "__main__":
    main()
