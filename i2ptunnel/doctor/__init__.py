"""What keeps the program from working well, and what helps: looked for on this machine.

:mod:`machine` and :mod:`files` look without a running program, :mod:`running` at what one says.
:func:`examination.examine` is all of it.
"""
