"""The status of a failed RPC with its details."""

from typing import cast

import grpc
from google.rpc import status_pb2
from grpc_status import rpc_status


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """Returns the status that the server sent with an error; None if it sent none."""
    # It has every attribute of a call that is read.
    return rpc_status.from_call(cast("grpc.Call", error))
