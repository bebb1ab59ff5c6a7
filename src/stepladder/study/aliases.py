"""Names of other libraries and of everyday use, with the names here that they stand for.

A name here that no list has yet is not offered, so one may stand here before its field does.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

_FIELDS = {
    "learning_rate": "lr, eta, eta0, lr0, initial lr, init lr, base lr, max lr, lr max, peak lr, "
    "learning rate init, initial learning rate, lr init",
    "batch_size": "bs, batch, minibatch, minibatch size, mini batch size, train batch size, "
    "per device train batch size",
    "epochs": "n epochs, num epochs, max epochs, nb epoch, max iter, num train epochs, "
    "number of epochs, training epochs, n iter",
    # In a space of a search, which has both; elsewhere they are `hidden`.
    "layers": "n layers, num layers, number of layers, n hidden layers, num hidden layers, depth",
    "units": "n units, num units, neurons, hidden size, hidden dim, width, hidden units",
    "hidden": "units, layers, layer, hidden layers, hidden units, hidden sizes, hidden size, "
    "neurons, hidden layer sizes, width, widths, n hidden, layer sizes, hidden dim, hidden dims, "
    "hidden features, hidden channels, n units, num units, n neurons, hidden nodes, n layers, "
    "num layers, number of layers, n hidden layers, num hidden layers, Dense, Linear",
    "activation": "act, act fn, act func, nonlinearity, non linearity, activation function, "
    "activation fn, transfer function, hidden act, hidden activation, act layer, act cls",
    "initializer": "init, kernel initializer, kernel init, weight init, weights init, "
    "init weights, initialization, initialisation, weight initialization, weight initialisation, "
    "weight initializer, init method, w init",
    "bias_initializer": "bias init, init bias, b init",
    "normalization": "norm, bn, batchnorm, batch norm, batch normalization, batch normalisation, "
    "layernorm, layer norm, layer normalization, norm layer, norm type, use bn, use batch norm, "
    "use batchnorm, use layer norm, use layernorm",
    "normalization_position": "norm position, bn position, bn after activation",
    "dropout": "p, p drop, drop, drop rate, dropout rate, dropout p, drop out, dropout prob, "
    "dropout probability, drop prob, hidden dropout, hidden dropout prob, ps",
    "dropout_position": "drop position, dropout before activation, dropout after activation",
    "noise": "gaussian noise, noise std, noise stddev, GaussianNoise",
    "residual": "residual connection, residual connections, residuals, skip connection, "
    "skip connections, shortcut, shortcuts, use residual, resnet",
    "stochastic_depth": "drop path, drop path rate, droppath, stochastic depth rate, "
    "stochastic depth prob, StochasticDepth",
    "optimizer": "opt, optim, optimiser, solver, opt func, optimizer class, optimizer name",
    "momentum": "mom, sgd momentum, sgdm, sgd with momentum, heavy ball, moms",
    "nesterov": "nag, nesterov momentum, nesterovs momentum, use nesterov",
    "schedule": "scheduler, lr scheduler, lr schedule, learning rate schedule, lr policy, "
    "learning rate scheduler, lr scheduler type, lr schedule type, LearningRateScheduler, "
    "lr annealing, annealing, sched",
    "decay_rate": "gamma, lr decay, learning rate decay, decay factor, lr decay rate, lr gamma",
    "decay_epochs": "lr decay epochs, decay every, epochs per decay, lr step epochs",
    "warmup": "warmup steps, warmup epochs, warmup ratio, linear warmup, num warmup steps, "
    "warmup proportion, warmup fraction, lr warmup, learning rate warmup, pct start",
    "kernel_regularizer": "regularizer, regulariser, weight regularizer, l1, l1 reg, "
    "l1 regularization, l1 regularisation, elastic net, l1 l2",
    "l2": "l2 reg, l2 regularization, l2 regularisation, l2 penalty, ridge, kernel regularizer, "
    "l2 lambda, reg lambda, l2 coeff, l2 weight",
    "bias_regularizer": "bias reg, bias l2",
    "activity_regularizer": "activation regularizer, activity reg, activity penalty",
    "weight_decay": "wd, decoupled weight decay, weights decay, adamw weight decay",
    "max_norm": "max weight norm, kernel constraint, max norm constraint, maxnorm constraint",
    "kernel_constraint": "constraint, weight constraint, weight constraints",
    "label_smoothing": "smoothing, label smooth, ls, label smoothing factor, label smoothing eps, "
    "smooth labels, soft labels",
    "clipnorm": "clip norm per variable, per variable clipnorm",
    "global_clipnorm": "clipnorm, clip norm, grad clip, gradient clip, gradient clipping, "
    "gradient clip val, clip grad norm, max grad norm, clip by global norm, grad clip norm, "
    "global norm",
    "clipvalue": "clip value, clip grad value, gradient clip value, grad clip value, clip by value",
    "gradient_accumulation_steps": "accumulate grad batches, gradient accumulation, "
    "grad accumulation, grad accum, grad accum steps, accumulation steps, accum steps, accum iter",
    "loss": "loss function, loss fn, loss func, criterion, cost, cost function",
    "class_weight": "class weights, weights of classes, loss weights, pos weight, "
    "scale pos weight, balanced",
    "patience": "early stopping, early stop, EarlyStopping, early stopping patience, "
    "early stopping rounds, n iter no change, num epochs no improvement, es patience",
    "min_delta": "tol, early stopping min delta, early stopping threshold",
    "monitor": "early stopping monitor, early stopping metric, monitor metric",
    "score_at": "restore best weights, restore best, save best only, load best model at end, "
    "best weights, best epoch",
    "target_scaling": "scale target, target scale, scale y, y scaling, normalize y, target scaler, "
    "scale targets, target normalization, standardize target",
    "scaling": "input scaling, standardize, standardise, preprocessing, normalize, normalise, "
    "scaler, scale inputs, normalize inputs, input normalization, normalize input, feature scaling",
    "input_noise": "noise on inputs, input noise std, noisy inputs, input gaussian noise",
    "train_examples": "n train, train size, training examples, num samples, max train samples, "
    "num train, n samples, num train examples, train subset",
    "mixup": "mixup alpha, alpha mixup",
    "vat": "vat eps, vat epsilon, virtual adversarial training",
    "ema": "ema decay, use ema, exponential moving average, weight averaging, model ema, "
    "ema momentum, polyak averaging, polyak",
    "swa": "stochastic weight averaging, swa start",
    "augment_rotation": "rotation, degrees, rotation range, random rotation, rotate, max rotation, "
    "RandomRotation",
    "augment_scale": "zoom, zoom range, random zoom, max zoom, RandomZoom",
    "augment_shear": "shear, shear range, random shear",
    "augment_shift": "shift, translate, translation, width shift range, height shift range, "
    "random shift, random translation, RandomTranslation",
    "augment_elastic": "elastic, elastic transform, elastic distortion, elastic distortions",
    "augment_smoothness": "elastic sigma",
    "deskew": "deskewing, straighten",
    "own": "model kwargs, model params, model args, own fields",
}

_KEYS = {  # of a study file
    "splits": "cv, folds, n splits, n folds, kfold, k fold, cross validation, split",
    "replicates": "seeds, n seeds, num seeds, repeats, repetitions, runs, n runs, num runs, "
    "n repeats, num repeats, n replicates, replications, restarts",
    "seed": "random state, random seed, rng seed, manual seed, seed everything, global seed",
    "validation": "validation split, val split, validation fraction, validation size, val size, "
    "val fraction, valid pct, validation data, valid size, dev size, holdout",
    "metric": "metrics, scoring, eval metric, evaluation metric",
    "also": "extra metrics, additional metrics, other metrics, secondary metrics",
    "dataset": "data, train data, training data, data path, data dir",
    "technique": "techniques, ablation, ablations, intervention, interventions, tricks",
    "arm": "arms, variant, variants, condition, conditions",
    "base": "baseline, base config, config, base recipe, recipe, hyperparameters, hparams, "
    "hyperparams, control",
    "design": "study design, experiment design, experimental design",
    "delta": "min effect, minimum effect, smallest effect, equivalence margin, margin, rope, sesoi",
    "target": "target accuracy, goal",
    "label": "label column, target column, y column, target, response, class column, labels",
    "test_share": "test size, test split, test fraction, test ratio",
    "test": "test data, test file, test csv",
    "separator": "sep, delimiter, delim",
    "decimal": "decimal mark, decimal point, dec",
    "ignore": "drop, drop columns, exclude, usecols, index col, index column, id column",
    "impute": "imputer, fillna, missing, missing values, na values, imputation",
    "indicator": "add indicator, missing indicator",
    "categories": "categorical, one hot, encoding, encoder",
    "header": "has header, header row",
    "keep_weights": "save weights, save model, save models, ModelCheckpoint, checkpoint, "
    "keep models, save final weights",
    "trials": "n trials, num trials, max trials, n iter",
    "pruning": "pruner, early termination",
    "sampler": "search algorithm, search alg, searcher, tuner",
    "space": "search space, param grid, param distributions, param space, parameters",
    "grid": "param grid, values",
    "instead_of": "replaces, replace, alternative to, in place of",
    "change": "changes, overrides, override, set, params, config",
    "mends": "fixes, failure",
    "reference": "paper, citation, cite, ref, doi",
    "compared_with": "compare with, compare to, compared to, against, versus, vs",
    "choices": "options, categories",
    "low": "min, lower, minimum",
    "high": "max, upper, maximum",
    "when": "condition, only when",
}

_VALUES = {
    # initialisers
    "he_normal": "kaiming normal, kaiming, he, he init, msra",
    "he_uniform": "kaiming uniform",
    "glorot_normal": "xavier normal",
    "glorot_uniform": "xavier uniform, xavier, glorot, xavier init",
    "random_normal": "normal, gaussian",
    "random_uniform": "uniform",
    "truncated_normal": "trunc normal",
    "lecun_normal": "lecun",
    "orthogonal": "ortho",
    "zeros": "zero, zero init, all zeros",
    "ones": "one, all ones",
    # activations
    "leaky_relu": "lrelu, leaky",
    "prelu": "parametric relu",
    "silu": "swish",
    "hard_silu": "hard swish",
    "linear": "identity",
    "sigmoid": "logistic, expit",
    # optimizers
    "sgd": "sgd momentum, sgdm, sgd with momentum, gradient descent, vanilla sgd, "
    "stochastic gradient descent, momentum sgd, mini batch gradient descent",
    "adam": "amsgrad, fused adam, adam optimizer",
    "adamw": "adam w, adam with weight decay, fused adamw",
    "rmsprop": "rms prop",
    "schedulefreeadamw": "schedule free, schedulefree, schedule free adamw",
    # normalisations
    "batch": "bn, batchnorm, batch norm, batch normalization, batch normalisation, batchnorm1d, "
    "batchnorm2d, batchnorm3d",
    "layer": "ln, layernorm, layer norm, layer normalization, layer normalisation",
    "group": "gn, groupnorm, group norm, group normalization",
    "rms": "rmsnorm, rms norm, rms normalization",
    # schedules
    "cosine": "cosine annealing, cosine annealing lr, cosine decay, cosine decay schedule",
    "step": "step decay, step lr, multi step lr, learning rate decay, lr decay",
    "one_cycle": "1cycle, one cycle lr, onecyclelr, fit one cycle",
    "cosine_decay_restarts": "cosine restarts, cosine with restarts, warm restarts, sgdr, "
    "cosine annealing warm restarts",
    "exponential_decay": "exponential, exponential lr, exp decay",
    "polynomial_decay": "polynomial, poly, polynomial lr, linear, linear decay",
    "inverse_time_decay": "inverse time, time based decay",
    "piecewise_constant_decay": "piecewise, piecewise constant, multi step lr",
    "reduce_lr_on_plateau": "plateau, reduce on plateau, lr plateau",
    # scaling
    "unit": "min max, min max scaler, minmax scaler, rescale, rescaling",
    "standardised": "standard, standardize, standardized, standard scaler, z score, zscore",
    # losses
    "mean_squared_error": "mse, mse loss, l2 loss, squared error",
    "mean_absolute_error": "mae, l1 loss, absolute error",
    "huber": "smooth l1, smooth l1 loss, huber loss",
    "categorical_crossentropy": "cross entropy, cross entropy loss, softmax cross entropy, cce, "
    "sparse categorical crossentropy, nll loss",
    "binary_crossentropy": "bce, bce loss, bce with logits loss, sigmoid cross entropy, "
    "binary cross entropy",
    "categorical_focal_crossentropy": "focal, focal loss",
    "kl_divergence": "kl, kl div, kl div loss, kld",
    # designs
    "leave_one_out": "loo, leave one out ablation, ablation, ablate",
    "one_at_a_time": "oat, ofat, one factor at a time, each alone",
    "ladder": "incremental, cumulative, stepwise, additive",
    "factorial": "full factorial, all combinations",
    "fraction": "fractional, fractional factorial, screening",
    "fair": "tuned",
    # metrics
    "accuracy": "acc, accuracy score, sparse categorical accuracy, binary accuracy, top 1 accuracy",
    "balanced_accuracy": "bal acc, bacc, balanced acc, uar, mean recall, macro recall",
    "macro_f1": "f1, f1 score, f1 macro",
    "auroc": "rocauc, roc auc ovr, roc auc score, roc, area under curve",
    "average_precision": "prauc, aucpr, average precision score, mean average precision",
    "log_loss": "crossentropy, categorical crossentropy, neg log loss, binary crossentropy, "
    "sparse categorical crossentropy, cross entropy loss, negative log likelihood",
    "brier": "brier score, brier loss, brier score loss",
    "mse": "mean squared error, squared error, neg mean squared error",
    "rmse": "root mean squared error, neg root mean squared error",
    "mae": "mean absolute error, neg mean absolute error",
    "r2": "r squared, r2 score, coefficient of determination",
    "top_k_accuracy": "top k categorical accuracy, sparse top k categorical accuracy, top5",
}

_TECHNIQUES = {
    "He normal": "kaiming normal, kaiming, he, he initialization, he initialisation, he init, msra",
    "He uniform": "kaiming uniform",
    "Glorot normal": "xavier normal",
    "Glorot uniform": "xavier uniform, xavier, glorot, xavier initialization, xavier init",
    "LeCun normal": "lecun, lecun initialization",
    "plain normal": "random normal, normal, gaussian",
    "orthogonal": "orthogonal initialization, orthogonal init",
    "leaky ReLU": "lrelu",
    "SiLU": "swish",
    "ReLU": "rectified linear unit, rectifier",
    "momentum": "sgdm, sgd with momentum, sgd momentum, heavy ball, polyak momentum, "
    "classical momentum",
    "Adam": "amsgrad",
    "Nesterov": "nag, nesterov momentum, nesterov accelerated gradient",
    "batch normalisation": "bn, batchnorm, batch norm, batchnorm1d, batchnorm2d, "
    "batch normalization",
    "layer normalisation": "ln, layernorm, layer norm, layer normalization",
    "L2": "l2 reg, l2 regularization, l2 regularisation, l2 penalty, ridge",
    "weight decay": "wd, decoupled weight decay",
    "max-norm": "max norm constraint, max norm regularization",
    "label smoothing": "smoothing, ls, smooth labels, soft labels",
    "gradient clipping": "grad clip, clip grad norm, clipnorm, global clipnorm, gradient clip, "
    "clip by global norm, gradient norm clipping",
    "exponential moving average": "ema, polyak averaging, ema of weights, weight averaging, "
    "model ema",
    "stochastic weight averaging": "swa",
    "virtual adversarial training": "vat",
    "affine distortions": "augmentation, data augmentation, random affine, RandomAffine",
    "elastic distortions": "elastic transform, elastic deformation, ElasticTransform",
    "step schedule": "step decay, step lr, learning rate decay, lr decay, multi step lr",
    "cosine schedule": "cosine, cosine annealing, cosine annealing lr, cosine decay, "
    "learning rate schedule",
    "warm-up and cosine": "warmup, linear warmup, learning rate warmup, lr warmup, "
    "cosine with warmup",
    "one-cycle": "1cycle, one cycle lr, one cycle policy, super convergence, fit one cycle",
    "plateau schedule": "plateau, reduce lr on plateau, reduce on plateau, lr plateau",
    "cosine with restarts": "cosine restarts, warm restarts, sgdr, cosine annealing warm restarts",
    "early stopping": "early stop, patience, restore best weights, early stopping rounds",
    "class weights": "class weight, balanced, balanced classes, weighted loss, pos weight",
    "focal loss": "focal, binary focal loss",
    "Huber loss": "huber, smooth l1, smooth l1 loss",
    "log-cosh": "log cosh loss",
    "zero initialisation": "zeros, zero init, zero initialization, zero weights",
    "residual connections": "residual, residual connection, skip connections, skip connection, "
    "resnet, shortcut",
    "stochastic depth": "drop path, droppath",
    "dropout before": "dropout before activation",
    "L1": "lasso, l1 reg, l1 regularization, l1 regularisation, l1 penalty",
    "elastic net": "l1 l2, l1l2",
    "gradient accumulation": "accumulate grad batches, grad accumulation, accumulation steps",
    "unit inputs": "min max, minmax scaler, min max scaler, rescale inputs, rescaling",
    "standardised inputs": "standardize, standardization, standardisation, standard scaler, "
    "z score, normalize inputs, input normalization, input normalisation",
}

_COMMANDS = {
    "run": "train, fit, start, execute",
    "search": "tune, optimize, optimise, hpo, sweep",
    "results": "show, table, print",
    "runs": "list, ls",
    "ui": "dashboard, serve, server, tensorboard",
    "techniques": "catalogue, catalog",
    "judge": "compare, test, evaluate scores",
    "predict": "infer, inference, classify",
    "report": "html, plot, plots",
    # options
    "--replicates": "--seeds, --n-seeds, --repeats, --n-repeats, --repetitions",
    "--workers": "--jobs, --n-jobs, --num-workers, --processes, --n-workers, --parallel",
    "--out": "--output-dir, --outdir, --out-dir, --log-dir, --logdir, --run-dir, --save-dir",
    "--output": "--file, --output-file",
    "--epochs": "--num-epochs, --n-epochs, --max-epochs, --nb-epochs",
    "--trials": "--n-trials, --num-trials, --max-trials",
    "--metric": "--scoring, --score",
    "--store": "--storage, --db, --database",
    "--engine": "--backend",
    "--allow-code": "--trust, --trust-remote-code, --unsafe",
    "--dry-run": "--plan, --check, --noop",
    "--columns": "--cols, --column",
    "--against": "--baseline, --versus",
}

TABLES = {
    "Fields of [base]": _FIELDS,
    "Other keys of a study": _KEYS,
    "Values": _VALUES,
    "Techniques": _TECHNIQUES,
    "Commands and options": _COMMANDS,
}
"""Other names by the name here, separated by commas, as `docs/reference/names.md` shows them."""

ALIASES = tuple(
    (alias, name)
    for table in TABLES.values() for name, text in table.items() for alias in text.split(", ")
)  # fmt: skip
"""Another name and the one here; another name may stand for several."""

ONLY_BESIDE = {"unit": "standardised", "batch": "layer"}
"""Names that mean something else in other lists, with a name of the list in which they mean this.

