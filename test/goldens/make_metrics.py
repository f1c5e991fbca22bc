"""Metrics of Keras: results after each of three batches, and configs: `python test/goldens/make_metrics.py`.

Each row of metrics.json is one case: `options` are Keras' own, `keras` is what Keras saves, `plain` and `weighted` hold the
result after each batch, without sample weights and with them.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import warnings

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, save

warnings.filterwarnings("ignore")
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

SIZES = [5, 8, 3]
COUNT = sum(SIZES)

# They measure values, which are predictions here.
OF_VALUES = (keras.metrics.Sum, keras.metrics.Mean)

tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def plain(value):
    """Keras' config as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def results(metric, targets, predictions, weights):
    found, start = [], 0
    for size in SIZES:
        part = slice(start, start + size)
        values = [predictions[part]] if type(metric) in OF_VALUES else [targets[part], predictions[part]]
        metric.update_state(*values, sample_weight=None if weights is None else weights[part])
        found.append(np.asarray(metric.result(), "float64").tolist())
        start += size
    return found


def case(name, class_name, targets, predictions, options=None, weights=(COUNT,), whole_weights=False):
    rng = generator(f"metrics/{name}")
    make = lambda x: np.asarray(x(rng) if callable(x) else x, "float32")
    targets, predictions = make(targets), make(predictions)
    # Multiples of 1/64, whose sums are exact also in Keras' single precision.
    sample_weights = rng.integers(0, 4, weights) if whole_weights else rng.integers(16, 128, weights) / 64
    sample_weights = sample_weights.astype("float32")
    for part, value in {"targets": targets, "predictions": predictions, "weights": sample_weights}.items():
        tensors[f"{name}/{part}"] = value
    options = options or {}
    make_metric = lambda: getattr(keras.metrics, class_name)(**options)
    keras.backend.clear_session()  # which counts names
    serialized = keras.saving.serialize_keras_object(make_metric())
    rows.append(
        {
            "name": name,
            "className": class_name,
            "options": plain(options),
            "keras": plain(serialized),
            "plain": results(make_metric(), targets, predictions, None),
            "weighted": results(make_metric(), targets, predictions, sample_weights),
        }
    )


def binary(shape):
    return lambda rng: rng.integers(0, 2, shape)


def within(low, high, shape):
    return lambda rng: rng.uniform(low, high, shape)


def normal(shape, scale=1.0):
    return lambda rng: rng.normal(size=shape) * scale


def steps(count, shape):
    """Multiples of 1 / count: exactly at thresholds."""
    return lambda rng: rng.integers(0, count + 1, shape).astype("float32") / np.float32(count)


def probabilities(shape):
    def make(rng):
        logits = np.exp(rng.normal(size=shape))
        return logits / logits.sum(-1, keepdims=True)

    return make


def one_hot(shape):
    return lambda rng: np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def indexes(shape, classes):
    return lambda rng: rng.integers(0, classes, shape)


ROW = (COUNT, 4)
IMAGE = (COUNT, 3, 2, 4)
ONE = (COUNT, 1)

# Predictions themselves
for class_name in ["Mean", "Sum"]:
    case(class_name, class_name, normal(ROW), normal(ROW))
    case(f"{class_name} images", class_name, normal(IMAGE), normal(IMAGE), {}, (COUNT, 3))

# Accuracies
case("accuracy", "Accuracy", indexes(ROW, 3), indexes(ROW, 3))
case("binary accuracy", "BinaryAccuracy", binary(ROW), steps(4, ROW))
case("binary accuracy threshold", "BinaryAccuracy", binary((COUNT,)), within(0, 1, ONE), {"threshold": 0.7})
case("categorical accuracy", "CategoricalAccuracy", one_hot(ROW), probabilities(ROW))
case("categorical accuracy ties", "CategoricalAccuracy", one_hot(ROW), steps(3, ROW))
case("categorical accuracy images", "CategoricalAccuracy", one_hot(IMAGE), probabilities(IMAGE))
case("sparse accuracy", "SparseCategoricalAccuracy", indexes((COUNT,), 4), probabilities(ROW))
case("sparse accuracy column", "SparseCategoricalAccuracy", indexes(ONE, 4), probabilities(ROW))
case("sparse accuracy images", "SparseCategoricalAccuracy", indexes(IMAGE[:-1], 4), probabilities(IMAGE), {},
     (COUNT, 3, 2))
