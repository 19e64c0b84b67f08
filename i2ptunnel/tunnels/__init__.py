"""The tunnel types, one file each, and the table of all."""
