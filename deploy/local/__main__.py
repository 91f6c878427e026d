"""`python -m deploy.local`: the commands of `./dev`, once the environment is there."""

from deploy.local.cli.commands import application

if __name__ == "__main__":
    application(prog_name="./dev")
