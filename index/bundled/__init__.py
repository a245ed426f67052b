"""The corpus that ships with the product: digests of papers in our own words."""
