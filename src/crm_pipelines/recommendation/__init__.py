"""What is known of customers and products, whom a product may be offered to, and what is asked of a recommender."""
