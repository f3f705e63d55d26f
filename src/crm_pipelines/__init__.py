"""crm_pipelines: five published CRM deep-learning systems as one honest Kedro project."""

__version__ = "0.1.0"
