"""Objects that others compiled: by way of launchers with a cache of many, or from packs."""
