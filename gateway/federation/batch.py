"""The objects that one `_entities` selection completes, and how they are asked for."""

from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.federation.join import copy_tree, find_objects, merge_object, represent
from gateway.federation.planner.plan import EntityPart
from gateway.federation.report import find_paths

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True, eq=False)
class Batch:
    """Each representation is sent once: `found[i]` are the objects that `i` stands for.

    Each with the number of its target, and how many objects of that target come before it.
    """

    part: EntityPart
    representations: list[bytes]
    found: list[list[tuple[dict[str, Any], int, int]]]

    @classmethod
    def collect(cls, part: EntityPart, data: dict[str, Any]) -> "Batch":
        """The objects as they stand in an answer that grows."""
        batch = cls(part, [], [])
        known: dict[bytes, int] = {}
        for number, target in enumerate(part.targets):
            for ordinal, source in enumerate(find_objects(data, target.path)):
                fields = represent(source, target.representation)
                if fields is None or _lacks_key(fields):
                    continue
                encoded = _encode({"__typename": target.typename, **fields})
                index = known.get(encoded)
                if index is None:
                    index = known[encoded] = len(batch.representations)
                    batch.representations.append(encoded)
                    batch.found.append([])
                batch.found[index].append((source, number, ordinal))
        return batch

    def places(self, index: int, data: dict[str, Any]) -> list[tuple[list[Any], dict[str, Any], int]]:
        """Internal path, object and target number of every object that representation `index` stands for."""
        places: dict[int, list[list[Any]]] = {}
        found = []
        for source, number, ordinal in self.found[index]:
            if number not in places:
                places[number] = list(find_paths(data, self.part.targets[number].path, []))
            found.append((places[number][ordinal], source, number))
        return found

    def give(self, index: int, entity: dict[str, Any]) -> None:
        """Joins an entity to its objects. Different places select different things below: they share nothing."""
        parts: dict[int, dict[str, Any]] = {}
        for source, number, _ in self.found[index]:
            if number not in parts:
                parts[number] = copy_tree(entity) if parts else entity
            merge_object(source, parts[number])


def _lacks_key(fields: dict[str, Any]) -> bool:
    """No entity can be asked for by nulls alone."""
    return all(value is None for value in fields.values()) if fields else False
