"""What commands, tunnels and the check-up say, in other languages, one module each.

The key is the English text as its place in the program makes it, with names for the values in it.
"""
