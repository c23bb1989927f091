"""From observations to scores: profiles, attention, engagement, intervals, talk and sides."""
