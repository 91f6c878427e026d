"""How lists are read: filters, orders, pages, and the SQL they become."""
