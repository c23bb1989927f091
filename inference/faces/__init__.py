"""Finding faces, fitting landmarks, and following and tracking them."""
