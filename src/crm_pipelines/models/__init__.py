"""Models, grouped by the pipeline that trains them. They know no Kedro and do not import one another."""
