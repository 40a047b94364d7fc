"""Stays: guests move in, change rooms and leave."""
