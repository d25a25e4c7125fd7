"""Generates operations over any schema: fragments, aliases, type conditions, directives, variables."""

from dataclasses import dataclass, field

from graphql import (
    GraphQLField,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
)
from hypothesis import strategies as st

# What has been selected so far of the objects at one place, and of those below.
_Mentioned = dict[str, "_Mentioned"]


@dataclass
class Generated:
    query: str
    variables: dict[str, object] = field(default_factory=dict)


@st.composite
def operations(
    draw: st.DrawFn, schema: GraphQLSchema, literals: dict[str, list[str]], incremental: bool = False
) -> Generated:
    """`literals` gives texts to choose from for arguments, by `Type.field(argument)`.

    What has been mentioned is often mentioned again, with other fields below: they have to be put together.
    With `incremental`, fragments are deferred and lists streamed here and there.
    """
    fragments: list[str] = []
    used: set[str] = set()
    budget = [draw(st.integers(5, 40))]

    def directives() -> str:
        if draw(st.integers(0, 9)) < 8:
            return ""
        name = draw(st.sampled_from(["yes", "no"]))
        used.add(name)
        return draw(
            st.sampled_from(
                [f" @include(if: ${name})", f" @skip(if: ${name})", " @include(if: true)", " @skip(if: true)"]
            )
        )

    def deferred() -> str:
        if not incremental or draw(st.booleans()):
            return ""
        name = draw(st.sampled_from(["yes", "no", "", ""]))
        used.update({name} if name else ())
        return f" @defer(if: ${name})" if name else " @defer"

    def streamed(definition: GraphQLField) -> str:
        if not incremental or not is_list_type(get_nullable_type(definition.type)) or draw(st.integers(0, 3)):
            return ""
        return " @stream(initialCount: 1)"

    def arguments(type_name: str, name: str, definition: GraphQLField) -> str:
        chosen = []
        for argument in definition.args:
            texts = literals.get(f"{type_name}.{name}({argument})")
            if texts and draw(st.booleans()):
                text = draw(st.sampled_from(texts))
                if text.startswith("$"):
                    used.add(text[1:])
                chosen.append(f"{argument}: {text}")
        return f"({', '.join(chosen)})" if chosen else ""

    def selection(type_name: str, depth: int, mentioned: _Mentioned) -> str:
        declared = schema.type_map[type_name]
        parts = []
        for _ in range(draw(st.integers(1, 4))):
            budget[0] -= 1
            kind = draw(st.integers(0, 9))
            fields = getattr(declared, "fields", {})
            if kind < 7 and fields and budget[0] > 0:
                again = sorted(mentioned.keys() & fields.keys())
                name = draw(st.sampled_from(again if again and draw(st.booleans()) else sorted(fields)))
                named = get_named_type(fields[name].type)
                text = name + arguments(type_name, name, fields[name])
                if draw(st.integers(0, 5)) == 0:
                    text = f"{draw(st.sampled_from(['a', 'b', 'id', 'name', 'title']))}: {text}"
                text += directives() + streamed(fields[name])
                if is_composite_type(named):
                    if depth <= 0:
                        continue
                    below = mentioned.setdefault(name, {})
                    if is_abstract_type(declared) and draw(st.integers(0, 3)) == 0:
                        member = draw(st.sampled_from([one.name for one in schema.get_possible_types(declared)]))
                        parts.append(f"... on {member} {{ {text} {{ {selection(named.name, depth - 1, below)} }} }}")
                    text += f" {{ {selection(named.name, depth - 1, below)} }}"
                parts.append(text)
            elif kind < 9 and is_composite_type(declared) and depth > 0 and budget[0] > 0:
                possible = [type_name]
                if is_abstract_type(declared):
                    possible += [member.name for member in schema.get_possible_types(declared)]
                possible += [
                    other
                    for other, candidate in schema.type_map.items()
                    if is_abstract_type(candidate) and not other.startswith("__") and _overlap(schema, type_name, other)
                ]
                condition = draw(st.sampled_from(possible))
                inner = selection(condition, depth - 1, mentioned)
                if draw(st.integers(0, 3)) == 0:
                    name = f"F{len(fragments)}"
                    fragments.append(f"fragment {name} on {condition} {{ {inner} }}")
                    parts.append(f"...{name}{directives()}{deferred()}")
                else:
                    parts.append(f"... on {condition}{directives()}{deferred()} {{ {inner} }}")
            elif type_name != "Query":
                parts.append(draw(st.sampled_from(["__typename", "kind: __typename"])))
        return " ".join(parts) or "__typename"

    body = selection("Query", 6, {})
    variables: dict[str, object] = {"yes": True, "no": False, "usd": "USD", "n": 1}
    types = {"yes": "Boolean!", "no": "Boolean!", "usd": "String", "n": "Int!"}
    declared_variables = ", ".join(f"${name}: {types[name]}" for name in sorted(used))
    head = f"query ({declared_variables})" if used else "query"
    return Generated(f"{head} {{ {body} }}\n" + "\n".join(fragments), {name: variables[name] for name in sorted(used)})


def _overlap(schema: GraphQLSchema, first: str, second: str) -> bool:
    def members(name: str) -> set[str]:
        declared = schema.type_map[name]
        if is_abstract_type(declared):
            return {member.name for member in schema.get_possible_types(declared)}
        return {name}

    return bool(members(first) & members(second))
