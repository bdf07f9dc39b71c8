"""Tests mirror the folders: tests/wire/test_codec.py tests wire/codec.py."""
