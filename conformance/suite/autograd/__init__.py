"""Autograd: gradients of small functions by autograd.grad and by backward."""
