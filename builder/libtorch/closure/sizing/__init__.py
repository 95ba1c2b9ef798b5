"""How large a runtime will be: what its sections weigh, before anything is compiled."""
