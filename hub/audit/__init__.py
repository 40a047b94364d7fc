"""Who changed what, when, from where: read by those who may."""
