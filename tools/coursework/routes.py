"""Right answers by other routes than the reference solution: each must get all points.

A route gives some cells of the reference solution another source; `SHAPES` change the notebook
around the answers, as students do without being wrong.
"""

import ast
import copy
import uuid

import nbformat
from wrong_answers import cell_of

ROUTES = {
    "assignment_a": {
        "lists": {
            "a-2": """
def read_images(path):
    images = []
    with open(path) as lines:
        for line in lines:
            numbers = [float(number) for number in line.split(",")]
            images.append([[numbers[10 * c + r] for c in range(10)] for r in range(10)])
    return images
""",
            "a-2-look": """
looked = np.array(read_images(figure_files.label[0]))
drawn = dict(zip("neuro", twin.students.letter_images()))
lit = (looked >= 0).all(axis=(1, 2))
letters = []
for volume in range(1, len(looked)):
    if lit[volume] and not lit[volume - 1]:
        letters.append(min(drawn, key=lambda name: np.abs(drawn[name] - looked[volume]).sum()))
""",
            "a-3": """
on_runs = [[min(map(min, image)) >= 0 for image in read_images(p)] for p in random_files.label]
first_image_s = 2 * on_runs[0].index(True)
n_images = 0
for on in on_runs:
    n_images += sum(after and not before for before, after in zip(on, on[1:]))
""",
            "a-4": """
def clean(film_path, mask_path):
    from scipy.signal import detrend
    series = nib.load(film_path).get_fdata()[nib.load(mask_path).get_fdata() == 1]
    columns = [detrend(voxel) for voxel in series]
    columns = [column / column.std(ddof=1) for column in columns]
    return [list(row) for row in zip(*columns)]
""",
            "a-5": """
def on_off_correlation(is_on, responses, lag):
    screen = [float(on) for on in is_on][: len(is_on) - lag]
    return [np.corrcoef(screen, voxel)[0, 1] for voxel in np.transpose(responses)[:, lag:]]
""",
            "a-6": """
def stack(image_runs, response_runs, lag):
    X, Y, runs = [], [], []
    for number, (images, responses) in enumerate(zip(image_runs, response_runs)):
        for volume in range(len(images) - lag):
            X.append([float(pixel) for row in images[volume] for pixel in row])
            Y.append([float(response) for response in responses[volume + lag]])
            runs.append(number)
    return X, Y, runs
""",
            "a-7": """
def trials(X, Y, runs):
    images, responses, before = [], [], None
    for image, response, run in zip(X, Y, runs):
        image = list(image)
        if (image, run) != before:
            images.append(image)
            responses.append([])
        before = (image, run)
        responses[-1].append(np.array(response))
    shown = [number for number, image in enumerate(images) if image[0] >= 0]
    means = [list(sum(responses[number]) / len(responses[number])) for number in shown]
    return [images[number] for number in shown], means
""",
            "a-8": """
X, Y, runs = stack([read_images(path) for path in random_files.label], tables, best_lag)
follows = [on_off_correlation(on, table, best_lag) for on, table in zip(on_runs, tables)]
follows = [sum(voxel) / len(voxel) for voxel in zip(*follows)]
voxel = follows.index(max(follows))
images, responses = trials(X, Y, runs)
answer = [response[voxel] for response in responses]
field = [[np.corrcoef([image[10 * r + c] for image in images], answer)[0, 1] for c in range(10)]
         for r in range(10)]
""",
        },
        "float32": {
            "a-2": """
def read_images(path):
    rows = np.loadtxt(path, delimiter=",", dtype=np.float32)
    return rows.reshape((-1, 10, 10)).transpose(0, 2, 1)
""",
            "a-4": """
def clean(film_path, mask_path):
    inside = np.asarray(nib.load(mask_path).dataobj) > 0
    series = np.asarray(nib.load(film_path).dataobj)[inside].T.astype(np.float32)
    series = series - series.mean(axis=0)
    time = np.arange(len(series), dtype=np.float32)
    time -= time.mean()
    series = series - np.outer(time, time @ series / (time @ time))
    return series / series.std(axis=0, ddof=1)
""",
            "a-5": """
def on_off_correlation(is_on, responses, lag):
    screen = np.asarray(is_on, dtype=np.float32)[: len(is_on) - lag]
    later = np.asarray(responses, dtype=np.float32)[lag:]
    screen, later = screen - screen.mean(), later - later.mean(axis=0)
    return screen @ later / np.linalg.norm(screen) / np.linalg.norm(later, axis=0)
""",
            "a-6": """
def stack(image_runs, response_runs, lag):
    keep = [len(run) - lag for run in image_runs]
    X = [run[:rows].reshape(rows, 100) for run, rows in zip(image_runs, keep)]
    Y = [run[-rows:] for run, rows in zip(response_runs, keep)]
    runs = [np.full(rows, number) for number, rows in enumerate(keep)]
    return tuple(np.concatenate(parts).astype(np.float32) for parts in (X, Y, runs))
""",
        },
        "pandas": {
            "a-1": """
import pandas as pd
films = pd.Series(random_files.func).map(nib.load)
n_volumes = films.map(lambda film: film.shape[3]).iloc[0]
tr = films.iloc[0].header.get_zooms()[-1]
n_voxels = pd.Series(nib.load(random_files.mask).get_fdata().ravel()).sum()
minutes = round(len(films) * n_volumes * tr / 60, 1)
""",
            "a-2": """
def read_images(path):
    return np.stack([row.to_numpy().reshape(10, 10).T
                     for _, row in pd.read_csv(path, header=None).iterrows()])
""",
            "a-4": """
def clean(film_path, mask_path):
    inside = nib.load(mask_path).get_fdata() > 0
    series = pd.DataFrame(nib.load(film_path).get_fdata()[inside].T)
    time = pd.Series(range(len(series)), dtype=float)
    centred = series - series.mean()
    slope = centred.mul(time - time.mean(), axis=0).sum() / ((time - time.mean()) ** 2).sum()
    straight = centred - np.outer(time - time.mean(), slope)
    return straight / straight.std()
""",
            "a-5": """
def on_off_correlation(is_on, responses, lag):
    screen = pd.Series(np.asarray(is_on, dtype=float)).shift(lag)
    return pd.DataFrame(np.asarray(responses)).corrwith(screen)
""",
            "a-6": """
def stack(image_runs, response_runs, lag):
    X = pd.concat([pd.DataFrame(np.reshape(run, (-1, 100))[: len(run) - lag])
                   for run in image_runs], keys=range(len(image_runs)))
    Y = pd.concat([pd.DataFrame(np.asarray(run)[lag:]) for run in response_runs])
    runs = pd.Series(X.index.get_level_values(0))
    return X.reset_index(drop=True), Y.reset_index(drop=True), runs
""",
            "a-7": """
def trials(X, Y, runs):
    X, Y, runs = pd.DataFrame(np.asarray(X)), pd.DataFrame(np.asarray(Y)), pd.Series(runs)
    block = ((X != X.shift()).any(axis=1) | (runs != runs.shift())).cumsum()
    images, responses = X.groupby(block).first(), Y.groupby(block).mean()
    shown = images[0] >= 0
    return images[shown], responses[shown]
""",
            "a-8": """
X, Y, runs = stack([read_images(path) for path in random_files.label], tables, best_lag)
follows = pd.DataFrame([on_off_correlation(on, table, best_lag)
                        for on, table in zip(on_runs, tables)])
voxel = follows.mean().idxmax()
images, responses = trials(X, Y, runs)
field = pd.DataFrame(images.corrwith(responses[voxel]).to_numpy().reshape(10, 10))
""",
        },
        "whole-numbers": {
            "a-1": """
first = nib.load(random_files.func[0])
n_volumes = np.int16(first.shape[-1])
tr = int(first.header["pixdim"][4])
n_voxels = np.count_nonzero(nib.load(random_files.mask).dataobj)
minutes = np.round(8 * int(n_volumes) * tr / 60, 1)
""",
            "a-2": """
def read_images(path):
    rows = np.loadtxt(path, delimiter=",", dtype=int)
    return np.array([row.reshape(10, 10).T for row in rows])
""",
            "a-3": """
on_runs = [(read_images(path) >= 0).all(axis=(1, 2)) for path in random_files.label]
first_image_s = 2 * int(on_runs[0].argmax())
n_images = np.array([sum(np.count_nonzero(on[1:] & ~on[:-1]) for on in on_runs)])
""",
        },
        "labels-as-floats": {
            "a-6": """
def stack(image_runs, response_runs, lag):
    X, Y, runs = np.zeros((0, 100)), None, np.zeros(0)
    for number, (images, responses) in enumerate(zip(image_runs, response_runs)):
        n_rows = len(images) - lag
        X = np.append(X, images[:n_rows].reshape(n_rows, -1), axis=0)
        Y = responses[lag:] if Y is None else np.append(Y, responses[lag:], axis=0)
        runs = np.append(runs, number * np.ones(n_rows))
    return X, Y, runs
""",
            "a-5-lag": """
tables = [clean(path, random_files.mask) for path in random_files.func]
agreement = np.zeros(7)
for lag in range(7):
    for on, table in zip(on_runs, tables):
        agreement[lag] += on_off_correlation(on, table, lag).mean() / 8
best_lag = np.where(agreement == agreement.max())[0]
best_lag = float(best_lag[0])
""",
            "a-8": """
lag = int(best_lag)
X, Y, runs = stack([read_images(path) for path in random_files.label], tables, lag)
follows = [on_off_correlation(on, table, lag) for on, table in zip(on_runs, tables)]
voxel = np.argmax(np.mean(follows, axis=0))
images, responses = trials(X, Y, runs)
field = np.corrcoef(images.T, responses[:, voxel])[:100, 100].reshape(10, 10)
voxel = float(voxel)
""",
        },
        "nilearn": {
            "a-1": """
from nilearn import image, masking
film = image.load_img(random_files.func[0])
n_volumes, tr = film.shape[-1], film.header.get_zooms()[-1]
n_voxels = masking.apply_mask(film, random_files.mask).shape[1]
minutes = sum(image.load_img(f).shape[-1] for f in random_files.func) * tr / 60
""",
            "a-4": """
def clean(film_path, mask_path):
    from nilearn import masking, signal
    table = masking.apply_mask(film_path, mask_path)
    return signal.clean(table, detrend=True, standardize="zscore_sample")
""",
        },
        "nilearn-masker": {
            "a-4": """
def clean(film_path, mask_path):
    from nilearn.maskers import NiftiMasker
    masker = NiftiMasker(mask_path, detrend=True, standardize="zscore_sample", dtype="float32")
    return masker.fit_transform(film_path)
""",
        },
        "scipy": {
            "a-4": """
def clean(film_path, mask_path):
    from scipy import signal, stats
    inside = nib.load(mask_path).get_fdata().astype(bool)
    series = nib.load(film_path).get_fdata()[inside]
    return stats.zscore(signal.detrend(series, axis=1), axis=1, ddof=1).T
""",
            "a-5": """
def on_off_correlation(is_on, responses, lag):
    from scipy import stats
    screen = np.asarray(is_on, dtype=float)[: len(is_on) - lag]
    return stats.pearsonr(screen[:, None], responses[lag:], axis=0).statistic
""",
            "a-8": """
from scipy import stats
X, Y, runs = stack([read_images(path) for path in random_files.label], tables, best_lag)
follows = [on_off_correlation(on, table, best_lag) for on, table in zip(on_runs, tables)]
voxel = np.argmax(np.sum(follows, axis=0))
images, responses = trials(X, Y, runs)
field = stats.pearsonr(images, responses[:, [voxel]], axis=0).statistic.reshape(10, 10)
""",
        },
        "scikit-learn": {
            "a-4": """
def clean(film_path, mask_path):
    from sklearn.linear_model import LinearRegression
    series = nib.load(film_path).get_fdata()[nib.load(mask_path).get_fdata() > 0].T
    time = np.arange(len(series))[:, None]
    rest = series - LinearRegression().fit(time, series).predict(time)
    return rest / np.std(rest, axis=0, ddof=1)
""",
            "a-8": """
from sklearn.feature_selection import r_regression
X, Y, runs = stack([read_images(path) for path in random_files.label], tables, best_lag)
follows = [on_off_correlation(on, table, best_lag) for on, table in zip(on_runs, tables)]
voxel = np.mean(follows, axis=0).argmax()
images, responses = trials(X, Y, runs)
field = r_regression(images, responses[:, voxel]).reshape(10, 10)
""",
        },
        "other-order": {
            "a-3": """
labels = [np.loadtxt(path, delimiter=",") for path in random_files.label]
on_runs = [rows.min(axis=1) > -1 for rows in labels]
first_image_s = np.where(on_runs[0])[0][0] * 2.0
n_images = 0
for on in on_runs:
    begins = [t for t in range(len(on)) if on[t] and (t == 0 or not on[t - 1])]
    n_images = n_images + len(begins)
""",
            "a-4": """
def clean(film_path, mask_path):
    film, mask = nib.load(film_path).get_fdata(), nib.load(mask_path).get_fdata()
    flat = film.reshape(-1, film.shape[3]).T[:, mask.ravel() > 0.5]
    scaled = flat / flat.std(axis=0)  # the scale before the line, and again after it
    columns = np.vander(np.linspace(-1, 1, len(flat)), 2)
    rest = scaled - columns @ np.linalg.lstsq(columns, scaled)[0]
    return rest / np.sqrt((rest**2).sum(axis=0) / (len(rest) - 1))
""",
            "a-6": """
def stack(image_runs, response_runs, lag):
    n_volumes = np.array([len(run) for run in image_runs])
    runs = np.concatenate([[number] * n for number, n in enumerate(n_volumes)])
    volume = np.concatenate([range(n) for n in n_volumes])
    X, Y = np.concatenate(image_runs).reshape(-1, 100), np.concatenate(response_runs)
    first = volume < n_volumes[runs] - lag
    return X[first], Y[volume >= lag], runs[first]
""",
            "a-7": """
def trials(X, Y, runs):
    from itertools import groupby
    images, responses = [], []
    for _, rows in groupby(range(len(X)), key=lambda row: (runs[row], X[row].tobytes())):
        rows = list(rows)
        if X[rows[0]].min() >= 0:
            images.append(X[rows[0]])
            responses.append(np.mean(Y[rows], axis=0))
    return np.array(images), np.array(responses)
""",
        },
    },
    "assignment_b": {
        "lists": {
            "b-1": """
def r2(measured, predicted):
    scores = []
    for y, guess in zip(np.transpose(measured), np.transpose(predicted)):
        mean = sum(y) / len(y)
        error = sum((a - b) ** 2 for a, b in zip(y, guess))
        scores.append(float(1 - error / sum((a - mean) ** 2 for a in y)))
    return scores
""",
            "b-2": """
def run_folds(runs):
    folds = []
    for held_out in sorted(set(runs)):
        train = [row for row, run in enumerate(runs) if run != held_out]
        folds.append([train, [row for row, run in enumerate(runs) if run == held_out]])
    return folds
""",
            "b-3": """
def ridge_fit(X, Y, alpha):
    X_mean, Y_mean = np.mean(X, axis=0), np.mean(Y, axis=0)
    Z = X - X_mean
    weights = np.linalg.inv(Z.T @ Z + alpha * np.identity(Z.shape[1])) @ Z.T @ (Y - Y_mean)
    return weights.tolist(), (Y_mean - X_mean @ weights).tolist()
""",
            "b-4": """
def path(X, Y, runs, alphas):
    all_scores = []
    for alpha in alphas:
        scores = []
        for train, test in run_folds(runs):
            weights, intercepts = map(np.array, ridge_fit(X[train], Y[train], alpha))
            scores.append(r2(Y[test], X[test] @ weights + intercepts))
        all_scores.append([sum(voxel) / len(voxel) for voxel in zip(*scores)])
    return all_scores
""",
            "b-4-best": """
scores = path(X, Y, runs, ALPHAS)
best_alpha = [ALPHAS[voxel.index(max(voxel))] for voxel in map(list, zip(*scores))]
""",
            "b-5": """
def nested(X, Y, runs, alphas):
    scores = []
    for train, test in run_folds(runs):
        inner = np.array(path(X[train], Y[train], runs[train], alphas))
        fits = [ridge_fit(X[train], Y[train], alpha) for alpha in alphas]
        outer = [r2(Y[test], X[test] @ np.array(w) + np.array(b)) for w, b in fits]
        scores.append([outer[inner[:, v].argmax()][v] for v in range(Y.shape[1])])
    return [sum(voxel) / len(voxel) for voxel in zip(*scores)]
""",
            "b-6-p": """
def p_values(null, scores):
    p = []
    for voxel, score in enumerate(scores):
        above = sum(1 for permutation in null if permutation[voxel] >= score)
        p.append((above + 1) / (len(null) + 1))
    return p
""",
            "b-6-fdr": """
def discoveries(p, q):
    ranked, limit = sorted(p), 0
    for rank, value in enumerate(ranked, 1):
        if value <= q * rank / len(ranked):
            limit = value
    return [bool(value <= limit) for value in p]
""",
            "b-7": """
at_100 = path(X, Y, runs, [100])[0]
found = discoveries(p_values(null, at_100), 0.05)
values = [score if yes else 0 for score, yes in zip(at_100, found)]
score_map = recording.masker.inverse_transform(np.array(values))
""",
        },
        "float32": {
            "b-1": """
def r2(measured, predicted):
    measured = np.asarray(measured, dtype=np.float32)
    residual = measured - np.asarray(predicted, dtype=np.float32)
    return 1 - (residual**2).mean(axis=0) / measured.var(axis=0)
""",
            "b-3": """
def ridge_fit(X, Y, alpha):
    X, Y = np.asarray(X, dtype=np.float32), np.asarray(Y, dtype=np.float32)
    X_mean, Y_mean = X.mean(axis=0), Y.mean(axis=0)
    Z = X - X_mean
    gram = Z.T @ Z + np.float32(alpha) * np.eye(Z.shape[1], dtype=np.float32)
    weights = np.linalg.solve(gram, Z.T @ (Y - Y_mean))
    return weights, Y_mean - X_mean @ weights
""",
            "b-4-best": """
scores = path(X, Y, runs, ALPHAS)
best_alpha = np.array(ALPHAS, dtype=np.float32)[scores.argmax(axis=0)]
""",
        },
        "pandas": {
            "b-1": """
import pandas as pd
def r2(measured, predicted):
    measured, predicted = pd.DataFrame(np.asarray(measured)), pd.DataFrame(np.asarray(predicted))
    error = ((measured - predicted) ** 2).sum()
    return 1 - error / ((measured - measured.mean()) ** 2).sum()
""",
            "b-2": """
def run_folds(runs):
    runs = pd.Series(np.asarray(runs))
    return [(runs.index[runs != run], runs.index[runs == run]) for run in runs.unique()]
""",
            "b-3": """
def ridge_fit(X, Y, alpha):
    X, Y = pd.DataFrame(np.asarray(X)), pd.DataFrame(np.asarray(Y))
    Z = X - X.mean()
    gram = Z.T @ Z + alpha * np.eye(X.shape[1])
    weights = pd.DataFrame(np.linalg.solve(gram, Z.T @ (Y - Y.mean())))
    return weights, Y.mean() - X.mean() @ weights
""",
            "b-4": """
def path(X, Y, runs, alphas):
    scores = {}
    for alpha in alphas:
        folds = []
        for train, test in run_folds(runs):
            weights, intercepts = ridge_fit(X[train], Y[train], alpha)
            folds.append(r2(Y[test], X[test] @ weights.to_numpy() + intercepts.to_numpy()))
        scores[alpha] = pd.DataFrame(folds).mean()
    return pd.DataFrame(scores).T
""",
            "b-4-best": """
scores = path(X, Y, runs, ALPHAS)
best_alpha = scores.idxmax()
""",
            "b-5": """
def nested(X, Y, runs, alphas):
    folds = []
    for train, test in run_folds(runs):
        best = path(X[train], Y[train], runs[train], alphas).idxmax()
        fold = pd.Series(0.0, best.index)
        for alpha in best.unique():
            mine = best.index[best == alpha]
            weights, intercepts = ridge_fit(X[train], Y[train][:, mine], alpha)
            guess = X[test] @ weights.to_numpy() + intercepts.to_numpy()
            fold[mine] = r2(Y[test][:, mine], guess).to_numpy()
        folds.append(fold)
    return pd.DataFrame(folds).mean()
""",
            "b-6-p": """
def p_values(null, scores):
    null, scores = pd.DataFrame(null), pd.Series(np.asarray(scores))
    return (null.ge(scores, axis=1).sum() + 1) / (len(null) + 1)
""",
            "b-6-fdr": """
def discoveries(p, q):
    p = pd.Series(np.asarray(p))
    return p <= p[p <= q * p.rank(method="first") / len(p)].max()
""",
            "b-7": """
at_100 = path(X, Y, runs, [100.0]).iloc[0]
values = at_100.where(discoveries(p_values(null, at_100), 0.05), 0)
score_map = recording.masker.inverse_transform(values.to_numpy())
""",
        },
        "whole-numbers": {
            "b-4-best": """
scores = path(X, Y, runs, [1, 10, 100, 1000, 10000])
best_alpha = (10 ** np.argmax(scores, axis=0)).astype(int)
""",
            "b-6-fdr": """
def discoveries(p, q):
    order = np.argsort(p)
    passes = np.asarray(p)[order] <= q * np.arange(1, len(p) + 1) / len(p)
    found = np.zeros(len(p), dtype=int)
    found[order[: max(np.flatnonzero(passes), default=-1) + 1]] = 1
    return found
""",
            "b-7": """
at_100 = path(X, Y, runs, [100])[0]
score_map = recording.masker.inverse_transform(at_100 * discoveries(p_values(null, at_100), 0.05))
""",
        },
        "scikit-learn": {
            "b-1": """
def r2(measured, predicted):
    from sklearn.metrics import r2_score
    return r2_score(measured, predicted, multioutput="raw_values")
""",
            "b-2": """
def run_folds(runs):
    from sklearn.model_selection import LeaveOneGroupOut
    return list(LeaveOneGroupOut().split(runs, groups=runs))
""",
            "b-3": """
def ridge_fit(X, Y, alpha):
    from sklearn.linear_model import Ridge
    model = Ridge(alpha=alpha).fit(X, Y)
    return model.coef_.T, model.intercept_
""",
        },
        "scipy": {
            "b-3": """
def ridge_fit(X, Y, alpha):
    from scipy import linalg
    U, s, Vt = linalg.svd(X - X.mean(axis=0), full_matrices=False)
    weights = Vt.T @ ((s / (s**2 + alpha))[:, None] * (U.T @ (Y - Y.mean(axis=0))))
    return weights, Y.mean(axis=0) - X.mean(axis=0) @ weights
""",
            "b-6-fdr": """
def discoveries(p, q):
    from scipy.stats import false_discovery_control
    return false_discovery_control(p) <= q
""",
        },
        "nilearn": {
            "b-6-fdr": """
def discoveries(p, q):
    from scipy.stats import norm
    from nilearn.glm import fdr_threshold
    z = norm.isf(np.asarray(p))
    # nilearn lets pass what is larger than the threshold, and puts it right below a value.
    return z > fdr_threshold(z, q)
""",
            "b-7": """
from nilearn.masking import unmask
at_100 = path(X, Y, runs, (100.0,))[0]
found = discoveries(p_values(null, at_100), 0.05)
score_map = unmask(np.where(found, at_100, 0.0), recording.masker.mask_img_)
""",
        },
        "the-books-helpers": {
            "b-4": """
def path(X, Y, runs, alphas):
    from helpers.ridge import RidgeCV
    model = RidgeCV(alphas, cv=len(np.unique(runs))).fit(X, Y, groups=runs)
    return model.cv_scores_.mean(axis=1)
""",
            "b-5": """
def nested(X, Y, runs, alphas):
    from helpers.ridge import nested_scores
    return nested_scores(X, Y, groups=runs, alphas=alphas, cv=len(np.unique(runs)))
""",
            "b-6-p": """
def p_values(null, scores):
    return inference.p_values(null, scores)
""",
        },
        "other-order": {
            "b-1": """
def r2(measured, predicted):
    mean = np.ones((len(measured), 1)) @ np.mean(measured, axis=0, keepdims=True)
    return (np.var(measured, axis=0) - np.mean((predicted - measured) ** 2, axis=0)) / np.mean(
        (mean - measured) ** 2, axis=0
    )
""",
            "b-3": """
def ridge_fit(X, Y, alpha):
    # A column of ones whose penalty is zero, and rows that stand for the penalty.
    n_samples, n_pixels = X.shape
    penalty = np.column_stack([np.sqrt(alpha) * np.eye(n_pixels), np.zeros(n_pixels)])
    rows = np.vstack([np.column_stack([X, np.ones(n_samples)]), penalty])
    fit = np.linalg.lstsq(rows, np.vstack([Y, np.zeros((n_pixels, Y.shape[1]))]))[0]
    return fit[:-1], fit[-1]
""",
            "b-4": """
def path(X, Y, runs, alphas):
    folds = run_folds(runs)
    scores = np.zeros((len(alphas), Y.shape[1]))
    for number, alpha in enumerate(alphas):
        for train, test in reversed(folds):
            weights, intercepts = ridge_fit(X[train], Y[train], alpha)
            scores[number] += r2(Y[test], intercepts + (weights.T @ X[test].T).T) / len(folds)
    return scores
""",
            "b-6-fdr": """
def discoveries(p, q):
    p = np.asarray(p)
    adjusted = np.array([min(other * len(p) / np.sum(p <= other) for other in p[p >= one])
                         for one in p])
    return adjusted <= q
""",
        },
        "dual": {
            "b-3": """
def ridge_fit(X, Y, alpha):
    Z = X - X.mean(axis=0)
    dual = np.linalg.solve(Z @ Z.T + alpha * np.eye(len(Z)), Y - Y.mean(axis=0))
    weights = Z.T @ dual
    return weights, Y.mean(axis=0) - X.mean(axis=0) @ weights
""",
            "b-2": """
def run_folds(runs):
    rows = np.arange(len(runs))
    return tuple((rows[np.not_equal(runs, run)], rows[np.equal(runs, run)])
                 for run in dict.fromkeys(np.asarray(runs).tolist()))
""",
        },
    },
    "assignment_c": {
        "lists": {
            "c-1": """
ranked = sorted(range(len(scores)), key=lambda column: scores[column])
best = ranked[-1]
field = [[coef[10 * row + column, best] for column in range(10)] for row in range(10)]
""",
            "c-2": """
from math import exp
def gaussian(row, column, size):
    return [[exp(-((r - row) ** 2 + (c - column) ** 2) / 2 / size**2) for c in range(10)]
            for r in range(10)]
""",
            "c-3": """
hill_tables = {}
def best_gaussian(weights, rows, columns, sizes):
    key = (tuple(rows), tuple(columns), tuple(sizes))
    if key not in hill_tables:
        tried = [(r, c, s) for r in rows for c in columns for s in sizes]
        hills = [sum(gaussian(*one), []) for one in tried]
        hills = [np.array(hill) - np.mean(hill) for hill in hills]
        hill_tables[key] = tried, np.array([hill / (hill @ hill) ** 0.5 for hill in hills])
    tried, hills = hill_tables[key]
    return list(tried[int(np.argmax(hills @ np.array(weights)))])
""",
            "c-4": """
centres = []
for voxel in np.flatnonzero(good):
    row, column, _ = best_gaussian(coef[:, voxel], places[::2], places[::2], sizes)
    centres.append([row, column])
""",
            "c-6": """
def identify(measured, predicted):
    numbers = []
    for trial in measured:
        matches = [np.corrcoef(trial, pattern)[0, 1] for pattern in predicted]
        numbers.append(matches.index(max(matches)))
    return numbers
""",
            "c-7": """
predicted = [image.ravel() @ coef + intercept for image in letter_images]
chosen = identify([block[good] for block in secret], [pattern[good] for pattern in predicted])
secret_letters = ["neuro"[number] for number in chosen]
""",
            "c-8": """
def reconstruct(responses, coef, intercept, penalty):
    inner = np.linalg.inv(coef @ coef.T + penalty * np.eye(len(coef)))
    images = []
    for response in responses:
        images.append(list(inner @ (coef @ (response - intercept) + 0.5 * penalty)))
    return images
""",
        },
        "float32": {
            "c-1": """
best = scores.argmax()
field = coef[:, best].astype(np.float32).reshape(10, 10)
""",
            "c-2": """
def gaussian(row, column, size):
    rows, columns = np.mgrid[:10, :10].astype(np.float32)
    squared = (rows - np.float32(row)) ** 2 + (columns - np.float32(column)) ** 2
    return np.exp(-squared / np.float32(2 * size**2))
""",
            "c-6": """
def identify(measured, predicted):
    measured, predicted = np.float32(measured), np.float32(predicted)
    measured = measured - measured.mean(axis=1, keepdims=True)
    predicted = predicted - predicted.mean(axis=1, keepdims=True)
    predicted /= np.linalg.norm(predicted, axis=1, keepdims=True)
    return (measured @ predicted.T).argmax(axis=1).astype(np.float32)
""",
            "c-7": """
guess = np.float32(letter_images.reshape(5, 100) @ coef + intercept)
chosen = identify(secret[:, good], guess[:, good]).astype(int)
secret_letters = "".join(np.array(list("neuro"))[chosen])
""",
            "c-8": """
def reconstruct(responses, coef, intercept, penalty):
    B, y = np.float32(coef), np.float32(responses) - np.float32(intercept)
    inner = B @ B.T + np.float32(penalty) * np.eye(len(B), dtype=np.float32)
    return np.linalg.solve(inner, B @ y.T + np.float32(penalty / 2)).T
""",
        },
        "pandas": {
            "c-1": """
import pandas as pd
best = pd.Series(scores).idxmax()
field = pd.DataFrame(pd.DataFrame(coef)[best].to_numpy().reshape(10, 10))
""",
            "c-2": """
def gaussian(row, column, size):
    down = np.exp(-(pd.Series(range(10)) - row) ** 2 / (2 * size**2))
    across = np.exp(-(pd.Series(range(10)) - column) ** 2 / (2 * size**2))
    return pd.DataFrame(np.outer(down, across))
""",
            "c-3": """
hill_tables = {}
def best_gaussian(weights, rows, columns, sizes):
    tried = pd.MultiIndex.from_product([rows, columns, sizes])
    key = tuple(tried)
    if key not in hill_tables:
        hills = np.array([np.ravel(gaussian(*one)) for one in tried])
        hills = hills - hills.mean(axis=1, keepdims=True)
        hill_tables[key] = hills / hills.std(axis=1, keepdims=True)
    return pd.Series(hill_tables[key] @ np.asarray(weights), index=tried).idxmax()
""",
            "c-4": """
rows = [best_gaussian(weights, places[::2], places[::2], sizes) for weights in coef[:, good].T]
centres = pd.DataFrame(rows, columns=["row", "column", "size"])[["row", "column"]]
""",
            "c-5": """
hemisphere = (centres["column"] < 4.5).map({True: "RH", False: "LH"})
""",
            "c-6": """
def identify(measured, predicted):
    trials, candidates = pd.DataFrame(measured).T, pd.DataFrame(predicted).T
    return trials.apply(lambda trial: candidates.corrwith(trial).idxmax())
""",
            "c-7": """
predicted = letter_images.reshape(5, 100) @ coef + intercept
chosen = identify(secret[:, good], predicted[:, good])
secret_letters = chosen.map(dict(enumerate("neuro"))).str.cat()
""",
            "c-8": """
def reconstruct(responses, coef, intercept, penalty):
    B = pd.DataFrame(coef)
    left = pd.DataFrame(responses) - intercept
    inner = np.linalg.inv(B @ B.T + penalty * np.eye(len(B)))
    return (left @ B.T + 0.5 * penalty) @ inner
""",
        },
        "arrays-of-text": {
            "c-5": """
hemisphere = np.full(len(centres), "LH")
hemisphere[np.asarray(centres)[:, 1] < 4.5] = "RH"
""",
            "c-7": """
chosen = identify(secret[:, good], (letter_images.reshape(5, 100) @ coef + intercept)[:, good])
secret_letters = np.array(["n", "e", "u", "r", "o"])[chosen]
""",
        },
        "whole-numbers": {
            "c-3-best": """
places, sizes = np.arange(-1, 10.1, 0.5), (0.4, 0.55, 0.75, 1, 1.4, 2, 3)
fit_row, fit_column, _ = np.array(best_gaussian(coef[:, best], places, places, sizes))
fit_row, fit_column = np.atleast_1d(fit_row), np.atleast_1d(fit_column)
""",
            "c-4": """
centres = np.array(
    [best_gaussian(weights, places, places, sizes)[:2] for weights in coef[:, good].T]
)
""",
        },
        "scipy": {
            "c-2": """
def gaussian(row, column, size):
    from scipy.spatial.distance import cdist
    pixels = np.argwhere(np.ones((10, 10)))
    return np.exp(-0.5 * (cdist(pixels, [[row, column]]) / size) ** 2).reshape(10, 10)
""",
            "c-6": """
def identify(measured, predicted):
    from scipy.spatial.distance import cdist
    return cdist(measured, predicted, "correlation").argmin(axis=1)
""",
            "c-8": """
def reconstruct(responses, coef, intercept, penalty):
    from scipy.optimize import lsq_linear
    rows = np.vstack([coef.T, np.sqrt(penalty) * np.eye(len(coef))])
    grey = np.full(len(coef), 0.5 * np.sqrt(penalty))
    wanted = [np.concatenate([response - intercept, grey]) for response in responses]
    return np.array([lsq_linear(rows, one).x for one in wanted])
""",
        },
        "scikit-learn": {
            "c-6": """
def identify(measured, predicted):
    from sklearn.preprocessing import scale
    from sklearn.neighbors import NearestNeighbors
    near = NearestNeighbors(n_neighbors=1).fit(scale(predicted, axis=1))
    return near.kneighbors(scale(measured, axis=1), return_distance=False)[:, 0]
""",
            "c-8": """
def reconstruct(responses, coef, intercept, penalty):
    from sklearn.linear_model import Ridge
    left_over = np.transpose(responses - intercept - 0.5 * coef.sum(axis=0))
    return 0.5 + Ridge(alpha=penalty, fit_intercept=False).fit(coef.T, left_over).coef_
""",
        },
        "the-books-helpers": {
            "c-3-best": """
from helpers import receptive_fields
places, sizes = np.arange(-1, 10.1, 0.25), (0.4, 0.55, 0.75, 1.0, 1.4, 2.0, 3.0)
fit_row, fit_column = receptive_fields.fit_gaussians(coef[:, [best]].T).centre[0]
""",
            "c-4": """
centres = receptive_fields.fit_gaussians(coef[:, good].T).centre
""",
        },
        "correlation-one-by-one": {
            "c-3": """
def best_gaussian(weights, rows, columns, sizes):
    best_match, answer = -2, None
    for size in sizes:
        for column in columns:
            for row in rows:
                match = np.corrcoef(weights, gaussian(row, column, size).ravel())[0, 1]
                if match > best_match:
                    best_match, answer = match, (row, column, size)
    return np.array(answer)
""",
            "c-4": """
coarse, some = np.arange(-1, 10.1, 1.0), (0.5, 0.8, 1.2, 2.0)
centres = np.array([best_gaussian(w, coarse, coarse, some)[:2] for w in coef[:, good].T])
""",
        },
        "other-order": {
            "c-6": """
def identify(measured, predicted):
    z = [(table - table.mean(axis=1, keepdims=True)) / table.std(axis=1, keepdims=True)
         for table in (np.asarray(measured), np.asarray(predicted))]
    return np.argmin(((z[0][:, None] - z[1]) ** 2).sum(axis=2), axis=1)
""",
            "c-8": """
def reconstruct(responses, coef, intercept, penalty):
    # From the voxels' side: as many equations as voxels.
    n_voxels = coef.shape[1]
    grey = np.full(len(coef), 0.5)
    surprise = responses - grey @ coef - intercept
    return grey + surprise @ np.linalg.inv(coef.T @ coef + penalty * np.eye(n_voxels)) @ coef.T
""",
        },
    },
    "assignment_d": {
        "lists": {
            "d-1": """
def screen(images):
    table = []
    for image in images:
        rest = min(image) < 0
        table.append([0.0 if rest else float(pixel) for pixel in image] + [0.0 if rest else 1.0])
    return table
""",
            "d-2": """
def field(row, column, size):
    from math import exp, pi
    return [exp(-((p // 10 - row) ** 2 + (p % 10 - column) ** 2) / (2 * size**2))
            / (2 * pi * size**2) for p in range(100)]
""",
            "d-3": """
def spread(X, response, runs):
    late = []
    for t in range(len(X)):
        row = np.zeros(len(X[0]))
        for k in range(min(len(response), t + 1)):
            if runs[t - k] == runs[t]:
                row = row + response[k] * np.array(X[t - k])
        late.append(row.tolist())
    return late
""",
            "d-4": """
shown = np.array(screen(images))
peaks = [3 + step / 2 for step in range(13)]
agreement = []
for tried in peaks:
    course = spread(shown[:, 100:], features.haemodynamic_response(tried), runs)
    course = data.clean_like(course, recording)[:, 0]
    agreement.append(sum(np.corrcoef(course, voxel_y)[0, 1] for voxel_y in Y.T))
peak = peaks[agreement.index(max(agreement))]
""",
            "d-5": """
def strengths(late, weights, y):
    columns = np.column_stack([np.dot(late[:, :100], weights), late[:, 100], np.ones(len(y))])
    return np.linalg.lstsq(columns, y)[0][:2].tolist()
""",
            "d-6": """
def best_field(late, y, rows, columns, sizes):
    least, answer = None, None
    for r in rows:
        for c in columns:
            for s in sizes:
                course = late[:, :100] @ np.array(field(r, c, s))
                model = np.column_stack([course, late[:, 100], np.ones(len(y))])
                fit = np.linalg.lstsq(model, y)[0]
                error = sum((y - model @ fit) ** 2)
                if fit[0] > 0 and (least is None or error < least):
                    least, answer = error, [r, c, s]
    return answer
""",
            "d-6-fit": """
coarse = best_field(late, y, range(-1, 11), range(-1, 11), [0.5, 0.8, 1.2, 2])
near = [[place - 0.5, place, place + 0.5] for place in coarse[:2]]
fit_row, fit_column, fit_size = best_field(late, y, *near, [0.5, 0.7, 0.9, 1.2, 1.6, 2.2, 3])
""",
            "d-7": """
prf = receptive_fields.PRF(hrf_peak=peak).fit(shown, Y, groups=runs)
centres = prf.centre_.tolist()
sizes = [float("nan") if bound else size for bound, size in zip(prf.at_bound_, prf.size_)]
""",
            "d-8": """
without = receptive_fields.PRF(hrf_peak=peak).fit(shown[:, :100], Y, groups=runs)
ratios = [np.nan if bound else alone / size
          for bound, alone, size in zip(without.at_bound_, without.size_, sizes)]
""",
            "d-9": """
def size_line(centres, sizes):
    pairs = [(((r - 4.5) ** 2 + (c - 4.5) ** 2) ** 0.5, s) for (r, c), s in zip(centres, sizes)]
    pairs = [(e, s) for e, s in pairs if e == e and s == s]
    mean_e = sum(e for e, _ in pairs) / len(pairs)
    mean_s = sum(s for _, s in pairs) / len(pairs)
    slope = sum((e - mean_e) * (s - mean_s) for e, s in pairs)
    slope /= sum((e - mean_e) ** 2 for e, _ in pairs)
    return [slope, mean_s - slope * mean_e]
""",
        },
        "float32": {
            "d-1": """
def screen(images):
    images = np.asarray(images, dtype=np.float32)
    on = images[:, :1] != -1
    return np.hstack([np.where(on, images, 0), on]).astype(np.float32)
""",
            "d-2": """
def field(row, column, size):
    rows, columns = np.indices((10, 10), dtype=np.float32)
    squared = (rows - np.float32(row)) ** 2 + (columns - np.float32(column)) ** 2
    return (np.exp(-squared / np.float32(2 * size**2)) / np.float32(2 * np.pi * size**2)).ravel()
""",
            "d-3": """
def spread(X, response, runs):
    late = np.zeros(X.shape, dtype=np.float32)
    for run in set(np.asarray(runs).tolist()):
        rows = np.flatnonzero(runs == run)
        for k, height in enumerate(np.float32(response)[: len(rows)]):
            late[rows[k:]] += height * X[rows[: len(rows) - k]].astype(np.float32)
    return late
""",
            "d-7": """
prf = receptive_fields.PRF(hrf_peak=float(peak)).fit(shown, Y, groups=runs)
centres = prf.centre_.astype(np.float32)
sizes = np.where(prf.at_bound_, np.nan, prf.size_).astype(np.float32)
""",
        },
        "pandas": {
            "d-1": """
import pandas as pd
def screen(images):
    images = pd.DataFrame(np.asarray(images))
    shown = images.clip(lower=0)
    shown["on"] = (images[0] >= 0).astype(float)
    return shown.rename(columns=str)
""",
            "d-3": """
def spread(X, response, runs):
    X, runs = pd.DataFrame(np.asarray(X)), np.asarray(runs)
    late = 0 * X
    for lag, height in enumerate(response):
        late = late + height * X.groupby(runs).shift(lag, fill_value=0)
    return late
""",
            "d-4": """
shown = screen(images)
agreement = pd.Series(dtype=float)
for tried in np.arange(3, 9.1, 0.5):
    course = spread(shown[["on"]], features.haemodynamic_response(tried), runs)
    course = data.clean_like(course.to_numpy(), recording)[:, 0]
    agreement[tried] = pd.DataFrame(Y).corrwith(pd.Series(course)).mean()
peak = agreement.idxmax()
shown = shown.to_numpy()
""",
            "d-5": """
def strengths(late, weights, y):
    model = pd.DataFrame({"a": late[:, :100] @ weights, "b": late[:, 100], "level": 1.0})
    normal = model.T @ model
    return pd.Series(np.linalg.solve(normal, model.T @ y), index=model.columns)[["a", "b"]]
""",
            "d-6-fit": """
places = np.arange(-1, 10.1, 0.5)
fit = pd.Series(best_field(late, y, places, places, (0.5, 0.8, 1.2, 2.0, 3.0)),
                index=["row", "column", "size"])
fit_row, fit_column = fit["row"], fit["column"]
""",
            "d-7": """
prf = receptive_fields.PRF(hrf_peak=peak).fit(shown, Y, groups=runs)
centres = pd.DataFrame(prf.centre_, columns=["row", "column"])
sizes = pd.Series(prf.size_).mask(prf.at_bound_)
""",
            "d-8": """
without = receptive_fields.PRF(hrf_peak=peak).fit(shown[:, :100], Y, groups=runs)
ratios = pd.Series(without.size_).mask(without.at_bound_) / sizes
""",
            "d-9": """
def size_line(centres, sizes):
    table = pd.DataFrame({"e": np.hypot(*(np.asarray(centres) - 4.5).T), "size": sizes}).dropna()
    slope = table["e"].cov(table["size"]) / table["e"].var()
    return pd.Series([slope, table["size"].mean() - slope * table["e"].mean()])
""",
        },
        "whole-numbers": {
            "d-1": """
def screen(images):
    images = np.asarray(images).astype(int)
    return np.column_stack([(images == 1).astype(int), (images[:, 0] != -1).astype(int)])
""",
            "d-6-fit": """
fit_row, fit_column, _ = best_field(late, y, np.arange(-1, 10.5, 0.5), np.arange(-1, 10.5, 0.5),
                                    [0.5, 1, 2, 3])
fit_row, fit_column = np.array([fit_row]), np.array([fit_column])
""",
        },
        "scipy": {
            "d-3": """
def spread(X, response, runs):
    from scipy.signal import lfilter
    late = np.empty(np.shape(X))
    for run in np.unique(runs):
        late[runs == run] = lfilter(response, 1.0, np.asarray(X, dtype=float)[runs == run], axis=0)
    return late
""",
            "d-5": """
def strengths(late, weights, y):
    from scipy.optimize import least_squares
    course, on = late[:, :100] @ weights, late[:, 100]
    fit = least_squares(lambda n: n[0] * course + n[1] * on + n[2] - y, [1, 1, 0])
    return fit.x[0], fit.x[1]
""",
            "d-9": """
def size_line(centres, sizes):
    from scipy.stats import linregress
    eccentricity = np.linalg.norm(np.asarray(centres) - [4.5, 4.5], axis=1)
    known = ~np.isnan(eccentricity + np.asarray(sizes))
    line = linregress(eccentricity[known], np.asarray(sizes)[known])
    return line.slope, line.intercept
""",
        },
        "scipy-convolve": {
            "d-3": """
def spread(X, response, runs):
    from scipy.ndimage import convolve1d
    from scipy.signal import fftconvolve
    parts = []
    for run in dict.fromkeys(np.asarray(runs).tolist()):
        rows = np.asarray(X, dtype=float)[np.asarray(runs) == run]
        parts.append(fftconvolve(rows, np.reshape(response, (-1, 1)), axes=0)[: len(rows)])
    return np.concatenate(parts)
""",
        },
        "scikit-learn": {
            "d-5": """
def strengths(late, weights, y):
    from sklearn.linear_model import LinearRegression
    model = LinearRegression().fit(np.c_[late[:, :100] @ weights, late[:, 100]], y)
    return model.coef_
""",
            "d-6": """
def best_field(late, y, rows, columns, sizes):
    from itertools import product
    from sklearn.linear_model import LinearRegression
    on = late[:, [100]]
    left = y - LinearRegression().fit(on, y).predict(on)
    tried = list(product(rows, columns, sizes))
    courses = late[:, :100] @ np.array([field(*one) for one in tried]).T
    courses = courses - LinearRegression().fit(on, courses).predict(on)
    return tried[np.argmax(left @ courses / np.linalg.norm(courses, axis=0))]
""",
            "d-9": """
def size_line(centres, sizes):
    from sklearn.linear_model import LinearRegression
    distance = np.sqrt(((np.asarray(centres) - 4.5) ** 2).sum(axis=1))
    known = np.isfinite(distance * sizes)
    line = LinearRegression().fit(distance[known, None], np.asarray(sizes)[known])
    return line.coef_[0], line.intercept_
""",
        },
        "nilearn": {
            "d-2": """
def field(row, column, size):
    from helpers.receptive_fields import sample_gaussians
    return sample_gaussians(np.array([[row, column]]), np.array([size]))[0] / (2 * np.pi * size**2)
""",
            "d-4": """
from nilearn.signal import clean
shown = screen(images)
agreement = []
for tried in np.arange(3, 9.5, 0.5):
    course = spread(shown[:, 100:], features.haemodynamic_response(tried), runs)
    course = clean(course, runs=runs, detrend=True, standardize="zscore_sample")
    agreement.append((course[:, 0] @ Y / len(Y)).mean())
peak = np.arange(3, 9.5, 0.5)[np.argmax(agreement)]
""",
        },
        "the-books-helpers": {
            "d-3": """
def spread(X, response, runs):
    return features.convolve(X, response, runs)
""",
            "d-6-fit": """
one = receptive_fields.PRF(hrf_peak=peak).fit(screen(images), y, groups=runs)
fit_row, fit_column = one.centre_
""",
            "d-7": """
prf = receptive_fields.PRF(hrf_peak=peak, noise_model="ols").fit(shown, Y, groups=runs)
centres, sizes = prf.centre_.copy(), prf.size_.copy()
sizes[prf.at_bound_] = np.nan
""",
        },
        "other-order": {
            "d-2": """
def field(row, column, size):
    down, across = (np.exp(-((np.arange(10) - middle) ** 2) / (2 * size**2))
                    / np.sqrt(2 * np.pi) / size for middle in (row, column))
    return np.kron(down, across)
""",
            "d-3": """
def spread(X, response, runs):
    runs = np.asarray(runs)
    before = np.subtract.outer(np.arange(len(runs)), np.arange(len(runs)))
    heights = np.append(response, 0)[np.clip(before, 0, len(response))]
    return (heights * (before >= 0) * (runs[:, None] == runs)) @ X
""",
            "d-5": """
def strengths(late, weights, y):
    on = late[:, 100] - late[:, 100].mean()
    course = late[:, :100] @ weights
    course = course - course.mean()
    beyond = course - on * (on @ course) / (on @ on)
    a = beyond @ y / (beyond @ beyond)
    b = on @ (y - y.mean() - a * course) / (on @ on)
    return np.array([a, b])
""",
            "d-7": """
prf = receptive_fields.PRF(hrf_peak=[peak]).fit(shown.astype(bool), Y, groups=runs)
centres = np.stack([4.5 - prf.y_, 4.5 + prf.x_], axis=1)
sizes = np.where(prf.has_field_ & ~prf.at_bound_, prf.size_, np.nan)
""",
            "d-8": """
shown_only = shown[:, :100]
without = receptive_fields.PRF(hrf_peak=peak).fit(shown_only, Y, groups=runs)
ratios = np.exp(np.log(np.where(without.at_bound_, np.nan, without.size_)) - np.log(sizes))
""",
        },
    },
}


