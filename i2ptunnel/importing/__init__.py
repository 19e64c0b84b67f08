"""Configuration, keys and names of i2pd and Java I2P, as a configuration of this program."""
