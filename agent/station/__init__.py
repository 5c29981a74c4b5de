"""The decision, pure: state and signal in, events and indications out."""
