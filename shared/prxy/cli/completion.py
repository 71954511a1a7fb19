"""`prxy completion`: what makes a shell complete the command line."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_PRXY_COMPLETE"
WHERE = """\
Names of models and ids of keys are asked of the gateway while you type, for a second at most. For every new shell:

\b
  bash   prxy completion bash > ~/.local/share/bash-completion/completions/prxy
  zsh    prxy completion zsh > ~/.zfunc/_prxy      (~/.zfunc must be in fpath)
  fish   prxy completion fish > ~/.config/fish/completions/prxy.fish
"""


@click.command(epilog=WHERE)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes `prxy` in a shell."""
    kind = get_completion_class(shell)
    assert kind is not None, "the choice above names only what click knows"
    click.echo(kind(ctx.find_root().command, {}, "prxy", VARIABLE).source())
