"""The Hugging Face hub: names of what is there, what its repositories hold, fetching and sending."""
