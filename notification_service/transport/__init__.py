"""Posts over HTTP to servers that customers name, and to nothing inside the network of the deployment."""
