//! Random numbers: the same ones in each run of a graph, other ones in each node and round of a loop.
//!
//! A runtime's own generator gives other numbers, so that what depends on them cannot be compared with it.

use super::Call;
use crate::Array;
use crate::array::{Num, real, shaped};
use modelport_diag::Result;

/// The generator SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Generator(u64);

impl Generator {
    fn new(c: &Call<'_>, seed: Option<f64>) -> Self {
        let draw = c.draws.get().wrapping_add(1);
        c.draws.set(draw);
        let mut begin = Self(seed.map_or(0, f64::to_bits) ^ draw.rotate_left(32));
        Self(begin.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1, in steps that f32 has too.
    fn unit(&mut self) -> f64 {
        (self.next() >> 40) as f64 / (1u64 << 24) as f64
    }
}

fn filled(c: &Call<'_>, mut draw: impl FnMut() -> f64) -> Result<Vec<Array>> {
    let shape = c.shape(0)?;
    let n: usize = shape.iter().product();
    real!(c.dtype(), T => {
        let data = (0..n).map(|_| T::of(draw())).collect();
        Ok(vec![T::store(shaped(&shape, data)?, c.dtype())?])
    })
}

pub(super) fn uniform(c: &Call<'_>, low: f64, high: f64, seed: Option<f64>) -> Result<Vec<Array>> {
    let mut g = Generator::new(c, seed);
    filled(c, || low + (high - low) * g.unit())
}

/// Two even numbers make a normal one, as Box and Muller showed (1958).
pub(super) fn normal(c: &Call<'_>, mean: f64, scale: f64, seed: Option<f64>) -> Result<Vec<Array>> {
    let mut g = Generator::new(c, seed);
    filled(c, || {
        let (radius, angle) = (1.0 - g.unit(), g.unit());
        mean + scale * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    })
}
