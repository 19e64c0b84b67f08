"""I2NP: the messages routers send each other, their two headers and their bodies."""
