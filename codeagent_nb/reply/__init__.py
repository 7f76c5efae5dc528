"""How a reply is read: which code in it may run. Pure."""
