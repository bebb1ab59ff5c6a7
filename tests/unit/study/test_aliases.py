"""What people write who come from elsewhere: what it stands for here, or nothing."""

import pytest

from stepladder import CATALOGUE, Recipe
from stepladder.cli.main import command
from stepladder.study.aliases import ALIASES
from stepladder.study.designs import ExplicitArm
from stepladder.study.keras_names import names_of
from stepladder.study.metrics import METRIC_ALIASES, METRICS
from stepladder.study.recipe import OWN_SCHEDULES
from stepladder.study.schema import nearest
from stepladder.study.search import Parameter, Search
from stepladder.study.sources import TableDataset
from stepladder.study.study import Study
from stepladder.study.techniques import Technique
from stepladder.study.tuning import Tuning

COMING = (
    "patience", "min_delta", "monitor", "score_at", "class_weight", "loss", "clipnorm", "clipvalue",
    "gradient_accumulation_steps", "bias_initializer", "kernel_regularizer", "bias_regularizer",
    "activity_regularizer", "kernel_constraint", "bias_constraint", "noise", "input_noise",
    "dropout_position", "residual", "stochastic_depth", "own", "target_scaling",
)  # fmt: skip
"""Fields that recipes have, or will have."""

FIELDS = tuple(name for name in Recipe.model_fields if name not in COMING)
SPACE = (*FIELDS, "layers", "units")
STUDY = tuple(info.alias or name for name, info in Study.model_fields.items())
TECHNIQUES = tuple(technique.name for technique in CATALOGUE)
COMMANDS = tuple(command.commands)
OPTIONS = tuple(
    option for one in command.commands.values() for parameter in one.params
    for option in parameter.opts if option.startswith("--")
)  # fmt: skip


def the_first_of(right, names):
    """The first of some names, separated by a bar, that there is; None where there is none."""
    return next((name for name in (right or "").split("|") if name in names), None)


