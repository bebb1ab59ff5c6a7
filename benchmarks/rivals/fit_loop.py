"""The rival: the trainings of a study as a plain `keras.Model.fit` loop.

Written as the Keras guides have it: one model after the other, arrays in memory, validation data at
each epoch's end. Run it with the backend that you want:

    KERAS_BACKEND=tensorflow python benchmarks/rivals/fit_loop.py --data mnist.npz --out loop.json
    KERAS_BACKEND=jax python benchmarks/rivals/fit_loop.py --data mnist.npz --replicates 1

and beside it, on the same machine, `time stepladder run mnist`.
"""

from work import Work, build


def main():
    """Trains every arm over every seed."""
    import keras

    work = Work()
    for arm, recipe in work.arms.items():
        for seed in range(work.replicates):
            keras.utils.clear_session()
            keras.utils.set_random_seed(seed)
            train, validation = work.parts(seed)
            model = build(recipe)
            model.fit(
                *train,
                batch_size=recipe["batch_size"],
                epochs=work.epochs,
                validation_data=validation,
                verbose=0,
                callbacks=[work.clock()],
            )
            work.tested(arm, seed, model)
    work.finish()


if __name__ == "__main__":
    main()
