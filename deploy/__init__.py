"""How the gateway is run: the local runner, the mock provider, migrations and the catalogue."""
