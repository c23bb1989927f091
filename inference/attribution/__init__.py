"""Who is who: evidence, assignment and corrections."""
