"""How the gateway proves to a provider who it is, where the provider accepts no constant key."""

from typing import Annotated, Literal

from pydantic import Field

from gateway_core.model.catalog.prices import Entry

Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]{1,9}){1,3}-\d{1,2}$")]


class AwsSignature(Entry):
    """Every request is signed with an AWS access key (Signature Version 4)."""

    kind: Literal["aws_signature"]
    region: Region
    """As the host names it: `us-east-1`."""
    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")] = "bedrock"
    """The name under which the service checks signatures."""


Authentication = AwsSignature
