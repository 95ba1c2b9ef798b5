"""What makes a model faster without changing its answers: one module a kind of rewrite."""
