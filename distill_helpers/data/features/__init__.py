"""Features of sounds: spectrograms, and views of them for a pool."""

from distill_helpers.data.features.log_mel import LogMel
from distill_helpers.data.features.sound_views import sound_views
from distill_helpers.data.features.spec_augment import SpecAugment

__all__ = ["LogMel", "SpecAugment", "sound_views"]
