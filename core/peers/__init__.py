"""What we experienced with other routers: answers, losses, round trips."""
