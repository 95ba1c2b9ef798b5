"""How archives and packages are fetched: mirrors, programs that end with us, private apt."""
