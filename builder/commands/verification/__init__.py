"""`verify` and `sbom`: what an artifact is worth, and what it was made of."""
