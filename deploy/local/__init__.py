"""The local stack behind `./dev`: embedded databases, the services, Envoy and the mock provider under one supervisor."""
