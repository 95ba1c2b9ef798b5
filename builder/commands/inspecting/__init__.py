"""`inspect`: what models ask for, what they execute, and what one needs beyond another."""
