"""Strategies for robust and general students: attacks, smoothness, blends, dropout, margins."""