# fmt: off
FIELD_NAMES = [
    # Keras
    ("lr", "learning_rate"), ("kernel_initializer", "initializer"), ("use_bias", None),
    ("kernel_regularizer", "kernel_regularizer|l2"), ("bias_initializer", "bias_initializer"),
    ("kernel_constraint", "kernel_constraint|max_norm"), ("clipnorm", "clipnorm|global_clipnorm"),
    ("clipvalue", "clipvalue"), ("validation_split", None), ("patience", "patience"),
    ("EarlyStopping", "patience"), ("early_stopping", "patience"), ("rate", None),
    ("restore_best_weights", "score_at"), ("ModelCheckpoint", None), ("Dense", "hidden"),
    ("units", "hidden"), ("Dropout", "dropout"), ("BatchNormalization", "normalization"),
    ("GaussianNoise", "noise"), ("stddev", None), ("shuffle", None), ("steps_per_epoch", None),
    ("nb_epoch", "epochs"), ("ema_momentum", "ema"), ("use_ema", "ema"), ("beta_1", None),
    ("epsilon", None), ("rho", None), ("decay", None), ("rotation_range", "augment_rotation"),
    ("width_shift_range", "augment_shift"), ("zoom_range", "augment_scale"),
    ("shear_range", "augment_shear"), ("RandomRotation", "augment_rotation"), ("verbose", None),
    ("batch_input_shape", None), ("class_weight", "class_weight"), ("sample_weight", None),
    ("loss", "loss"), ("metrics", None), ("optimizers", "optimizer"), ("Conv2D", None),
    ("LSTM", None), ("Embedding", None), ("filters", None), ("kernel_size", None),
    # PyTorch, Lightning, Hugging Face, timm
    ("bs", "batch_size"), ("wd", "weight_decay"), ("num_epochs", "epochs"), ("n_layers", "hidden"),
    ("num_layers", "hidden"), ("hidden_dim", "hidden"), ("hidden_size", "hidden"),
    ("criterion", "loss"), ("pos_weight", "class_weight"), ("step_size", None),
    ("gamma", "decay_rate"), ("milestones", None), ("T_max", None), ("num_workers", None),
    ("device", None), ("dtype", None), ("seed", None), ("max_epochs", "epochs"),
    ("gradient_clip_val", "global_clipnorm"), ("accumulate_grad_batches",
    "gradient_accumulation_steps"), ("precision", None), ("max_grad_norm", "global_clipnorm"),
    ("per_device_train_batch_size", "batch_size"), ("num_train_epochs", "epochs"),
    ("warmup_ratio", "warmup"), ("lr_scheduler_type", "schedule"), ("num_warmup_steps", "warmup"),
    ("label_smoothing_factor", "label_smoothing"), ("hidden_dropout_prob", "dropout"),
    ("hidden_act", "activation"), ("gradient_accumulation_steps", "gradient_accumulation_steps"),
    ("drop_path_rate", "stochastic_depth"), ("act_layer", "activation"),
    ("norm_layer", "normalization"), ("in_features", None), ("bias", None), ("embed_dim", None),
    ("num_heads", None), ("model_ema", "ema"), ("mixup_alpha", "mixup"), ("cutmix", None),
    ("smoothing", "label_smoothing"), ("warmup_epochs", "warmup"), ("amp", None),
    ("nn.Dropout", "dropout"), ("clip_grad_norm_", "global_clipnorm"),
    ("clip_grad_value_", "clipvalue"), ("keep_prob", None), ("weights_decay", "weight_decay"),
    # scikit-learn, XGBoost, LightGBM
    ("hidden_layer_sizes", "hidden"), ("max_iter", "epochs"), ("learning_rate_init",
    "learning_rate"), ("solver", "optimizer"), ("alpha", None), ("n_iter_no_change", "patience"),
    ("tol", "min_delta"), ("validation_fraction", None), ("random_state", None),
    ("nesterovs_momentum", "nesterov"), ("n_estimators", None), ("max_depth", None),
    ("C", None), ("kernel", None), ("eta", "learning_rate"), ("reg_lambda", "l2"),
    ("subsample", None), ("early_stopping_rounds", "patience"), ("num_leaves", None),
    ("train_size", "train_examples"), ("n_jobs", None), ("warm_start", None), ("power_t", None),
    # fast.ai, JAX, Optuna, papers
    ("lr_max", "learning_rate"), ("ps", "dropout"), ("moms", "momentum"), ("opt_func",
    "optimizer"), ("act_cls", "activation"), ("use_bn", "normalization"), ("init_value", None),
    ("peak_lr", "learning_rate"), ("clip_by_global_norm", "global_clipnorm"), ("features", None),
    ("n_trials", None), ("learning rate", "learning_rate"), ("minibatch size", "batch_size"),
    ("number of layers", "hidden"), ("dropout probability", "dropout"), ("nonlinearity",
    "activation"), ("weight initialization", "initializer"), ("skip connections", "residual"),
    ("depth", None), ("width", "hidden"), ("temperature", None), ("iterations", None),
    ("Polyak averaging", "ema"), ("stochastic depth", "stochastic_depth"),
    ("L1", "kernel_regularizer"),
    ("standardize", "scaling"), ("normalize", "scaling"), ("normalization_layer",
    "normalization"), ("augmentation", None), ("max_steps", None), ("num_classes", None),
    ("input_dim", None),
]
STUDY_NAMES = [
    ("seeds", "replicates"), ("n_seeds", "replicates"), ("random_state", "seed"),
    ("random_seed", "seed"), ("validation_split", "validation"), ("val_size", "validation"),
    ("metrics", "metric"), ("scoring", "metric"), ("data", "dataset"), ("techniques", "technique"),
    ("arms", "arm"), ("baseline", "base"), ("config", "base"), ("rope", "delta"),
    ("margin", "delta"), ("cv", "splits"), ("n_splits", "splits"), ("folds", "splits"),
    ("callbacks", None),
    ("save_model", "keep_weights"), ("ModelCheckpoint", "keep_weights"), ("ablations", "technique"),
    ("title", None), ("n_jobs", None), ("device", None), ("objective", None), ("direction", None),
    ("bas", "base"), ("replicate", "replicates"), ("repeats", "replicates"), ("alpha", None),
]
VALUE_NAMES = {
    "activations": [
        ("swish", "silu"), ("nn.ReLU", "relu"), ("nn.ReLU()", "relu"), ("F.gelu", "gelu"),
        ("logistic", "sigmoid"), ("relu6", "relu6"), ("softplus", "softplus"), ("SiLU", "silu"),
        ("hardswish", "hard_silu"), ("lrelu", "leaky_relu"), ("LeakyReLU", "leaky_relu"),
        ("identity", "linear"), ("jax.nn.softplus", "softplus"), ("rleu", "relu"),
        ("Conv2D", None), ("maxout", None), ("rrelu", None), ("batchnorm", None), ("snake", None),
        ("sigmoide", "sigmoid"), ("tf.nn.tanh", "tanh"), ("hardtanh", "hard_tanh"), ("adam", None),
    ],
    "initializers": [
        ("kaiming_normal", "he_normal"), ("nn.init.kaiming_uniform_", "he_uniform"),
        ("xavier_uniform", "glorot_uniform"), ("xavier", "glorot_uniform"),
        ("tf.keras.initializers.HeNormal", "he_normal"), ("normal", "random_normal"),
        ("uniform", "random_uniform"), ("trunc_normal_", "truncated_normal"), ("zero", "zeros"),
        ("zeros_", "zeros"), ("he", "he_normal"), ("lecun", "lecun_normal"), ("dirac_", None),
        ("glorot_norml", "glorot_normal"), ("variance scaling", "variance_scaling"), ("relu", None),
        ("ortho", "orthogonal"), ("sparse_", None), ("LSUV", None), ("fixup", None),
    ],
    "optimizers": [
        ("SGD", "sgd"), ("torch.optim.SGD", "sgd"), ("torch.optim.SGD(lr=0.1)", "sgd"),
        ("tf.keras.optimizers.Adam", "adam"), ("optax.adamw", "adamw"), ("adam_w", "adamw"),
        ("AdamW", "adamw"), ("sgdm", "sgd"), ("amsgrad", "adam"), ("radam", None), ("lars", None),
        ("lbfgs", None), ("adabelief", None), ("shampoo", None), ("RMSProp", "rmsprop"),
        ("Addam", "adam"), ("adagard", "adagrad"), ("NAdam", "nadam"), ("sophia", None),
        ("schedule_free", "schedulefreeadamw"), ("novograd", None), ("Rprop", None), ("ASGD", None),
        ("cosine", None), ("AdaMax", "adamax"),
    ],
    "normalizations": [
        ("batch_norm", "batch"), ("BatchNorm1d", "batch"), ("bn", "batch"), ("LayerNorm", "layer"),
        ("nn.BatchNorm2d", "batch"), ("group_norm", "group"), ("RMSNorm", "rms"),
        ("BatchNormalization", "batch"), ("instance_norm", None), ("weight_norm", None),
        ("min_max", None), ("standard", None), ("z_score", None),
    ],
    "schedules": [
        ("ExponentialLR", "exponential_decay"), ("CosineDecay", "cosine_decay"),
        ("CosineAnnealingWarmRestarts", "cosine_decay_restarts"), ("SGDR", "cosine_decay_restarts"),
        ("ReduceLROnPlateau", "reduce_lr_on_plateau"), ("plateau", "reduce_lr_on_plateau"),
        ("linear", "polynomial_decay"), ("noam", None), ("invscaling", None), ("cyclic", None),
        ("PiecewiseConstantDecay", "piecewise_constant_decay"), ("adaptive", None),
    ],
    "losses": [
        ("mse", "mean_squared_error"), ("nn.MSELoss", "mean_squared_error"),
        ("nn.CrossEntropyLoss", "categorical_crossentropy"), ("bce", "binary_crossentropy"),
        ("BCEWithLogitsLoss", "binary_crossentropy"), ("smooth_l1", "huber"), ("focal",
        "categorical_focal_crossentropy"), ("L1Loss", "mean_absolute_error"), ("kl_div",
        "kl_divergence"), ("triplet", None), ("accuracy", None), ("iou", None), ("infonce", None),
    ],
}
OWN_VALUES = [
    (("none", "unit", "standardised"), "MinMaxScaler", "unit"),
    (("none", "unit", "standardised"), "StandardScaler", "standardised"),
    (("none", "unit", "standardised"), "z-score", "standardised"),
    (("none", "batch", "layer"), "min_max", None),
    (("none", "batch", "layer"), "BatchNorm1d", "batch"),
    (("none", "batch", "layer"), "group_norm", None),
    (("constant", "step", "cosine", "one_cycle"), "CosineAnnealingLR", "cosine"),
    (("constant", "step", "cosine", "one_cycle"), "OneCycleLR", "one_cycle"),
    (("constant", "step", "cosine", "one_cycle"), "StepLR", "step"),
    (("constant", "step", "cosine", "one_cycle"), "exponential", None),
    (("relu", "tanh", "sigmoid"), "prelu", None),  # it means something
    (("relu", "tanh", "sigmoid"), "relu6", None),
    (("sgd", "adam", "rmsprop"), "lamb", None),
    (("ladder", "leave_one_out", "one_at_a_time", "factorial"), "loo", "leave_one_out"),
    (("ladder", "leave_one_out", "one_at_a_time", "factorial"), "OFAT", "one_at_a_time"),
    (("ladder", "leave_one_out", "one_at_a_time", "factorial"), "full factorial", "factorial"),
    (("ladder", "leave_one_out", "one_at_a_time", "factorial"), "random", None),
    (SPACE, "n_layers", "layers"), (SPACE, "n_units", "units"), (SPACE, "lr", "learning_rate"),
    (("arm1", "arm2"), "arm3", None),
]
TECHNIQUE_NAMES = [
    ("Swish", "SiLU"), ("EMA", "exponential moving average"), ("Xavier", "Glorot uniform"),
    ("Polyak averaging", "exponential moving average"), ("weight decay", "weight decay"),
    ("AMSGrad", "AMSGrad|Adam"), ("label smoothing", "label smoothing"), ("SWA",
    "stochastic weight averaging"), ("cosine annealing", "cosine schedule"), ("Kaiming",
    "He normal"), ("He initialization", "He normal"), ("BatchNorm", "batch normalisation"),
    ("batch normalization", "batch normalisation"), ("LayerNorm", "layer normalisation"),
    ("dropout", "dropout"), ("L2 regularization", "L2"), ("heavy ball", "momentum"),
    ("NAG", "Nesterov"), ("gradient clipping", "gradient clipping"), ("warmup",
    "warm-up and cosine"), ("one cycle policy", "one-cycle"), ("super-convergence", "one-cycle"),
    ("data augmentation", "affine distortions"), ("standardization", "standardised inputs"),
    ("min-max scaling", None), ("nn.ReLU", "ReLU"), ("torch.optim.Adam", "Adam"), ("CutMix",
    None), ("MixUp", "mixup"), ("cutout", None), ("Conv2D", None), ("LSTM", None),
    ("knowledge distillation", None), ("transfer learning", None), ("weight standardization",
    None), ("spectral norm", None), ("Lookahead", None), ("SAM", None), ("RAdam", "RAdam"),
    ("Shampoo", None), ("step decay", "step schedule"), ("curriculum learning", None),
    ("attention", None), ("pruning", None), ("quantization", None), ("Maxout", None),
    ("SGD with momentum", "momentum"), ("Nesterov momentum", "Nesterov"), ("relu6", "ReLU6"),
    ("orthogonal initialization", "orthogonal"), ("adamW", "AdamW"), ("RMSprop", "RMSprop"),
    ("DropConnect", None), ("max norm constraint", "max-norm"), ("pseudo-labelling", None),
]
METRIC_NAMES = [
    ("acc", "accuracy"), ("f1", "macro_f1"), ("F1Score", "macro_f1"), ("roc_auc", "auroc"),
    ("roc_auc_ovr", "auroc"), ("AUC", "auroc"), ("pr_auc", "average_precision"), ("logloss",
    "log_loss"), ("neg_log_loss", "log_loss"), ("cross_entropy", "log_loss"), ("nll", "log_loss"),
    ("SparseCategoricalAccuracy", "accuracy"), ("balanced_acc", "balanced_accuracy"),
    ("brier_score_loss", "brier"), ("RootMeanSquaredError", "rmse"), ("neg_mean_squared_error",
    "mse"), ("MeanAbsoluteError", "mae"), ("r2_score", "r2"), ("R2", "r2"), ("acuracy",
    "accuracy"), ("precision", "precision"), ("recall", "recall"), ("mcc", "mcc"), ("kappa", None),
    ("dice", "dice"), ("iou", None), ("bleu", None), ("perplexity", None), ("f1_micro", "f1_micro"),
    ("mape", "mape"), ("top5", "top_k_accuracy"), ("error_rate", None), ("explained_variance",
    None), ("hamming_loss", "hamming_loss"), ("c_index", None),
]
COMMAND_NAMES = [
    ("train", "run"), ("fit", "run"), ("tune", "search"), ("sweep", "search"), ("show", "results"),
    ("jugde", "judge"), ("dashboard", "ui"), ("ls", "runs"), ("compare", "judge"),
    ("catalogue", "techniques"), ("deploy", None), ("login", None),
]
OPTION_NAMES = [
    ("--seeds", "--replicates"), ("--n-jobs", "--workers"), ("--jobs", "--workers"),
    ("--output-dir", "--out"), ("--num-epochs", "--epochs"), ("--replicate", "--replicates"),
    ("--n-trials", "--trials"), ("--db", "--store"), ("--trust-remote-code", "--allow-code"),
    ("--gpu", None), ("--device", None), ("--quiet", None), ("--seed", None), ("--config", None),
]
# fmt: on


