"""Reads analytics from a replica of the database, as long as it is not too far behind."""
