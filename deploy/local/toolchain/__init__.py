"""Creates the environments and the generated code. It runs before anything is installed, so it uses only the standard library."""
