"""The command `eyechart`: one module a subcommand."""
