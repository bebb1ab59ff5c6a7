"""Using what was trained: a replicate or an ensemble as a Keras model, and what it answers.

Keras is imported in a process of its own alone (`child`).
"""
