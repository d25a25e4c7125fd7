"""Moves fetches to a later round where that lets them share a request and makes nobody wait."""

from gateway.federation.planner.groups import Group


def schedule_groups(groups: list[Group]) -> None:
    """A subgraph asked in two rounds is asked in the later one only, if nothing depends on the earlier answer."""
    improved = True
    while improved:
        improved = False
        buckets: dict[tuple[str, int, int], list[Group]] = {}
        latest: dict[Group, int] = {}
        for group in groups:
            buckets.setdefault((group.graph, group.level, group.phase), []).append(group)
            for dep in group.deps:
                latest[dep] = min(latest.get(dep, group.level - 1), group.level - 1)
        for (graph, level, phase), members in sorted(buckets.items(), key=lambda bucket: bucket[0][1]):
            if not all(group.entity for group in members):
                continue
            later = [other for name, other, when in buckets if (name, when) == (graph, phase) and other > level]
            allowed = [
                other
                for other in later
                if all(latest.get(group, other) >= other for group in members)
                and all(other_group.entity for other_group in buckets[graph, other, phase])
            ]
            if allowed:
                for group in members:
                    group.level = min(allowed)
                improved = True
                break
