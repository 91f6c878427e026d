"""Tries to do more with a service's login than its role may."""
