"""Exports what was trained, a replicate or an ensemble, as a Keras model, and predicts with it.

Keras is imported in a process of its own alone (`keras_worker`).
"""
