"""The rules file: what people write, review and apply. Nobody edits live rules by hand."""
