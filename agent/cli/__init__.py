"""The `lineside` command."""

from agent.cli.commands import main

__all__ = ["main"]
