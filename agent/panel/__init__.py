"""The operator's page on localhost."""
