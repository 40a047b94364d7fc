"""HTTP: what every route shares, and the pages. It knows no domain; the domains bring their routes."""
