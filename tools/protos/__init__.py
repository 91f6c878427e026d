"""The sources of the admin API, and what is read from and made of them."""
