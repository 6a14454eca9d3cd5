"""Readers of the journal that mirror a study into another system."""
