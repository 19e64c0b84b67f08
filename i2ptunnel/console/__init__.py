"""The web console: pages for people, each a face of :mod:`i2ptunnel.commands`.

``service`` listens and costs nothing until somebody comes; ``server`` speaks HTTP (uvicorn), and
``site`` makes the pages (Starlette, Jinja). ``guard`` and ``access`` say who may come in. Only
``service`` is imported by the program: the rest is loaded for the first visitor.
"""
