"""Pure rules and frozen values. They do no input or output and read no clock."""
