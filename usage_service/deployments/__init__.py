"""What finished calls say about the deployments that served them."""
