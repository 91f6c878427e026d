"""Makes the environments and generated code that everything else runs on. Standard library only: it runs first."""
