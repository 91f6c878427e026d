"""Commands about who people are and what their credentials may do."""
