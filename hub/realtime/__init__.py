"""Live screens: sessions over WebSockets, each a cursor on its tenant's log. Knows no domain."""
