"""Orders: pure rules and prices, one transaction a command."""
