"""``symbia-runtime completion``: lines for a shell, which then completes commands, options and names."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "symbia-runtime"
VARIABLE = "_SYMBIA_RUNTIME_COMPLETE"


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options, and the names that a service knows.

    In ~/.bashrc: eval "$(symbia-runtime completion bash)"; in ~/.zshrc the same with zsh, after compinit.
    """
    completing = get_completion_class(shell)
    if completing is None:
        raise click.UsageError(f"{shell} is not known to this version of click")
    click.echo(completing(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
