"""The forms that cross the wire: names, errors, entity tags, field masks, and the bounds of a request."""
