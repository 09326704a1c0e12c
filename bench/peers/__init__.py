"""What Holdfast is compared with."""