WIDE = (COUNT, 9)
case("top-k", "TopKCategoricalAccuracy", one_hot(WIDE), probabilities(WIDE))
case("top-k ties", "TopKCategoricalAccuracy", one_hot(WIDE), steps(3, WIDE), {"k": 2})
case("sparse top-k", "SparseTopKCategoricalAccuracy", indexes((COUNT,), 9), probabilities(WIDE), {"k": 3})
case("sparse top-k column", "SparseTopKCategoricalAccuracy", indexes(ONE, 9), probabilities(WIDE), {"k": 3})
case("sparse top-k sorted", "SparseTopKCategoricalAccuracy", indexes((COUNT,), 9),
     lambda rng: np.stack([rng.permutation(9) for _ in range(COUNT)]), {"k": 3, "from_sorted_ids": True})

# Regression, hinge, probabilities
for class_name in ["MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "LogCoshError", "CosineSimilarity",
                   "R2Score", "PearsonCorrelation", "ConcordanceCorrelation"]:
    case(class_name, class_name, normal(ROW), normal(ROW))
for class_name in ["MeanSquaredError", "RootMeanSquaredError", "CosineSimilarity"]:
    case(f"{class_name} images", class_name, normal(IMAGE), normal(IMAGE), {}, (COUNT, 3))
case("MeanSquaredError one", "MeanSquaredError", normal((COUNT,)), normal(ONE), {"name": "mine"}, ONE)
case("mape", "MeanAbsolutePercentageError", within(0.5, 3, ROW), normal(ROW))
case("msle", "MeanSquaredLogarithmicError", within(0, 3, ROW), within(0, 3, ROW))
case("cosine axis", "CosineSimilarity", normal(IMAGE), normal(IMAGE), {"axis": 2})
case("r2 apart", "R2Score", normal(ROW), normal(ROW), {"class_aggregation": None})
case("r2 by variance", "R2Score", lambda rng: rng.normal(size=ROW) * [1, 2, 3, 4], normal(ROW),
     {"class_aggregation": "variance_weighted_average", "num_regressors": 2})
case("hinge", "Hinge", lambda rng: rng.choice([-1, 1], ROW), normal(ROW))
case("squared hinge", "SquaredHinge", binary(ROW), normal(ROW))
case("categorical hinge", "CategoricalHinge", one_hot(ROW), normal(ROW))
case("kl", "KLDivergence", probabilities(ROW), probabilities(ROW))
case("poisson", "Poisson", within(0, 3, ROW), within(0.1, 3, ROW))
case("binary crossentropy", "BinaryCrossentropy", binary(ROW), within(0.02, 0.98, ROW), {"label_smoothing": 0.1})
case("binary crossentropy logits", "BinaryCrossentropy", binary(ROW), normal(ROW), {"from_logits": True})
case("categorical crossentropy", "CategoricalCrossentropy", one_hot(ROW), probabilities(ROW), {"label_smoothing": 0.1})
case("categorical crossentropy logits", "CategoricalCrossentropy", one_hot(IMAGE), normal(IMAGE),
     {"from_logits": True, "axis": -1})
case("sparse crossentropy", "SparseCategoricalCrossentropy", indexes((COUNT,), 4), probabilities(ROW))
case("sparse crossentropy ignoring", "SparseCategoricalCrossentropy", indexes((COUNT,), 4), normal(ROW),
     {"from_logits": True, "ignore_class": 2})

# Thresholds
for class_name in ["TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall"]:
    case(class_name, class_name, binary((COUNT,)), steps(4, ONE))
    case(f"{class_name} several", class_name, binary(ROW), steps(10, ROW), {"thresholds": [0.8, 0.1, 0.5]})
    case(f"{class_name} even", class_name, binary(ROW), steps(8, ROW), {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]})
    case(f"{class_name} images", class_name, binary(IMAGE[:-1]), within(0, 1, IMAGE[:-1]), {"thresholds": 0.3},
         (COUNT, 3))
for class_name in ["Precision", "Recall"]:
    case(f"{class_name} top-k", class_name, binary(ROW), steps(3, ROW), {"top_k": 2})
    case(f"{class_name} top-k threshold", class_name, binary(ROW), steps(5, ROW), {"top_k": 3, "thresholds": 0.4})
    case(f"{class_name} class", class_name, one_hot(ROW), probabilities(ROW), {"class_id": 1, "thresholds": 0.25})
for class_name, option in {
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
}.items():
    case(class_name, class_name, binary((COUNT,)), within(0, 1, (COUNT,)), {option: 0.6})
    case(f"{class_name} ties", class_name, binary((COUNT,)), steps(8, ONE), {option: 0.4, "num_thresholds": 9})
    case(f"{class_name} one", class_name, binary((COUNT,)), steps(4, (COUNT,)), {option: 0.3, "num_thresholds": 1})
    case(f"{class_name} class", class_name, one_hot(ROW), probabilities(ROW), {option: 0.5, "class_id": 2})
    case(f"{class_name} unreachable", class_name, binary((COUNT,)), steps(1, (COUNT,)), {option: 1.0})

