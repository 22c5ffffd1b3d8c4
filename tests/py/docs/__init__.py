"""What the documents say is true: commands run, tables match the code, links lead somewhere."""
