"""Commands about many members at once, and about service accounts, which stand beside them."""
