"""Preflight: will the pinned source run these models? Told before anything is compiled."""
