"""What can go wrong underneath.

``SuggestionsFault``
├── ``StoreUnavailable``   DynamoDB did not answer, throttled, or refused; worth another try later
└── ``ConditionFailed``    a transaction's condition did not hold; nothing was written
"""


class SuggestionsFault(Exception):
    pass


class StoreUnavailable(SuggestionsFault):
    pass


class ConditionFailed(SuggestionsFault):
    """`positions` are the indexes of the transaction's actions whose conditions did not hold."""

    def __init__(self, positions: tuple[int, ...]) -> None:
        super().__init__(f"conditions {positions} did not hold")
        self.positions = positions
