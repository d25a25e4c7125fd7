"""What may go wrong in a worker. The class names are error names: state machines retry and catch by them.

WorkerFault
├── TransientFault     may pass: tried again, later and later
└── PermanentFault     will not pass by waiting: goes to a dead-letter queue
    └── Misconfigured  the environment lacks something
"""


class WorkerFault(Exception):
    """Messages carry no personal data: they are logged and stored in dead-letter queues."""


class TransientFault(WorkerFault):
    pass


class PermanentFault(WorkerFault):
    pass


class Misconfigured(PermanentFault):
    pass
