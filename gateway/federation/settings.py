"""What an operator of the engine chooses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.federation.messages import Messages, in_english


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a client may send. Text and tokens are counted before parsing, everything else before validation.

    `fields` counts every field with fragments expanded; `parts` counts `@defer` and `@stream`, for each of which
    subgraphs may be asked anew; `pairs` bounds the comparisons of fields with one response name that validation makes,
    a pair of plain leaves costing 1 and what has arguments more; `positions` bounds a plan's places after abstract
    types are expanded.

    `cost` bounds the sum of `weights`, by field coordinate, each times the lengths of the lists that it stands in, as
    far as `sizes` says which argument of a field is the length of what it brings.
    """

    document_bytes: int = 65_536
    tokens: int = 4_000
    depth: int = 24
    fields: int = 2_000
    aliases: int = 120
    directives: int = 60
    parts: int = 20
    root_fields: int = 60
    pairs: int = 20_000
    positions: int = 20_000
    errors: int = 100
    cost: int = 1_000
    weights: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Engine-wide choices. Times are in seconds.

    `override_labels` names the progressive `@override` labels that are on. With `quick_at_once` the quick program of
    an operation is made the first time that it comes, and not the second. `scalars` are checks of values by the name of
    their scalar, which raise ValueError for what nobody has to be asked about. `messages` are what clients read when
    something could not be had; with `mask_errors` off they read how it failed instead.
    """

    limits: Limits = field(default_factory=Limits)
    plan_cache_entries: int = 1_300
    plan_cache_bytes: int = 64 * 1024 * 1024
    quick_at_once: bool = False
    expose_plan: bool = False
    mask_errors: bool = True
    messages: Messages = in_english
    introspection: bool = True
    share_in_flight: bool = True
    request_timeout: float = 30.0
    override_labels: frozenset[str] = frozenset()
    scalars: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)
