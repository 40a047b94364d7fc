"""The people of a hotel: who they are, and how they sign in."""
