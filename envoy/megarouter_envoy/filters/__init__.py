"""The filter chains of the listeners."""
