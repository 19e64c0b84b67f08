"""Things with no I2P words in them: wire reader and writer, errors, ports, timers, queues."""
