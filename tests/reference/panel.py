"""What `jaxgame.panel` computes, once more: row by row in NumPy and SciPy, one fit at a time."""

import numpy as np
from scipy.optimize import nnls


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def hull_weights(raters: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares over the simplex: Lawson and Hanson's active sets, the sum as one more row."""
    differences = (raters - target[:, None]) / np.sqrt(len(target))
    system = np.vstack([differences, np.ones(raters.shape[1])])
    weights, _ = nnls(system, np.append(np.zeros(len(target)), 1.0), maxiter=10_000)
    return weights / weights.sum()


def cone_weights(raters: np.ndarray, target: np.ndarray) -> np.ndarray:
    return nnls(raters, target, maxiter=10_000)[0]


def cone(raters: np.ndarray, target: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Predictions of weights of at least 0 and an intercept, fitted on train rows of z-scores."""
    centre, spread = raters[train].mean(axis=0), raters[train].std(axis=0)
    mean = target[train].mean()
    scores = (raters - centre) / spread
    return mean + scores @ cone_weights(scores[train], target[train] - mean)


def line(column: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Intercept and slope of an ordinary least squares fit."""
    return np.linalg.lstsq(np.column_stack([np.ones(len(column)), column]), target, rcond=None)[0]


def tied_singles(raters: np.ndarray, target: np.ndarray, train: np.ndarray) -> dict[str, list[float]]:
    """Test distances of all raters that tie for the least train distance, as they are and fitted."""
    fit, aim = raters[train], target[train]
    lines = [line(column, aim) for column in fit.T]
    fitted = np.column_stack([a + b * column for (a, b), column in zip(lines, raters.T, strict=True)])
    tied = {}
    for name, predictions in (("best_single", raters), ("best_single_fitted", fitted)):
        errors = [rms(prediction[train] - aim) for prediction in predictions.T]
        nearest = np.flatnonzero(np.array(errors) <= min(errors) + 1e-10)
        tied[name] = [rms((predictions[:, i] - target)[~train]) for i in nearest]
    return tied


def free_fit(raters: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Intercept and weights of ordinary least squares; of dependent raters the later ones get weight 0."""
    system = np.column_stack([np.ones(len(target)), raters])
    full = np.linalg.matrix_rank(system) == system.shape[1]
    kept = list(range(system.shape[1])) if full else []
    for column in range(len(kept), system.shape[1]):
        if np.linalg.matrix_rank(system[:, [*kept, column]]) > len(kept):
            kept.append(column)
    found = np.zeros(system.shape[1])
    found[kept] = np.linalg.lstsq(system[:, kept], target, rcond=None)[0]
    return found


def distances(
    raters: np.ndarray, target: np.ndarray, train: np.ndarray, *, cone_intercept: bool = False
) -> dict[str, float]:
    """Train and test root mean squares of every method but the nulls, from all rows.

    Hull and cone have no intercept, but the cone if `cone_intercept` says so.
    """
    fit, aim = raters[train], target[train]
    size = raters.shape[1]
    nearest = min(range(size), key=lambda i: rms(fit[:, i] - aim))
    lines = [line(fit[:, i], aim) for i in range(size)]
    steepest = min(range(size), key=lambda i: rms(lines[i][0] + lines[i][1] * fit[:, i] - aim))
    average = raters.mean(axis=1)
    average_line = line(average[train], aim)
    free = free_fit(fit, aim)
    predictions = {
        "hull": raters @ hull_weights(fit, aim),
        "cone": cone(raters, target, train) if cone_intercept else raters @ cone_weights(fit, aim),
        "least_squares": free[0] + raters @ free[1:],
        "best_single": raters[:, nearest],
        "best_single_fitted": lines[steepest][0] + lines[steepest][1] * raters[:, steepest],
        "plain_average": average,
        "plain_average_fitted": average_line[0] + average_line[1] * average,
        "constant": np.full(len(target), aim.mean()),
    }
    result = {}
    for name, prediction in predictions.items():
        result[f"{name}_train"] = rms((prediction - target)[train])
        result[f"{name}_test"] = rms((prediction - target)[~train])
    return result


def scene_split(scenes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """True for the rows of two thirds of the scenes, at random."""
    names = random.permutation(np.unique(scenes))
    return np.isin(scenes, names[: round(2 * len(names) / 3)])


def curve(
    raters: np.ndarray, target: np.ndarray, scenes: np.ndarray, sizes: list[int], draws: int
) -> dict[str, np.ndarray]:
    """Test distances [draws, sizes] in standard deviations of the target's train scores.

    Every draw has raters in random order and a random split of the scenes; null is the hull of a target in
    random order, null_cone the cone of it. Columns are as they are.
    """
    random = np.random.default_rng(0)
    found: dict[str, list[list[float]]] = {}
    for _ in range(draws):
        train, order = scene_split(scenes, random), random.permutation(raters.shape[1])
        shuffled = random.permutation(target)
        unit = target[train].std()
        rows: dict[str, list[float]] = {}
        for size in sizes:
            first = raters[:, order[:size]]
            now = distances(first, target, train, cone_intercept=True)
            null = first @ hull_weights(first[train], shuffled[train])
            null_cone = cone(first, shuffled, train)
            now |= {"null_test": rms((null - shuffled)[~train])}
            now |= {"null_cone_test": rms((null_cone - shuffled)[~train])}
            for name, value in now.items():
                if name.endswith("_test"):
                    rows.setdefault(name.removesuffix("_test"), []).append(value / unit)
        for name, values in rows.items():
            found.setdefault(name, []).append(values)
    return {name: np.array(values) for name, values in found.items()}
