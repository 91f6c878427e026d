"""A gRPC server for unary calls from one trusted client, Envoy, over a Unix socket. See README.md."""
