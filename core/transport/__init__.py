"""Links to other routers: who is connected, who is dialled, what waits to be sent."""
