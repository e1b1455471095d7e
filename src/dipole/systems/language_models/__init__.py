"""Systems of language models: one file each."""
