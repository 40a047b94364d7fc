"""Thousands of devices of hotels as cheaply as can be: sessions that join, listen, are cut and come back."""
