"""How cost grows: with the number of hotels, and with the number of orders."""
