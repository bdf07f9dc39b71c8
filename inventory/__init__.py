"""The domain: facts fold into positions and lines, positions become numbers. No I/O and no clock in here."""
