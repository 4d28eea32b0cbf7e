"""What goes by e-mail and proves who reads it: verifying an address, changing it, a new password."""
