"""From observations to scores: profiles, attention, intervals, sides and moments."""
