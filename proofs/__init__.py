"""The proof checker and its theorems (specification, section 8); none yet."""
