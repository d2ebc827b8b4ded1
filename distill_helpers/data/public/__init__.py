"""Public data sets as they lie on disk, each in the format of its authors; nothing is downloaded unless asked for."""

from distill_helpers.data.public.cifar import load_cifar10, load_cifar100
from distill_helpers.data.public.image_folder import class_names, load_image_folder, write_folder_shards
from distill_helpers.data.public.mnist import load_mnist
from distill_helpers.data.public.speech_commands import load_speech_commands
from distill_helpers.data.public.svhn import load_svhn

__all__ = ["class_names", "load_cifar10", "load_cifar100", "load_image_folder", "load_mnist", "load_speech_commands", "load_svhn",
           "write_folder_shards"]  # fmt: skip
