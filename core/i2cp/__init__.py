"""I2CP: the protocol between a router and the programs that own destinations."""
