"""How tables, facts and JSON are printed."""
