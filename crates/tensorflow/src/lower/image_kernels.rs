//! Weights of resampling along one axis, as TensorFlow 2.21 computes them (`core/kernels/image`).
//!
//! Owns: positions and weights, in the precision that TensorFlow has them in. Must never know: graphs.

/// How output positions map to the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scaling {
    /// The outermost pixels' centres are kept.
    AlignCorners,
    /// Pixels are areas, their centres at halves.
    HalfPixel,
    /// Pixels are points, the first at 0.
    Corner,
}

/// `CalculateResizeScale` (`core/util/image_resizer_state.h`).
fn scale(n: usize, m: usize, aligned: bool) -> f32 {
    if aligned && m > 1 { (n as f32 - 1.0) / (m as f32 - 1.0) } else { n as f32 / m as f32 }
}

/// The input pixel of each output pixel (`resize_nearest_neighbor_op.cc`).
pub(super) fn nearest(n: usize, m: usize, how: Scaling, half: bool) -> Vec<i64> {
    let scale = scale(n, m, how == Scaling::AlignCorners);
    let last = n.saturating_sub(1) as i64;
    (0..m)
        .map(|i| {
            let at = if half { (i as f32 + 0.5) * scale } else { i as f32 * scale };
            let at = if how == Scaling::AlignCorners { at.round() } else { at.floor() };
            (at as i64).clamp(0, last)
        })
        .collect()
}

/// Steps of the table of cubic weights (`resize_bicubic_op.cc`).
const TABLE: f64 = 1024.0;

/// The weights of the pixels at distances 1 + x, x, 1 − x, 2 − x.
fn cubic(x: f64, a: f64) -> [f64; 4] {
    let near = |x: f64| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    [far(x + 1.0), near(x), near(1.0 - x), far(2.0 - x)]
}

/// A matrix [m, n] of cubic weights. With half pixels, those outside are left out and the rest is scaled to 1; else the
/// edge is repeated.
pub(super) fn bicubic(n: usize, m: usize, how: Scaling) -> Vec<f64> {
    let scale = scale(n, m, how == Scaling::AlignCorners);
    let half = how == Scaling::HalfPixel;
    let last = n.saturating_sub(1) as i64;
    let mut all = vec![0.0; n * m];
    for (i, line) in all.chunks_mut(n.max(1)).enumerate() {
        let at = if half { (i as f32 + 0.5) * scale - 0.5 } else { scale * i as f32 };
        let first = at.floor() as i64;
        let offset = (f64::from((at - first as f32) * TABLE as f32)).round_ties_even() / TABLE;
        let weights = cubic(offset, if half { -0.5 } else { -0.75 });
        let places: Vec<i64> = (first - 1..=first + 2).collect();
        let mut sum = 0.0;
        for (&p, w) in places.iter().zip(weights) {
            if half && p != p.clamp(0, last) {
                continue;
            }
            sum += w;
            if let Some(slot) = line.get_mut(p.clamp(0, last) as usize) {
                *slot += w;
            }
        }
        // A sum of nearly nothing is left as it is.
        if half && sum.abs() >= 1000.0 * f64::from(f32::MIN_POSITIVE) {
            line.iter_mut().for_each(|w| *w /= sum);
        }
    }
    all
}

/// A matrix [m, n] of the parts of input pixels that each output pixel covers (`resize_area_op.cc`).
pub(super) fn area(n: usize, m: usize, aligned: bool) -> Vec<f64> {
    let scale = scale(n, m, aligned);
    let last = n.saturating_sub(1) as i64;
    let mut all = vec![0.0; n * m];
    for (i, line) in all.chunks_mut(n.max(1)).enumerate() {
        let (start, end) = (i as f32 * scale, (i as f32 + 1.0) * scale);
        for p in start.floor() as i64..end.ceil() as i64 {
            let part = if (p as f32) < start {
                if p as f32 + 1.0 > end { scale } else { p as f32 + 1.0 - start }
            } else if p as f32 + 1.0 > end {
                end - p as f32
            } else {
                1.0
            };
            if let Some(slot) = line.get_mut(p.clamp(0, last) as usize) {
                *slot += f64::from(part) / f64::from(scale);
            }
        }
    }
    all
}

/// A kernel's value at a distance, and its radius.
type Kernel = (fn(f64) -> f64, f64);

