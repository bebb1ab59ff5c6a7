"""A stand-in for the fine-tuning of a language model, in seconds and with NumPy alone.

It does what such a program does. It reads options, prints a line of JSON after each epoch, writes
a checkpoint from which it resumes after a kill, and at the end a file with its result. The model
has learnt which token follows which in one language. Now it sees 600 tokens of a related one.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np

TOKENS = 30


def main():
    """Trains the epochs that are missing, and writes the result."""
    options = read_options()
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.npz"
    known, new = languages()
    rng = np.random.default_rng(options.seed)
    train, test = draw(new, 600, rng), draw(new, 5000, rng)
    start = np.log(known) if options.start == "pretrained" else np.zeros((TOKENS, TOKENS))
    logits, losses = start.copy(), []
    if checkpoint.exists():
        with np.load(checkpoint) as stored:
            logits, losses = stored["logits"], stored["losses"].tolist()
    for epoch, loss in enumerate(losses, 1):
        print(json.dumps({"epoch": epoch, "loss": loss}))
    for epoch in range(len(losses) + 1, options.epochs + 1):
        order = np.random.default_rng([options.seed, epoch]).permutation(len(train) - 1)
        for batch in np.array_split(order, 20):
            step = gradient(logits, train, batch) + options.decay * (logits - start)
            logits -= options.learning_rate * min(1, epoch / options.warmup) * step
        losses.append(loss_of(logits, test))
        save(checkpoint, logits, losses)
        print(json.dumps({"epoch": epoch, "loss": losses[-1]}), flush=True)
    (options.out / "result.json").write_text(json.dumps({"loss": losses[-1]}))


def read_options():
    """What was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=1.0)
    parser.add_argument("--warmup", type=int, default=1, help="epochs until the full rate")
    parser.add_argument("--decay", type=float, default=0.0, help="of the way from the start")
    parser.add_argument("--start", choices=["pretrained", "nothing"], default="pretrained")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"))
    return parser.parse_args()


def languages():
    """Probabilities of the next token in the language that it knows, and in the new one."""
    rng = np.random.default_rng(1)
    known, other = rng.dirichlet(np.full(TOKENS, 0.3), (2, TOKENS)) + 0.01
    known, other = (table / table.sum(1, keepdims=True) for table in (known, other))
    return known, 0.7 * known + 0.3 * other


def draw(language, count, rng):
    """A text of the language."""
    sums, text = language.cumsum(1), [0]
    for place in rng.random(count):
        text.append(min(int(np.searchsorted(sums[text[-1]], place)), TOKENS - 1))
    return np.array(text)


def probabilities(logits):
    """Of the next token, one row for each token."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def gradient(logits, text, places):
    """Of the loss at some places of a text."""
    slope = np.zeros_like(logits)
    before, after = text[places], text[places + 1]
    np.add.at(slope, before, probabilities(logits)[before])
    np.add.at(slope, (before, after), -1)
    return slope / len(places)


def loss_of(logits, text):
    """Mean cross-entropy of the next token, in nats."""
    return float(-np.log(probabilities(logits)[text[:-1], text[1:]]).mean())


def save(file, logits, losses):
    """Writes a checkpoint: a kill leaves the one before or this one, never half a file."""
    part = file.with_name("part.npz")
    np.savez(part, logits=logits, losses=losses)
    os.replace(part, file)


if __name__ == "__main__":
    main()
