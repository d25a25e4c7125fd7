"""One small supergraph for each feature of Federation, with data and an operation that needs it."""

from tests.gateway.federation.feature import Feature
from tests.gateway.federation.features.abstract import ABSTRACT
from tests.gateway.federation.features.basics import BASICS
from tests.gateway.federation.features.federation_one import FEDERATION_ONE
from tests.gateway.federation.features.found import FOUND
from tests.gateway.federation.features.interface_objects import INTERFACE_OBJECTS
from tests.gateway.federation.features.keys import KEYS
from tests.gateway.federation.features.override import OVERRIDE
from tests.gateway.federation.features.provides import PROVIDES
from tests.gateway.federation.features.requires import REQUIRES
from tests.gateway.federation.features.requires_nested import REQUIRES_NESTED
from tests.gateway.federation.features.roots import ROOTS
from tests.gateway.federation.features.schema import REFUSALS, SCHEMA

FEATURES: list[Feature] = [
    *BASICS,
    *KEYS,
    *REQUIRES,
    *REQUIRES_NESTED,
    *PROVIDES,
    *OVERRIDE,
    *ABSTRACT,
    *INTERFACE_OBJECTS,
    *ROOTS,
    *SCHEMA,
    *FEDERATION_ONE,
    *FOUND,
]
__all__ = ["FEATURES", "REFUSALS"]
