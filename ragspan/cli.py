"""The root command. It knows the app and ops by name only: a subcommand's module is imported when it is called."""

import click

from ragspan.lazy_group import LazyGroup

COMMANDS = {
    "serve": ("app.cli:serve", "Serve the page and the API."),
    "ingest": ("app.ingest.command:ingest", "Add files and folders to the index."),
    "key": ("app.cli:key", "Make an API key."),
    "plan": ("ops.plan.command:plan", "Plan stacks offline: resources, manifests, policies."),
    "rehearse": ("ops.rehearse.command:rehearse", "Have a real Kubernetes control plane take stacks, on fake nodes."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ragspan", prog_name="ragspan")
def main() -> None:
    """Retrieval-augmented generation in production: the plan of its infrastructure and its answer service."""
