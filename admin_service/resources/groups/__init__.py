"""Groups of the organization tree."""
