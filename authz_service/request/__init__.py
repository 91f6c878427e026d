"""What a request asks for: its key, its parameters, and the messages to and from Envoy."""
