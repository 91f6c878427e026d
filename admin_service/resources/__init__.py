"""One folder for each resource of the API, with the files `service`, `changes`, `store` and `messages`."""
