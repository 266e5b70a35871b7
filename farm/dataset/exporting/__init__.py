"""A finished dataset in other forms: shards for streaming, tables, a folder for the Hugging Face libraries."""
