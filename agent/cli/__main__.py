"""`python -m agent.cli` is `lineside`."""

from agent.cli.commands import main

if __name__ == "__main__":
    main()
