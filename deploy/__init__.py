"""How the gateway is run: the local runner, the mock provider and the catalogue."""
