"""The report's charts: what they draw, how it is drawn, and what they say to those who listen."""
