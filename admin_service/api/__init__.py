"""What crosses the wire: names, errors, etags, field masks, and the bounds of a request."""
