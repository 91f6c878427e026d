"""One folder for each resource of the API. Its files are `service`, `changes`, `store` and `messages`."""
