"""Written analyses of usage, and which key and model write them."""
