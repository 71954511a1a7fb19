"""The `prxy` command. A new command is one file here, and a line in `COMMANDS`."""

from __future__ import annotations

import click

from prxy import __version__
from prxy.cli.commands import Commands

COMMANDS = {
    "audit": "prxy.cli.audit:audit",
    "chat": "prxy.cli.chat:chat",
    "completion": "prxy.cli.completion:completion",
    "deploy-info": "prxy.cli.deploy_info:deploy_info",
    "doctor": "prxy.cli.doctor:doctor",
    "keys": "prxy.cli.keys:keys",
    "models": "prxy.cli.models:models",
    "pipeline": "prxy.cli.models:pipeline",
    "providers": "prxy.cli.providers:providers",
    "serve": "prxy.cli.serve:serve",
    "tenants": "prxy.cli.tenants:tenants",
    "usage": "prxy.cli.usage:usage",
}
"""Name -> where it is defined. Imported when it is asked for."""

EPILOG = """\
PRXY_URL names the gateway (http://127.0.0.1:3099), PRXY_API_KEY and PRXY_ADMIN_KEY the keys. The keys of a gateway that
`prxy serve` started in this folder need not be named.

On a terminal answers are tables. Piped, each row is one line with tabs between its columns, and no heading; --json
gives the whole answer. NO_COLOR and TERM=dumb take colours and lines away.

Exit status: 0 done; 1 the gateway refused, or a check failed; 2 the command line is wrong. An error is one line on
stderr.
"""


@click.group(
    cls=Commands,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)
@click.version_option(__version__, prog_name="prxy")
def prxy() -> None:
    """An LLM gateway: one key, every model, budgets that hold."""


def main() -> None:
    """Entry point of the console script."""
    prxy(prog_name="prxy")
