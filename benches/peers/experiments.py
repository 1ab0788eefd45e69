"""The statistics of experiments, computed once more with scipy and statsmodels.

    make peers-experiments        (brings the packages into .deps/peers-experiments)

`cargo bench --bench experiments -- cases` leaves inputs and our results in target/bench/experiments/cases.json. Each is
computed here by another way: the variance of a ratio as the heteroscedasticity-consistent one of a weighted regression
through the origin, the mixture likelihood ratio by numerical integration, its interval by root finding, the sequential
test of the arms' sizes from the distributions themselves, powers by statsmodels. The exit code says whether all agree.
"""

import json
import math
import pathlib
import sys
from collections import defaultdict

import numpy as np
import statsmodels.api as sm
from scipy import integrate, optimize, stats
from statsmodels.stats.power import NormalIndPower

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "target/bench/experiments/cases.json"


def ratio(users):
    """The ratio of sums and its variance, by statsmodels' HC1."""
    pairs = np.array(users, float)
    n, d = pairs[:, 0], pairs[:, 1]
    fit = sm.WLS(n, d, weights=1 / d).fit(cov_type="HC1")
    return fit.params[0], float(np.asarray(fit.cov_params()).ravel()[0])


def mixture_p(effect, variance, tau):
    """One over the likelihood ratio, mixed over N(0, tau²), by quadrature."""
    sd = math.sqrt(variance)
    # Where the integrand lives: the posterior of the effect.
    mean = effect * tau**2 / (tau**2 + variance)
    width = math.sqrt(tau**2 * variance / (tau**2 + variance))

    # Logarithms, because the ratio of two far tails is no number; relative to its peak, because its inverse is wanted.
    # Written out, because scipy's densities check their arguments at every call, and this is called a million times.
    def log_density(x, center, width):
        return -0.5 * ((x - center) / width) ** 2 - math.log(width * math.sqrt(2 * math.pi))

    def log_integrand(theta):
        return log_density(effect, theta, sd) - log_density(effect, 0, sd) + log_density(theta, 0, tau)

    peak = log_integrand(mean)
    value, _ = integrate.quad(
        lambda theta: math.exp(log_integrand(theta) - peak),
        mean - 12 * width, mean + 12 * width, epsabs=0, epsrel=1e-12, limit=500,
    )
    return min(1.0, math.exp(-(math.log(value) + peak)))


def half_width(variance, tau, alpha):
    """The effect at which the sequential test begins to reject."""
    reject = lambda effect: math.log(max(mixture_p(effect, variance, tau), 1e-300)) - math.log(alpha)
    high = math.sqrt(variance)
    while reject(high) > 0:
        high *= 2
    return optimize.brentq(reject, 0, high, xtol=1e-14, rtol=1e-12)


def compare(case):
    (a, va), (b, vb) = ratio(case["control"]), ratio(case["treatment"])
    yield "variance", case["variances"][0], va
    yield "variance", case["variances"][1], vb
    effect, variance = math.log(b / a), va / a**2 + vb / b**2
    result = case["result"]
    z = stats.norm.ppf(1 - case["alpha"] / 2) * math.sqrt(variance)
    tau = math.log(1 + case["expected_lift"])
    half = half_width(variance, tau, case["alpha"])
    yield "lift", result["lift"], b / a - 1
    yield "interval", result["low"], math.exp(effect - z) - 1
    yield "interval", result["high"], math.exp(effect + z) - 1
    yield "p", result["p_value"], 2 * stats.norm.sf(abs(effect) / math.sqrt(variance))
    yield "always p", result["always_p_value"], mixture_p(effect, variance, tau)
    yield "always interval", result["always_low"], math.exp(effect - half) - 1
    yield "always interval", result["always_high"], math.exp(effect + half) - 1


def against_zero(case):
    value, variance = ratio(case["users"])
    result = case["result"]
    tau = math.log(1 + case["expected_lift"])
    half = half_width(variance, tau, case["alpha"])
    yield "preference", result["value"], value
    yield "preference p", result["p_value"], 2 * stats.norm.sf(abs(value) / math.sqrt(variance))
    yield "preference always p", result["always_p_value"], mixture_p(value, variance, tau)
    yield "preference always interval", result["always_high"], value + half


def plan(case):
    value, variance = ratio(case["users"])
    per_user = variance * len(case["users"]) / value**2
    effect = math.log(1 + case["lift"])
    solved = NormalIndPower().solve_power(
        effect_size=effect / math.sqrt(per_user), alpha=case["alpha"], power=case["power"], alternative="two-sided"
    )
    once, sequential = case["result"]
    # Both count whole users, and statsmodels adds the power of finding the opposite, which is next to nothing.
    yield "users, one look", once, math.ceil(2 * solved), 2
    tau = math.log(1 + case["expected_lift"])
    reached = stats.norm.ppf(case["power"])

    def missing(arm):
        v = 2 * per_user / arm
        return half_width(v, tau, case["alpha"]) + reached * math.sqrt(v) - effect

    arm = optimize.brentq(missing, solved, solved * 1000, rtol=1e-9)
    yield "users, any time", sequential, math.ceil(2 * arm), 3


def sample_ratio(case):
    users, weights = np.array(case["users"]), np.array(case["weights"])
    share, total = weights / weights.sum(), users.sum()
    yield "sample ratio p", case["result"][0], stats.chisquare(users, total * share).pvalue
    # The Dirichlet has the certainty of 100 users per arm.
    prior = 100 * len(users) * share
    log_factor = stats.dirichlet_multinomial.logpmf(users, prior, total) - stats.multinomial.logpmf(users, total, share)
    yield "sample ratio always p", case["result"][1], min(1.0, math.exp(-log_factor))


def credit(case):
    c, t, ties = case["control"], case["treatment"], case["ties"]
    yield "team draft preference", case["result"][0], (t + ties / 2) / (c + t + ties) - 0.5
    p = stats.binomtest(t, c + t).pvalue if c + t else 1.0
    yield "sign test p", case["result"][1], p


def main():
    worst, count = defaultdict(float), defaultdict(int)
    for case in json.loads(CASES.read_text()):
        for what, ours, peer, *slack in globals()[case["kind"]](case):
            off = abs(ours - peer)
            # Relative, or absolute for what is next to nothing; counts of users may differ by the slack.
            off = max(0.0, off - slack[0]) / peer if slack else off / max(abs(peer), 1e-9)
            worst[what] = max(worst[what], off)
            count[what] += 1
    bound = 1e-6
    print(f"{'statistic':30} {'cases':>6} {'largest difference':>20}")
    for what in sorted(worst):
        mark = "" if worst[what] <= bound else "   TOO MUCH"
        print(f"{what:30} {count[what]:6} {worst[what]:20.2e}{mark}")
    sys.exit(0 if count and max(worst.values()) <= bound else 1)


main()
