"""What can go wrong in the experience subgraph, as one tree. Each is a fault; expected failures are payload errors.

ExperienceFault
├── SourceUnavailable      a service did not answer in time, or answered with a fault
├── SourceRefused          a service answered with a GraphQL error of the caller's making
├── StoreUnavailable       DynamoDB did not take or give an item
└── QueueUnavailable       SQS did not take a message
"""


class ExperienceFault(Exception):
    """The root."""


class SourceUnavailable(ExperienceFault):
    """`source` is the service's name; `reason` is for operators and clients alike and names no address.

    `may_pass` says that another attempt, soon, may go better.
    """

    def __init__(self, source: str, reason: str, *, may_pass: bool = True) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason
        self.may_pass = may_pass


class SourceRefused(ExperienceFault):
    def __init__(self, source: str, code: str) -> None:
        super().__init__(f"{source}: {code}")
        self.source = source
        self.code = code


class StoreUnavailable(ExperienceFault):
    pass


class QueueUnavailable(ExperienceFault):
    pass
