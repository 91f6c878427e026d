"""What Envoy and the services must agree on."""
