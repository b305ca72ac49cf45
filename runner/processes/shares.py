"""What each of several runner processes gets of what the settings give to all together.

Lanes, hosts, isolates that lanes share, and places in the queue are divided. Every other limit holds in each process, as it does
in each runner of a fleet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pools.protocol import Mode

if TYPE_CHECKING:
    from runner.config import Settings


def share_of(settings: Settings, number: int) -> dict[str, str]:
    """Return the variables of one process; ``number`` counts from 1."""

    def part(total: int) -> str:
        # Who comes first gets what does not divide, of hosts as of lanes: nobody has more hosts than lanes.
        whole, rest = divmod(total, settings.processes)
        return f"{max(1, whole + (number <= rest))}"

    shares = {
        "RUNNER_PROCESSES": "1",
        "WORKER_POOL_SIZE": part(settings.lanes),
        "ISOLATE_HOSTS": part(settings.hosts),
        "MAX_QUEUED_WORKERS": part(settings.max_queued),
    }
    if settings.job_worker_id:
        shares["JOB_WORKER_ID"] = f"{settings.job_worker_id}-{number}"
    if settings.mode is Mode.POOLED:
        shares["ISOLATE_POOL_SIZE"] = part(settings.isolate_pool_size)
    return shares
