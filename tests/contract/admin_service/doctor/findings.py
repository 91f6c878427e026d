"""What the doctor finds, by subject."""

from collections.abc import Mapping

from admin_service.doctor.examination import examine
from admin_service.doctor.findings import Finding


async def found(service: str, environment: Mapping[str, str]) -> dict[str, Finding]:
    """Examines a service."""
    return {finding.subject: finding for finding in (await examine(service, environment)).findings}
