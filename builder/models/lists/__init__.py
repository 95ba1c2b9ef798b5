"""Operator lists: PyTorch's selection files, read, merged without loss, compared and written."""