@pytest.mark.parametrize(("name", "right"), FIELD_NAMES)
def test_a_field_of_a_recipe(name, right):
    for names in (FIELDS, (*FIELDS, *COMING)):
        assert nearest(name, names) == the_first_of(right, names)


@pytest.mark.parametrize(("name", "right"), STUDY_NAMES)
def test_a_key_of_a_study(name, right):
    assert nearest(name, STUDY) == right


@pytest.mark.parametrize(
    ("kind", "name", "right"),
    [(kind, *pair) for kind, pairs in VALUE_NAMES.items() for pair in pairs],
)
def test_a_value_that_keras_has(kind, name, right):
    assert nearest(name, names_of(kind)) == right


@pytest.mark.parametrize(("names", "name", "right"), OWN_VALUES)
def test_a_value_of_a_short_list(names, name, right):
    assert nearest(name, names) == right


@pytest.mark.parametrize(("name", "right"), TECHNIQUE_NAMES)
def test_a_technique(name, right):
    assert nearest(name, TECHNIQUES) == the_first_of(right, TECHNIQUES)


@pytest.mark.parametrize(("name", "right"), METRIC_NAMES)
def test_a_metric(name, right):
    assert nearest(name, METRICS, METRIC_ALIASES.items()) == the_first_of(right, METRICS)


@pytest.mark.parametrize(
    ("names", "name", "right"),
    [(COMMANDS, *pair) for pair in COMMAND_NAMES] + [(OPTIONS, *pair) for pair in OPTION_NAMES],
)
def test_a_command_or_an_option(names, name, right):
    assert nearest(name, names) == right


def test_every_name_that_an_alias_stands_for_is_in_some_list():
    choices = {
        choice
        for model in (Recipe, Study)
        for info in model.model_fields.values()
        for choice in getattr(info.annotation, "__args__", ())
    }
    keras = {name for kind in (*VALUE_NAMES, "noises", "constraints", "regularizers")
             for name in names_of(kind)}  # fmt: skip
    keys = {
        info.alias or name
        for model in (Study, TableDataset, Technique, ExplicitArm, Tuning, Search, Parameter)
        for name, info in model.model_fields.items()
    }
    values = {*choices, *keras, *OWN_SCHEDULES}
    known = {*SPACE, *COMING, *keys, *values, *TECHNIQUES, *METRICS, *COMMANDS, *OPTIONS}
    assert {name for _, name in ALIASES} <= known
