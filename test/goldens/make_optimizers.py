"""Twenty steps of every optimizer of Keras, in double precision, and its schedules' rates.

    python test/goldens/make_optimizers.py
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
from keras import optimizers
from keras.optimizers import schedules

from golden_files import generator, save

keras.config.set_floatx("float64")
STEPS = 20
SHAPES = {"dense/kernel": (4, 3), "dense/bias": (3,), "embedding/table": (2, 3), "conv/kernel": (2, 2, 1, 2)}
# fovea's names of what Keras keeps beside each weight.
SLOTS = {
    "SGD": {"momentum": "momentums"},
    "RMSprop": {"velocity": "_velocities", "momentum": "_momentums", "averageGradient": "_average_gradients"},
    "Adam": {"momentum": "_momentums", "velocity": "_velocities", "velocityHat": "_velocity_hats"},
    "AdamW": {"momentum": "_momentums", "velocity": "_velocities", "velocityHat": "_velocity_hats"},
    "Adadelta": {"accumulatedGrad": "_accumulated_grads", "accumulatedDeltaVar": "_accumulated_delta_vars"},
    "Adagrad": {"accumulator": "_accumulators"},
    "Adamax": {"momentum": "_m", "norm": "_u"},
    "Adafactor": {"rows": "_r", "columns": "_c", "velocity": "_v"},
    "Nadam": {"momentum": "_momentums", "velocity": "_velocities"},
    "Ftrl": {"accumulator": "_accumulators", "linear": "_linears"},
    "Lion": {"momentum": "_momentums"},
    "Muon": {"momentum": "momentums", "velocity": "adam_velocities"},
}
SHARED_SLOTS = {"average": "_model_variables_moving_average", "gradientAccumulator": "_accumulated_gradients"}

tensors: dict[str, np.ndarray] = {}
rows: list[dict[str, object]] = []

for name, shape in SHAPES.items():
    random = generator(f"gradients of {name}")
    # Of sizes between 0.1 and 10, so that limits of norms hold at some steps and not at others; some are zero.
    sizes = 10 ** random.uniform(-1, 1, (STEPS,) + (1,) * len(shape))
    gradients = sizes * random.normal(size=(STEPS, *shape)) * (random.uniform(size=(STEPS, *shape)) > 0.1)
    tensors[f"start/{name}"] = generator(f"start of {name}").normal(size=shape).astype(np.float32)
    tensors[f"gradients/{name}"] = gradients.astype(np.float32)


def train(kind, exclude: list[str] | None = None, **options) -> None:
    keras.utils.clear_session()
    optimizer = kind(**options)
    described = optimizers.serialize(optimizer)
    if exclude:
        optimizer.exclude_from_weight_decay(var_names=exclude)
    variables = []
    for path in SHAPES:
        scope, name = path.split("/")
        with keras.name_scope(scope):
            variables.append(keras.Variable(tensors[f"start/{path}"], dtype="float64", name=name))
    assert [variable.path for variable in variables] == list(SHAPES)
    key = f"{len(rows)} {kind.__name__}"
    kept: dict[str, list[np.ndarray]] = {}
    for step in range(STEPS):
        gradients = [tensors[f"gradients/{path}"][step].astype(np.float64) for path in SHAPES]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
        for i, path in enumerate(SHAPES):
            kept.setdefault(path, []).append(variables[i].numpy())
            for slot, attribute in {**SLOTS[kind.__name__], **SHARED_SLOTS}.items():
                values = getattr(optimizer, attribute, None)
                if not values or values[i] is None:
                    continue
                if kind is optimizers.Adafactor and (slot == "velocity") == (len(SHAPES[path]) >= 2):
                    continue  # what Keras computes anew, or has in its place alone
                kept.setdefault(f"{path}/{slot}", []).append(np.asarray(values[i]))
    for name, values in kept.items():
        tensors[f"{key}/{name}"] = np.stack(values).astype(np.float32)
    rows.append({"key": key, "json": described, "exclude": exclude or [], "kept": list(kept)})


train(optimizers.SGD)
train(optimizers.SGD, momentum=0.9)
train(optimizers.SGD, learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
train(optimizers.SGD, learning_rate=0.1, clipnorm=1.0)
train(optimizers.SGD, learning_rate=0.1, momentum=0.5, clipvalue=0.5)
train(optimizers.SGD, learning_rate=0.1, global_clipnorm=2.0)
train(optimizers.SGD, learning_rate=schedules.CosineDecay(0.0, 10, 0.1, warmup_target=0.2, warmup_steps=5), momentum=0.8)
train(optimizers.RMSprop)
train(optimizers.RMSprop, learning_rate=0.01, rho=0.8, epsilon=0.01)
train(optimizers.RMSprop, learning_rate=0.01, momentum=0.7)
train(optimizers.RMSprop, learning_rate=0.01, centered=True)
train(optimizers.RMSprop, learning_rate=0.01, momentum=0.7, centered=True, weight_decay=0.1, exclude=["bias", "table"])
train(optimizers.Adam)
train(optimizers.Adam, learning_rate=0.05, beta_1=0.5, beta_2=0.9, epsilon=0.1)
train(optimizers.Adam, learning_rate=0.05, beta_2=0.5, amsgrad=True)
train(optimizers.Adam, learning_rate=0.05, weight_decay=0.3, exclude=["bias"])
train(optimizers.Adam, learning_rate=0.05, use_ema=True)
train(optimizers.Adam, learning_rate=0.05, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3)
train(optimizers.Adam, learning_rate=0.05, gradient_accumulation_steps=4)
train(
    optimizers.Adam,
    learning_rate=schedules.ExponentialDecay(0.1, 6, 0.5),
    gradient_accumulation_steps=3,
    use_ema=True,
    ema_momentum=0.7,
    ema_overwrite_frequency=2,
    global_clipnorm=1.0,
    weight_decay=0.1,
)
train(optimizers.AdamW)
train(optimizers.AdamW, learning_rate=0.05, weight_decay=0.3, amsgrad=True, clipnorm=1.5)
train(optimizers.AdamW, learning_rate=schedules.PolynomialDecay(0.1, 15), exclude=["bias", "table"])
train(optimizers.Adadelta)
train(optimizers.Adadelta, learning_rate=1.0, rho=0.8, epsilon=1e-3)
train(optimizers.Adagrad)
train(optimizers.Adagrad, learning_rate=0.1, initial_accumulator_value=0.5, epsilon=0.01)
train(optimizers.Adagrad, learning_rate=0.1, initial_accumulator_value=0.0, gradient_accumulation_steps=5)
train(optimizers.Adamax)
train(optimizers.Adamax, learning_rate=0.05, beta_1=0.7, beta_2=0.8, epsilon=0.01, weight_decay=0.05)
train(optimizers.Adafactor)
train(optimizers.Adafactor, learning_rate=0.5, beta_2_decay=-0.5, epsilon_1=1e-6, epsilon_2=0.1, clip_threshold=0.4)
train(optimizers.Adafactor, learning_rate=0.5, relative_step=False, weight_decay=0.01)
train(optimizers.Nadam)
train(optimizers.Nadam, learning_rate=0.05, beta_1=0.7, beta_2=0.9, epsilon=0.01)
train(optimizers.Nadam, learning_rate=0.05, gradient_accumulation_steps=2, clipvalue=1.0)
train(optimizers.Ftrl)
train(optimizers.Ftrl, learning_rate=0.1, l1_regularization_strength=0.5, l2_regularization_strength=0.1)
train(
    optimizers.Ftrl,
    learning_rate=0.1,
    learning_rate_power=-0.8,
    initial_accumulator_value=0.3,
    l2_shrinkage_regularization_strength=0.2,
    beta=0.4,
)
train(optimizers.Lion)
train(optimizers.Lion, learning_rate=0.01, beta_1=0.6, beta_2=0.8, weight_decay=0.5)
train(optimizers.Muon)
train(optimizers.Muon, learning_rate=0.05, nesterov=False, momentum=0.7, ns_steps=3, rms_rate=None, weight_decay=None)
train(
    optimizers.Muon,
    learning_rate=0.05,
    adam_beta_1=0.8,
    adam_beta_2=0.9,
    adam_lr_ratio=0.5,
    adam_weight_decay=None,
    epsilon=0.01,
    exclude_embeddings=False,
    exclude_layers=["^den.e"],
    muon_a=3.0,
    muon_b=-4.0,
    muon_c=1.5,
    rms_rate=0.3,
)

rates = []
double = np.float64  # a schedule rounds other numbers to float32 first
for schedule in (
    schedules.ExponentialDecay(double(0.1), 10, double(0.5)),
    schedules.ExponentialDecay(double(0.1), 7, double(0.8), staircase=True),
    schedules.PiecewiseConstantDecay([5, 20, 21], [double(r) for r in (0.3, 0.2, 0.1, 0.05)]),
    schedules.PolynomialDecay(double(0.1), 25),
    schedules.PolynomialDecay(double(0.1), 20, end_learning_rate=double(0.02), power=double(2.0)),
    schedules.PolynomialDecay(double(0.1), 12, end_learning_rate=double(0.02), power=double(0.5), cycle=True),
    schedules.InverseTimeDecay(double(0.1), 8, double(0.5)),
    schedules.InverseTimeDecay(double(0.1), 9, double(0.5), staircase=True),
    schedules.CosineDecay(double(0.2), 30),
    schedules.CosineDecay(double(0.2), 30, alpha=double(0.1)),
    schedules.CosineDecay(double(0.05), 30, alpha=double(0.1), warmup_target=double(0.2), warmup_steps=12),
    schedules.CosineDecay(double(0.0), 40, warmup_target=double(0.2), warmup_steps=0),
    schedules.CosineDecayRestarts(double(0.1), 8),
    schedules.CosineDecayRestarts(double(0.1), 7, t_mul=double(1.5), m_mul=double(0.8), alpha=double(0.05)),
    schedules.CosineDecayRestarts(double(0.1), 9, t_mul=double(1.0), m_mul=double(0.5)),
):
    # PiecewiseConstantDecay takes its boundaries for the dtype of the step.
    values = [float(schedule(keras.ops.convert_to_tensor(step, dtype="int64"))) for step in range(61)]
    rates.append({"json": schedules.serialize(schedule), "rates": values})

save("optimizers", tensors, rows + rates)
