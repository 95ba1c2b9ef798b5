"""Where the bytes of a library went: measured from its link map, told as text or JSON."""
