"""What claims of identity providers give: mappings, and what a sign-in makes of them."""
