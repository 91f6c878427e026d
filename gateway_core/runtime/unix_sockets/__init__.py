"""Unix sockets: taking them over from another process, and HTTP over them."""