/// Kernels of `sampling_kernels.h`.
fn kernel(name: &str) -> Option<Kernel> {
    fn lanczos(x: f64, radius: f64) -> f64 {
        let x = x.abs();
        if x > radius {
            return 0.0;
        }
        if x <= 1e-3 {
            return 1.0;
        }
        let p = std::f64::consts::PI * x;
        radius * p.sin() * (p / radius).sin() / (p * p)
    }
    fn keys(x: f64) -> f64 {
        let x = x.abs();
        if x >= 2.0 {
            0.0
        } else if x >= 1.0 {
            ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        } else {
            ((1.5 * x - 2.5) * x) * x + 1.0
        }
    }
    fn mitchell(x: f64) -> f64 {
        let x = x.abs();
        if x >= 2.0 {
            0.0
        } else if x >= 1.0 {
            (((-7.0 / 18.0) * x + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0
        } else {
            (((7.0 / 6.0) * x - 2.0) * x) * x + 8.0 / 9.0
        }
    }
    Some(match name {
        "lanczos1" => (|x| lanczos(x, 1.0), 1.0),
        "lanczos3" => (|x| lanczos(x, 3.0), 3.0),
        "lanczos5" => (|x| lanczos(x, 5.0), 5.0),
        "gaussian" => (|x| if x.abs() >= 1.5 { 0.0 } else { (-x * x / 0.5).exp() }, 1.5),
        "box" => (
            |x| {
                let x = x.abs();
                if x < 0.5 {
                    1.0
                } else if x == 0.5 {
                    0.5
                } else {
                    0.0
                }
            },
            1.0,
        ),
        "triangle" => (|x| (1.0 - x.abs()).max(0.0), 1.0),
        "keyscubic" => (keys, 2.0),
        "mitchellcubic" => (mitchell, 2.0),
        _ => return None,
    })
}

/// A matrix [m, n] of the weights that `scale_and_translate_op.cc` computes; `None` when there is no such kernel.
pub(super) fn spans(n: usize, m: usize, scale: f32, shift: f32, name: &str, antialias: bool) -> Option<Vec<f64>> {
    let (value, radius) = kernel(name)?;
    let inverse = 1.0 / scale;
    let shift = -inverse * shift;
    let wide = if antialias { inverse.max(1.0) } else { 1.0 };
    let mut all = vec![0.0; n.checked_mul(m)?];
    for (i, line) in all.chunks_mut(n.max(1)).enumerate() {
        let at = (i as f32 + 0.5) * inverse + shift;
        // Output pixels whose centres are outside of the input stay 0.
        if at < 0.0 || at > n as f32 {
            continue;
        }
        let reach = radius as f32 * wide;
        let inside = |p: f32| (p as i64).clamp(0, n as i64 - 1);
        let (first, last) = (inside((at - reach - 0.5).ceil()), inside((at + reach - 0.5).floor()));
        let mut sum = 0.0;
        for p in first..=last {
            let w = value(f64::from((p as f32 + 0.5 - at) / wide));
            sum += w;
            if let Some(slot) = usize::try_from(p).ok().and_then(|p| line.get_mut(p)) {
                *slot = w;
            }
        }
        if sum.abs() >= 1000.0 * f64::from(f32::MIN_POSITIVE) {
            line.iter_mut().for_each(|w| *w /= sum);
        }
    }
    Some(all)
}

/// Whether a matrix [m, n] changes nothing.
pub(super) fn is_identity((n, m): (usize, usize), weights: &[f64]) -> bool {
    let expected = |i: usize| if i / n.max(1) == i % n.max(1) { 1.0 } else { 0.0 };
    n == m && weights.iter().enumerate().all(|(i, &w)| w == expected(i))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn weights_sum_to_one() {
        let spread = spans(7, 4, 4.0 / 7.0, 0.0, "lanczos3", true).unwrap();
        let all = [bicubic(5, 8, Scaling::HalfPixel), bicubic(5, 8, Scaling::Corner), area(5, 8, false)];
        for (lines, n) in all.iter().map(|a| (a, 5)).chain([(&spread, 7)]) {
            for line in lines.chunks(n) {
                assert!((line.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{line:?}");
            }
        }
    }

    #[test]
    fn nearest_pixels() {
        assert_eq!(nearest(2, 4, Scaling::Corner, false), [0, 0, 1, 1]);
        assert_eq!(nearest(4, 2, Scaling::HalfPixel, true), [1, 3]);
        assert_eq!(nearest(3, 5, Scaling::AlignCorners, false), [0, 1, 1, 2, 2]);
    }
}
