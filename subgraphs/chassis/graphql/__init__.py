"""GraphQL for services: shared types, ids, cursors, context, limits and the schema builder."""
