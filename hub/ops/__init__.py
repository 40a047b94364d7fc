"""What an operator needs: is it alive, is it ready."""
