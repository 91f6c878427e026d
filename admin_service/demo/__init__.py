"""The demo organization: what a new installation shows and what the README's tour walks through."""
