"""Lets the installed package run its pipelines: ``python -m crm_pipelines --pipelines=coldstart``."""

from kedro.framework.project import configure_project


def main() -> None:
    """Run from the folder that holds ``conf`` and ``data``; takes the options of ``kedro run``."""
    configure_project("crm_pipelines")
    from crm_pipelines.cli import run  # reads the project's settings, so only after configuration

    run(prog_name="python -m crm_pipelines")


if __name__ == "__main__":
    main()
