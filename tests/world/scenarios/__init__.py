"""Scenarios of whole networks; ``python -m tests.world NAME`` runs one, tests run small ones."""
