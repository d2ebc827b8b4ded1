"""The ledger of all claims."""
