//! Student's t distribution: quantiles for the confidence intervals of a few measurements.
//!
//! The distribution function is the regularised incomplete beta function (Abramowitz and Stegun 26.7.1 and 26.5.8, NIST
//! DLMF 8.17.22). Bisection finds its quantile.

/// Returns the two-sided quantile: |t| exceeds it with the probability `alpha` (between 0 and 1, exclusive).
pub(super) fn two_sided_quantile(alpha: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // The limit is above any quantile in use: with one degree of freedom, alpha = 1e-9 is at 6e8.
    while outside(high, freedom) > alpha && high < 1e12 {
        high *= 2.0;
    }
    // 200 bisections exhaust the precision of a double.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if outside(middle, freedom) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Returns the probability that |t| exceeds a value.
fn outside(t: f64, freedom: f64) -> f64 {
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// Returns the regularised incomplete beta function.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The fraction converges fast below the mean; above it, use the symmetry I(x; a, b) = 1 - I(1 - x; b, a).
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// Evaluates the continued fraction of the incomplete beta function by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    /// Keeps denominators away from 0.
    const TINY: f64 = 1e-300;
    let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut product = d;
    for step in 1..500 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            last = c * d;
            product *= last;
        }
        if (last - 1.0).abs() < 1e-15 {
            break;
        }
    }
    product
}

/// Returns the logarithm of the gamma function for positive numbers: Stirling's series (NIST DLMF 5.11.1) from 10 on,
/// and Γ(x + 1) = x Γ(x) below. Accurate to 1e-13.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series = (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square)
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The NIST/SEMATECH e-Handbook (1.3.6.7.2) tabulates the one-sided quantiles.
    #[test]
    fn quantiles_match_the_tables() {
        for (alpha, freedom, t) in [
            (0.05, 1.0, 12.706),
            (0.05, 2.0, 4.303),
            (0.05, 4.0, 2.776),
            (0.05, 8.0, 2.306),
            (0.01, 8.0, 3.355),
            (0.002, 8.0, 4.501),
            (0.05, 30.0, 2.042),
            (0.05, 100.0, 1.984),
            (0.002, 100.0, 3.174),
            (0.1, 5.0, 2.015),
        ] {
            let found = two_sided_quantile(alpha, freedom);
            assert!((found - t).abs() < 6e-4, "{alpha} {freedom}: {found}");
        }
    }

    #[test]
    fn many_degrees_of_freedom_approach_the_normal_distribution() {
        assert!((two_sided_quantile(0.05, 1e6) - 1.959_964).abs() < 1e-4);
        // With one degree it is the Cauchy distribution: tan(pi/2 (1 - alpha)).
        let cauchy = (std::f64::consts::FRAC_PI_2 * (1.0 - 1e-6)).tan();
        assert!((two_sided_quantile(1e-6, 1.0) / cauchy - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_gamma_function_matches_factorials_and_one_half() {
        assert!(ln_gamma(1.0).abs() < 1e-12);
        assert!((ln_gamma(11.0) - 3_628_800_f64.ln()).abs() < 1e-12);
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-12);
    }
}
