"""Faults of this service. Expected outcomes (a declined card, too large a refund) are values, not exceptions.

::

    GatewayFault                an external payment gateway did not do its part; ``provider`` names it
    ├── GatewayUnavailable      no answer in time, or "try again": whether it acted is unknown, repeating is safe
    ├── GatewayRefused          it answered that our request is wrong: repeating changes nothing
    └── GatewayAnswerInvalid    it answered something that its API does not promise: nothing of it is believed
    WebhookRefused              a delivery not proven to come, just now, from the gateway; ``reason`` is safe to log
"""

from __future__ import annotations


class GatewayFault(Exception):
    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason


class GatewayUnavailable(GatewayFault):
    pass


class GatewayRefused(GatewayFault):
    pass


class GatewayAnswerInvalid(GatewayFault):
    pass


class WebhookRefused(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
