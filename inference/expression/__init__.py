"""The expression network, its inputs and the queue that batches faces for it."""
