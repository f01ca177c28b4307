"""A simulated provider over real HTTP, which says in every answer that it is one."""