`unit` of `scaling` is no normalisation to unit length; the `batch` of a search no normalisation.
"""

_OF_ONE_MEANING = (  # as `plain` writes them
    "radam nradam adabelief adan lars sophia shampoo yogi adabound ranger novograd lbfgs "
    "sparseadam asgd rprop lookahead sam rrelu maxout celu mish aprelu snake cutmix cutout "
    "randaugment autoaugment groupnorm instancenorm weightnorm spectralnorm dropconnect dropblock "
    "noam invscaling cyclic cycliclr triangular adaptive decay rate alpha lambda beta rho stepsize "
    "keepprob stride filters device precision recall f1micro f1weighted mape errorrate initvalue "
    "explainedvariance inputdim inputshape outputdim shuffle"
)
_LIBRARIES = (
    "activations callbacks constraints eqx equinox f fastai flax functional haiku hk init "
    "initializers jax keras layers lightning linen losses lr_scheduler metrics nn optax optim "
    "optimizers pl pytorch_lightning regularizers schedules sklearn tensorflow tf tfa timm torch "
    "torchvision transforms"
)


@lru_cache(maxsize=1)
def keras_names() -> Mapping[str, Any]:
    """Names by kind: the class or function of each, its arguments with defaults, those required.

    Of `layers`, `callbacks` and `metrics` the names of classes alone.
    """
    text = resources.files("stepladder.study").joinpath("keras_names.json").read_text("utf-8")
    names: dict[str, Any] = json.loads(text)
    return names


@lru_cache(maxsize=1)
def names_of_one_meaning() -> frozenset[str]:
    """Names, in small letters without signs, that mean something and are no other one misspelt.

    Example:
        >>> "relu6" in names_of_one_meaning(), "leru" in names_of_one_meaning()
        (True, False)
    """
    lists = (kind for kind in keras_names().values() if not isinstance(kind, str))
    known = (
        *(name for names in lists for name in names),
        *(one for pair in ALIASES for one in pair),
    )
    return frozenset(_OF_ONE_MEANING.split()) | {plain(name) for name in known}


def plain(name: str) -> str:
    """A name without capitals, spaces and hyphens."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def without_library(name: str) -> str:
    """A name without the library that it is of, and without a call's arguments.

    Example:
        >>> without_library("torch.optim.SGD(lr=0.1)"), without_library("nn.ReLU")
        ('SGD', 'ReLU')
        >>> without_library("optimizer.lr")
        'optimizer.lr'
    """
    bare, *_ = name.split("(", 1)
    first, *rest = bare.split(".")
    return rest[-1] if rest and first.casefold() in _LIBRARIES.split() else bare
