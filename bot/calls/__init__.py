"""What the service knows of a call between its steps: manifest, evidence, corrections, scores."""
