"""Lists: filters, orders, pages, and the SQL they become."""
