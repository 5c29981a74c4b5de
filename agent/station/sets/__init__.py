"""Sets of reference data: read from documents, checked as a whole, and made into the look-ups of the decision."""
