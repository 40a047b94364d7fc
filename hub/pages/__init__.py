"""Pages of a hotel's own for its guests: written by staff, cleaned, shown where and when they shall be."""
