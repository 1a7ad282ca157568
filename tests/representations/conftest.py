"""One run with kept models for all tests of this folder, and a fresh state of accelerate for each."""

from __future__ import annotations

from model_fixtures import fresh_accelerate, kept, one_thread

__all__ = ["fresh_accelerate", "kept", "one_thread"]
