"""Which sections a library needs: mark and sweep over the sections of relocatable objects."""
