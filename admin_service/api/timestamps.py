"""Instants as messages."""

import datetime as dt

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(instant: dt.datetime) -> Timestamp:
    """The message for an instant with a time zone."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message
