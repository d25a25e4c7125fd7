"""`bilhetagem down`: ends a running platform."""

import contextlib
import os
import signal
import time

import typer

from infra.local.commands.telling import HomeOption, faults_as_sentences, home_of


def down(home: HomeOption = None) -> None:
    """End the platform that runs in this home; its data stay."""
    from infra.local.faults import NotReadyInTime
    from infra.local.patience import Patience, log_length

    with faults_as_sentences():
        place = home_of(home)
        # The lock that the platform holds vouches for the pid: it cannot be another process's by now.
        pid = place.record().pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        patience = Patience(lambda: [log_length(log) for log in sorted(place.logs.glob("*.log"))])
        while place.is_running():
            if patience.is_over():
                raise NotReadyInTime(f"The platform (process {pid}) does not end: see {place.logs}.")
            time.sleep(0.1)
        typer.echo("Ended.")
