"""Reseeding: the first routers, from servers on the internet or from files.

Certificates, servers and their table are data beside this file: ``certificates/reseed`` has those
who sign bundles, ``certificates/ssl`` what a server without a public certificate shows.
"""
