"""The year of demo data, asked about in every way."""
