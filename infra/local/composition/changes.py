"""Which changes of the public schema break clients."""

from graphql import GraphQLSchema, build_schema, find_breaking_changes
from graphql.utilities.find_breaking_changes import BreakingChange, BreakingChangeType

_REMOVALS = {BreakingChangeType.FIELD_REMOVED, BreakingChangeType.VALUE_REMOVED_FROM_ENUM}


def breaking_changes(before: str, after: str) -> list[str]:
    """Sentences, one a change. What was deprecated before may go: whoever still uses it was told."""
    old = build_schema(before)
    changes = find_breaking_changes(old, build_schema(after))
    return [change.description for change in changes if not _announced(old, change)]


def _announced(old: GraphQLSchema, change: BreakingChange) -> bool:
    if change.type not in _REMOVALS:
        return False
    # "Type.field was removed." and "VALUE was removed from enum type Type." are graphql-core's own sentences.
    words = change.description.rstrip(".").split()
    if change.type is BreakingChangeType.FIELD_REMOVED:
        type_name, _, member = words[0].partition(".")
        members = getattr(old.type_map.get(type_name), "fields", {})
    else:
        member, type_name = words[0], words[-1]
        members = getattr(old.type_map.get(type_name), "values", {})
    found = members.get(member)
    return found is not None and found.deprecation_reason is not None