# Areas
for curve in ["ROC", "PR", "PRGAIN"]:
    for method in ["interpolation", "majoring", "minoring"]:
        case(f"auc {curve} {method}", "AUC", binary((COUNT,)), within(0, 1, ONE),
             {"curve": curve, "summation_method": method})
case("auc", "AUC", binary(ROW), within(0, 1, ROW))
case("auc ties", "AUC", binary(ROW), steps(10, ROW), {"num_thresholds": 11})
case("auc pr ties", "AUC", binary(ROW), steps(10, ROW), {"num_thresholds": 11, "curve": "PR"})
case("auc at thresholds of 199", "AUC", binary(ROW), steps(199, ROW))
case("auc two thresholds", "AUC", binary(ROW), steps(4, ROW), {"num_thresholds": 2})
case("auc logits", "AUC", binary(ROW), normal(ROW, 2), {"from_logits": True})
case("auc thresholds", "AUC", binary(ROW), steps(10, ROW), {"thresholds": [0.7, 0.1, 0.4]})
case("auc even thresholds", "AUC", binary(ROW), steps(8, ROW), {"thresholds": [0.25, 0.5, 0.75]})
case("auc labels", "AUC", binary(ROW), within(0, 1, ROW), {"multi_label": True})
case("auc labels weighted", "AUC", binary(ROW), steps(20, ROW),
     {"multi_label": True, "num_labels": 4, "label_weights": [1.0, 2.0, 0.5, 0.0], "curve": "PR"})
case("auc label weights", "AUC", binary(ROW), within(0, 1, ROW), {"label_weights": [1.0, 2.0, 0.5, 0.0]})
case("auc of one class", "AUC", np.ones(COUNT), within(0, 1, (COUNT,)))
case("auc of images", "AUC", binary(IMAGE[:-1]), within(0, 1, IMAGE[:-1]), {}, (COUNT, 3))

# Scores
for average in [None, "micro", "macro", "weighted"]:
    case(f"f1 {average}", "F1Score", one_hot(ROW), probabilities(ROW), {"average": average})
    case(f"f2 {average}", "FBetaScore", binary(ROW), steps(10, ROW), {"average": average, "beta": 2.0, "threshold": 0.4})
case("f1 ties", "F1Score", one_hot(ROW), steps(2, ROW))

# Overlap
case("iou", "IoU", indexes(ROW, 3), indexes(ROW, 3), {"num_classes": 3, "target_class_ids": [0, 2]}, ROW, True)
case("iou ignoring", "IoU", indexes(ROW, 4), indexes(ROW, 3),
     {"num_classes": 3, "target_class_ids": [0, 2], "ignore_class": 1}, ROW, True)
case("iou float", "IoU", indexes(ROW, 3), indexes(ROW, 3),
     {"num_classes": 3, "target_class_ids": [0], "dtype": "float32"}, ROW)
case("iou of fractions", "IoU", indexes((COUNT,), 3), indexes((COUNT,), 3),
     {"num_classes": 3, "target_class_ids": [0, 1]})
case("binary iou", "BinaryIoU", binary(ROW), steps(4, ROW), {}, ROW, True)
case("binary iou threshold", "BinaryIoU", binary((COUNT,)), steps(10, (COUNT,)),
     {"threshold": 0.3, "target_class_ids": [1]}, (COUNT,), True)
case("mean iou", "MeanIoU", indexes(ROW, 3), indexes(ROW, 3), {"num_classes": 4}, ROW, True)
case("mean iou of scores", "MeanIoU", one_hot(IMAGE), probabilities(IMAGE),
     {"num_classes": 4, "sparse_y_true": False, "sparse_y_pred": False}, IMAGE[:-1], True)
case("one-hot iou", "OneHotIoU", one_hot(ROW), probabilities(ROW), {"num_classes": 4, "target_class_ids": [1, 3]},
     (COUNT,), True)
case("one-hot iou images", "OneHotIoU", one_hot(IMAGE), probabilities(IMAGE),
     {"num_classes": 4, "target_class_ids": [1]}, (COUNT, 3, 2), True)
case("one-hot mean iou", "OneHotMeanIoU", one_hot(IMAGE), indexes(IMAGE[:-1], 4),
     {"num_classes": 4, "sparse_y_pred": True, "ignore_class": 0}, IMAGE[:-1], True)

save("metrics", tensors, rows)
