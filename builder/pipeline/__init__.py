"""The composition: which stage follows which, and nothing of what they do."""
