"""Who spoke when: turns and voice activity."""
