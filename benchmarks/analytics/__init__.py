"""Measures analytics on millions of records: rollups, questions, lists and exports. `./dev bench analytics --help`."""
