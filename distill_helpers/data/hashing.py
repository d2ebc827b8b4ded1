"""The hash of tensors: what stored numbers and pools are known by."""

import hashlib

import torch


def tensors_hash(tensors: dict, extra=()) -> str:
    """sha256 over names, types, shapes and bytes of tensors, and over further strings."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    for text in extra:
        digest.update(f"|{len(text)}|{text}".encode())
    return digest.hexdigest()
