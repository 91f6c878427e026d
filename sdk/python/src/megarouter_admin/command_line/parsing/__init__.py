"""Declares commands and reads command lines."""
