"""What can go wrong on the local platform, each told to a person in one sentence.

LocalFault                 the command ends with the sentence and status 1; nothing is left running
├── PortTaken              somebody else listens where one of our processes should
├── HomeUnusable           the folder of the platform cannot be made, read or written
├── DataFolderHalfMade     a data folder exists but was never finished, or belongs to another version
├── AlreadyRunning         another platform runs in the same home
├── NotRunning             a command needs a running platform and there is none
├── ProcessDied            a process ended before or while it was needed
├── NotReadyInTime         a process lives but does not answer
├── DeploymentFailed       the emulated AWS refused the template
└── ExtraMissing           the `local` extra is not installed
"""


class LocalFault(Exception):
    """Its text is one whole sentence for the person at the keyboard."""


class PortTaken(LocalFault):
    pass


class HomeUnusable(LocalFault):
    pass


class DataFolderHalfMade(LocalFault):
    pass


class AlreadyRunning(LocalFault):
    pass


class NotRunning(LocalFault):
    pass


class ProcessDied(LocalFault):
    pass


class NotReadyInTime(LocalFault):
    pass


class DeploymentFailed(LocalFault):
    pass


class ExtraMissing(LocalFault):
    pass
