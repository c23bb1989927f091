"""Training, calibrating and measuring the expression network."""
