"""The commands `megarouter routing`: virtual models, policies and explanations."""
