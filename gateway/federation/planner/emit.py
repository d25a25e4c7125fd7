"""Prints a draft as a plan: one request for each subgraph and round."""

from collections.abc import Iterator

from gateway.federation.planner.draft import Draft
from gateway.federation.planner.groups import Group, Selection
from gateway.federation.planner.merge import merge_siblings
from gateway.federation.planner.ownership import TYPENAME, Ownership
from gateway.federation.planner.plan import EntityPart, Fetch, Plan, Selected, Target
from gateway.federation.planner.position import Order

# By entity alias (None: at a fetch's root) the places that selections fill.
Places = dict[str | None, list[tuple[tuple[str, ...], Selection]]]
# The places of each fetch.
Layout = dict[int, Places]


def emit_plan(
    ownership: Ownership,
    kind: str,
    draft: Draft,
    declarations: dict[str, str],
    assumed: tuple[tuple[str, bool], ...],
) -> tuple[Plan, Layout]:
    """Groups of one subgraph and round become one fetch; equal entity selections become one `_entities`."""
    graphs = list(ownership.supergraph.graphs)
    batches: dict[tuple[int, int, int, bool, tuple[str, ...]], list[Group]] = {}
    merged = merge_siblings(draft.groups)
    for group in merged:
        # A nested root type is asked by a request of its own: its fields belong elsewhere in the answer.
        at = () if group.entity else group.position.path()
        # A mutation and an entity fetch never share a request.
        apart = not group.entity and kind != "query"
        batches.setdefault((group.level, group.phase, graphs.index(group.graph), apart, at), []).append(group)
    ordered = sorted(batches.items(), key=lambda batch: batch[0])
    ids: dict[Group, int] = {}
    for index, (_, groups) in enumerate(ordered):
        for group in groups:
            ids[group] = index + 1
    steps = []
    layout: Layout = {}
    for index, ((level, phase, graph_index, _, at), groups) in enumerate(ordered):
        after = {ids[dep] for group in groups for dep in group.deps}
        if kind == "mutation" and any(not group.entity for group in groups):
            after |= {ids[group] for group in merged if group.level < level and not group.phase}
        fetch_kind = kind if not at and not all(group.entity for group in groups) else "query"
        text, names, parts, layout[index + 1] = _print_operation(ownership, fetch_kind, groups, declarations)
        service = ownership.supergraph.graphs[graphs[graph_index]].name
        for group in groups:
            _note_service(group.selection, service)
        fields = tuple(field for group in groups if not group.entity for field in _selected(group.selection))
        number = index + 1
        after.discard(number)
        steps.append(
            Fetch(number, service, fetch_kind, text, names, parts, tuple(sorted(after)), level, at, fields, phase)
        )
    return Plan(kind, tuple(steps), assumed), layout


class _Part:
    """An `_entities` selection being put together: what is asked of each type, for which targets."""

    def __init__(self) -> None:
        self.abstract = False
        self.branches: dict[str, str] = {}
        self.bases: set[int] = set()
        self.groups: list[Group] = []

    def takes(self, group: Group, text: str, abstract: bool) -> bool:
        known = self.branches.get(group.local)
        base = id(group.position.base or group.position)
        if known is None:
            # What is asked of one type would be asked of an interface's objects too, without what it may require.
            if self.abstract or abstract:
                return False
            # Different types may stand in one list; only at one position are their response names known to agree.
            return base in self.bases and not any(other.position is group.position for other in self.groups)
        return known == text

    def add(self, group: Group, text: str, abstract: bool) -> None:
        self.abstract = self.abstract or abstract
        self.branches[group.local] = text
        self.bases.add(id(group.position.base or group.position))
        self.groups.append(group)


def _print_operation(
    ownership: Ownership, kind: str, groups: list[Group], declarations: dict[str, str]
) -> tuple[str, tuple[str, ...], tuple[EntityPart, ...], dict[str | None, list[tuple[tuple[str, ...], Selection]]]]:
    variables: dict[str, None] = {}
    body: list[str] = []
    parts: list[_Part] = []
    places: dict[str | None, list[tuple[tuple[str, ...], Selection]]] = {}
    for group in groups:
        text = print_selection(group.selection, variables)
        if not group.entity:
            body.append(text)
            places.setdefault(None, []).append((group.position.path(), group.selection))
            continue
        local = ownership.local(group.graph, group.local)
        abstract = local is not None and local.abstract
        part = next((candidate for candidate in parts if candidate.takes(group, text, abstract)), None)
        if part is None:
            part = _Part()
            parts.append(part)
        part.add(group, text, abstract)
    names = tuple(name for name in declarations if name in variables)
    declared = [declarations[name] for name in names]
    emitted = []
    for index, part in enumerate(parts):
        alias = "_entities" if len(parts) == 1 else f"_e{index}"
        variable = _free_name("representations" if len(parts) == 1 else f"r{index}", declarations)
        declared.append(f"${variable}: [_Any!]!")
        branches = " ".join(f"... on {name} {{{text}}}" for name, text in part.branches.items())
        prefix = "" if alias == "_entities" else f"{alias}: "
        body.append(f"{prefix}_entities(representations: ${variable}) {{{branches}}}")
        places[alias] = [(group.position.path(), group.selection) for group in part.groups]
        emitted.append(EntityPart(alias, variable, tuple(_target(group) for group in part.groups)))
    head = kind + (f"({', '.join(declared)})" if declared else "")
    operation = f"{head} {{{' '.join(body)}}}"
    return (operation.removeprefix("query ") if head == "query" else operation), names, tuple(emitted), places


def _target(group: Group) -> Target:
    return Target(group.position.path(), group.local, tuple(group.inputs.values()), tuple(_selected(group.selection)))


def _selected(selection: Selection) -> Iterator[Selected]:
    for item, _ in selection.fields.values():
        if not item.hidden:
            yield Selected(item.position.type, item.name, item.internal)
    for cast in selection.casts.values():
        yield from _selected(cast)


def _note_service(selection: Selection, service: str) -> None:
    for item, below in selection.fields.values():
        item.service = service
        if below is not None:
            _note_service(below, service)
    for cast in selection.casts.values():
        _note_service(cast, service)


def _free_name(wanted: str, taken: dict[str, str]) -> str:
    while wanted in taken:
        wanted = "_" + wanted
    return wanted


def print_selection(selection: Selection, variables: dict[str, None]) -> str:
    """The selection as GraphQL text without its braces, in the client's order."""
    printed: list[tuple[Order, str]] = []
    for internal, (item, below) in selection.fields.items():
        for name in sorted(item.variables):
            variables[name] = None
        text = item.name if internal == item.name else f"{internal}: {item.name}"
        text += item.arguments
        if below is not None:
            text += f" {{{print_selection(below, variables)}}}"
        printed.append((item.order, text))
    if selection.typename and TYPENAME not in selection.fields:
        printed.append(((), TYPENAME))
    printed.sort(key=lambda entry: entry[0])
    texts = [text for _, text in printed]
    texts += [f"... on {name} {{{print_selection(cast, variables)}}}" for name, cast in selection.casts.items()]
    return " ".join(texts) or TYPENAME
