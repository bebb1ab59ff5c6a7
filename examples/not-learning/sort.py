"""Quicksort that leaves short lists to insertion sort: how long does it take?"""

import time


def measure(cutoff, pivot, length, context):
    """Milliseconds to sort one list, the best of seven attempts.

    Every arm of a replicate sorts the same list.
    """
    values = context.rng("list").integers(0, length, length).tolist()
    times = []
    for _ in range(7):
        copy = values.copy()
        began = time.perf_counter()
        quicksort(copy, 0, length - 1, cutoff, pivot)
        times.append(time.perf_counter() - began)
        if copy != sorted(values):
            raise ValueError("the list is not sorted")
    return {"time": 1000 * min(times)}


def quicksort(values, low, high, cutoff, pivot):
    """Sorts `values[low : high + 1]` in place."""
    while high - low >= max(cutoff, 1):
        middle = values[(low + high) // 2]
        if pivot == "median of three":
            middle = sorted((values[low], middle, values[high]))[1]
        left, right = low, high
        while left <= right:
            while values[left] < middle:
                left += 1
            while values[right] > middle:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left, right = left + 1, right - 1
        quicksort(values, low, right, cutoff, pivot)
        low = left
    insertion_sort(values, low, high)


def insertion_sort(values, low, high):
    """Sorts `values[low : high + 1]` in place, fast where it is short."""
    for place in range(low + 1, high + 1):
        value = values[place]
        while place > low and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value
