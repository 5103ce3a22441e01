"""What networks cost: tables of what one would do, the memory that training needs, the papers' results."""
