"""One process that starts the roles, keeps them running and ends them in good order."""
