"""Pretrained models: locate one on this machine, fetch one, list those that are here."""

from __future__ import annotations

from bakeoff.hub.conversion import Convert
from bakeoff.hub.fetching import fetch_model
from bakeoff.hub.listing import ModelEntry, list_models, verify_models
from bakeoff.hub.locating import LocatedModel, locate_model

__all__ = ["Convert", "LocatedModel", "ModelEntry", "fetch_model", "list_models", "locate_model", "verify_models"]
