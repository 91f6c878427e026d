"""Times as proto messages."""

import datetime as dt

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(instant: dt.datetime) -> Timestamp:
    """Returns the message for a time, which must have a time zone."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message
