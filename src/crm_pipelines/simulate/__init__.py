"""The demo world: one coherent shop and bank, drawn from a seed at any size, in the published file formats.

Everything planted in it is listed in ``docs/demo-world.md``; every strength is a field of
:class:`crm_pipelines.simulate.config.SimulateParameters`.

>>> from crm_pipelines.simulate.config import SimulateParameters
>>> from crm_pipelines.simulate.world import build_world
>>> from crm_pipelines.simulate.writers import write_world
>>> write_world(build_world(SimulateParameters()), "data/01_raw/demo")  # doctest: +SKIP
"""
