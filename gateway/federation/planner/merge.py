"""Merges what has come to stand side by side: the same objects, asked of the same subgraph in the same round."""

from gateway.federation.planner.groups import Group, Selection, merge_inputs


def merge_siblings(groups: list[Group]) -> list[Group]:
    """One entity group for each place, subgraph and round; each object is then represented once.

    Groups come to share a round when one of them is moved to a later one. Two that would need different values under
    one name stay apart.
    """
    kept: list[Group] = []
    replaced: dict[Group, Group] = {}
    for group in groups:
        twin = next((other for other in kept if _alike(group, other)), None) if group.entity else None
        if twin is None or not merge_inputs(twin.inputs, list(group.inputs.values())):
            kept.append(group)
            continue
        _merge_selection(twin.selection, group.selection)
        twin.deps |= group.deps
        replaced[group] = twin
    if replaced:
        for group in kept:
            group.deps = {replaced.get(dep, dep) for dep in group.deps} - {group}
    return kept


def _alike(one: Group, other: Group) -> bool:
    return other.entity and (one.graph, one.level, one.phase, one.position, one.local) == (
        other.graph,
        other.level,
        other.phase,
        other.position,
        other.local,
    )


def _merge_selection(into: Selection, other: Selection) -> None:
    for internal, (item, below) in other.fields.items():
        known = into.fields.get(internal)
        if known is None:
            into.fields[internal] = (item, below)
        elif below is not None and known[1] is not None:
            _merge_selection(known[1], below)
    for name, cast in other.casts.items():
        if name in into.casts:
            _merge_selection(into.casts[name], cast)
        else:
            into.casts[name] = cast
    into.typename = into.typename or other.typename
