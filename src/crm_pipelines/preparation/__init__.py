"""From clean tables to what every model is given; one step a module, all of it free of Kedro."""