def scratch_cells(notebook):
    """Add notes and attempts, some of which fail."""
    for place in (len(notebook.cells), len(notebook.cells) // 2, 5):
        notebook.cells[place:place] = [
            nbformat.v4.new_markdown_cell("What I *tried* here did not work."),
            nbformat.v4.new_code_cell("1 / 0"),
            nbformat.v4.new_code_cell("def attempt(:\n    return"),
            nbformat.v4.new_code_cell("%timeit -n1 -r1 sum(range(10))\nplt.plot([1, 2]);"),
        ]


def split_cells(notebook):
    """Split answers between two statements, as JupyterLab does: it copies the metadata."""
    for cell in [*notebook.cells]:
        if cell.metadata.get("course", {}).get("role") != "answer" or cell.cell_type != "code":
            continue
        statements = ast.parse(cell.source).body
        if len(statements) > 1:
            lines = cell.source.splitlines()
            middle = statements[len(statements) // 2].lineno - 1
            first = copy.deepcopy(cell)
            first.id, first.source = uuid.uuid4().hex[:8], "\n".join(lines[:middle])
            notebook.cells.insert(notebook.cells.index(cell), first)
            cell.source = "\n".join(lines[middle:])


def copied_cells(notebook):
    """Copy answers and tests: a first attempt stands above the answer that counts."""
    for cell in [*notebook.cells]:
        role = cell.metadata.get("course", {}).get("role")
        if cell.cell_type == "code" and role in ("answer", "test"):
            copied = copy.deepcopy(cell)
            copied.id = uuid.uuid4().hex[:8]
            if role == "answer" and "def " in cell.source:
                name = next(line for line in cell.source.splitlines() if line.startswith("def "))
                copied.source = f"{name}\n    raise NotImplementedError"
            notebook.cells.insert(notebook.cells.index(cell), copied)


def renamed_metadata(notebook):
    """Leave what other programs write: other ids, tags, another kernel, a title."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"name": "conda-env-course-py", "display_name": "course"}, "title": "Mine"}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata["tags"] = ["hide-input", "skip-execution"]
        cell.metadata["slideshow"] = {"slide_type": "skip"}


def no_metadata(notebook):
    """Lose all metadata, as some editors and converters do."""
    notebook.metadata = nbformat.from_dict({})
    for cell in notebook.cells:
        cell.id = uuid.uuid4().hex[:8]
        cell.metadata = nbformat.from_dict({})


def warnings_and_errors_printed(notebook):
    """Warn, and write to stderr, in each answer."""
    noise = (
        "import sys, warnings\n"
        "print('careful', file=sys.stderr)\n"
        "warnings.warn('This is deprecated.', DeprecationWarning)\n"
        "warnings.warn('Look out.')\n"
    )
    for cell in notebook.cells:
        if cell.metadata.get("course", {}).get("role") == "answer":
            cell.source = noise + cell.source


def other_case(notebook):
    """Type the id in capitals."""
    for cell in notebook.cells:
        if cell.source.strip().startswith("STUDENT ="):
            cell.source = cell.source.upper()


# How a notebook may differ around its answers.
SHAPES = {
    shape.__name__.replace("_", "-"): shape
    for shape in (
        scratch_cells,
        split_cells,
        copied_cells,
        renamed_metadata,
        no_metadata,
        warnings_and_errors_printed,
        other_case,
    )
}


def names_of(assignment):
    """List the routes of an assignment, those of `SHAPES` last."""
    return [*ROUTES[assignment], *SHAPES]


def route_notebook(notebook, assignment, name, student=""):
    """Make a right hand-in from the reference solution.

    Parameters
    ----------
    notebook : NotebookNode
        The source of the assignment; it stays as it is.
    assignment, name : str
        As from `names_of`.
    student : str
        The id that is typed into it.

    Returns
    -------
    NotebookNode
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        lines = cell.source.splitlines()
        cell.source = "\n".join(line for line in lines if not line.strip().startswith("### "))
        if cell.source.strip() == 'STUDENT = ""':
            cell.source = f'STUDENT = "{student}"'
    for edited, source in ROUTES[assignment].get(name, {}).items():
        cell_of(notebook, edited).source = source.strip()
    if name in SHAPES:
        SHAPES[name](notebook)
    return notebook
