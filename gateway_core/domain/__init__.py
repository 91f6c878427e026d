"""The rules of the gateway as pure functions and frozen values: no input, no output, no clock of its own."""
