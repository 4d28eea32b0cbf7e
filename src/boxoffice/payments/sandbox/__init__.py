"""The sandbox: a provider that takes no money, and misbehaves when it is told to."""
