"""Answers that come in parts: `@defer` and `@stream` from the plan. (GraphQL incremental delivery draft.)"""

from gateway.federation.incremental.formats import FORMATS, IncrementalFormat
from gateway.federation.incremental.run import IncrementalRun

__all__ = ["FORMATS", "IncrementalFormat", "IncrementalRun"]
