"""A gRPC server for unary calls of one trusted kind of client, Envoy, over a Unix socket. See README.md."""
