"""Who answers what, in which order: from an operation to a plan."""

from gateway.federation.planner.plan import EntityPart, Fetch, Plan, Representation, Target

__all__ = ["EntityPart", "Fetch", "Plan", "Representation", "Target"]
