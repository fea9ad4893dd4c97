//! The generator behind TensorFlow's stateless random numbers, and those that it makes of each seed: Philox 4x32-10 (J. Salmon
//! et al. 2011) as `xla/tsl/lib/random/philox_random.h`, `random_distributions.h` and `core/kernels/random_op_cpu.h` of 2.21
//! have it.
//!
//! Owns: numbers of a seed. Must never know: ops, graphs.

use modelport_diag::Result;
use modelport_ir::tensor::{LazyBytes, encode_f64};
use modelport_ir::{DType, Tensor};
use std::sync::Arc;

/// A key, and how far the generator has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Philox {
    key: [u32; 2],
    counter: u128,
}

/// How real numbers are distributed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Law {
    /// From 0 to 1.
    Even,
    /// Mean 0, deviation 1.
    Normal,
    /// The same between −2 and 2.
    Truncated,
}

/// What is made of the generator's words.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    Reals(Law),
    /// From the least on, as many as the span is.
    Integers(i64, u64),
    /// Any that the type has.
    AnyIntegers,
}

/// The numbers of one tensor, made when they are asked for.
#[derive(Debug)]
struct Numbers {
    philox: Philox,
    made: Made,
    dtype: DType,
    count: usize,
}

/// The numbers that a generator begins with.
pub(super) fn numbers(philox: Philox, made: Made, dtype: DType, shape: Vec<usize>) -> Result<Tensor> {
    let count = shape.iter().product();
    Tensor::from_lazy(dtype, shape, Arc::new(Numbers { philox, made, dtype, count }))
}

impl LazyBytes for Numbers {
    fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.count * self.dtype.size());
        let words = || self.philox.words(self.count, self.dtype.size() == 8).into_iter();
        let whole = |word: u64| word.to_le_bytes().into_iter().take(self.dtype.size());
        match self.made {
            Made::Reals(law) => {
                self.philox
                    .reals(self.count, law, self.dtype)
                    .into_iter()
                    .for_each(|x| encode_f64(self.dtype, x, &mut bytes));
            }
            Made::Integers(low, span) => {
                bytes.extend(words().flat_map(|word| whole((low as u64).wrapping_add(word % span.max(1)))));
            }
            Made::AnyIntegers => bytes.extend(words().flat_map(whole)),
        }
        Ok(bytes)
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }
}

/// Blocks that are set aside for each number that takes no known number of them (`kReservedSamplesPerOutput` / 4).
const RESERVED: u128 = 64;

impl Philox {
    /// The generator of a seed, which is stirred first (`GenerateKey` in core/kernels/stateless_random_ops.cc).
    pub(super) fn of_seed(seed: [u64; 2]) -> Self {
        let [a, b, c, d] = Self::of_state(0x0246_1e29_3ec8_f720, seed).block();
        Self { key: [a, b], counter: u128::from(c) << 64 | u128::from(d) << 96 }
    }

    /// The generator of a key and a counter.
    pub(super) fn of_state(key: u64, [low, high]: [u64; 2]) -> Self {
        Self { key: [key as u32, (key >> 32) as u32], counter: u128::from(low) | u128::from(high) << 64 }
    }

    /// Key and counter.
    pub(super) fn state(self) -> (u64, [u64; 2]) {
        let [low, high] = self.key.map(u64::from);
        (low | high << 32, [self.counter as u64, (self.counter >> 64) as u64])
    }

    fn skipped(self, blocks: u128) -> Self {
        Self { counter: self.counter.wrapping_add(blocks), ..self }
    }

    /// The next four words.
    fn block(&mut self) -> [u32; 4] {
        let (mut c, mut key) = ([0, 32, 64, 96].map(|bit| (self.counter >> bit) as u32), self.key);
        for _ in 0..10 {
            let [x, y] = [u64::from(c[0]) * 0xd251_1f53, u64::from(c[2]) * 0xcd9e_8d57];
            c = [(y >> 32) as u32 ^ c[1] ^ key[0], y as u32, (x >> 32) as u32 ^ c[3] ^ key[1], x as u32];
            key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
        }
        *self = self.skipped(1);
        c
    }

    /// The first `n` words of 32 bits, or of 64, the lower half first.
    fn words(mut self, n: usize, long: bool) -> Vec<u64> {
        let mut all = Vec::with_capacity(n + 3);
        while all.len() < n {
            let block = self.block().map(u64::from);
            match long {
                true => all.extend([block[0] | block[1] << 32, block[2] | block[3] << 32]),
                false => all.extend(block),
            }
        }
        all.truncate(n);
        all
    }

    /// The first `n` real numbers of a type. They are made in groups, four or two to a block.
    fn reals(self, n: usize, law: Law, dtype: DType) -> Vec<f64> {
        let size = if dtype == DType::F64 { 2 } else { 4 };
        let stride = if matches!(law, Law::Truncated) { size as u128 * RESERVED } else { 1 };
        let mut all = Vec::with_capacity(n + 3);
        for group in 0..n.div_ceil(size) as u128 {
            let mut at = self.skipped(group * stride);
            match law {
                Law::Even => all.extend(even(at.block(), dtype)),
                Law::Normal => all.extend(normal(at.block(), dtype)),
                Law::Truncated => all.extend(at.truncated(size, dtype)),
            }
        }
        all.truncate(n);
        all
    }

    fn truncated(&mut self, size: usize, dtype: DType) -> Vec<f64> {
        let mut kept = Vec::with_capacity(size + 3);
        while kept.len() < size {
            kept.extend(normal(self.block(), dtype).into_iter().filter(|x| x.abs() < 2.0));
        }
        kept.truncate(size);
        kept
    }
}

/// From 0 to 1, of as many bits as a number of the type has.
fn even(block: [u32; 4], dtype: DType) -> Vec<f64> {
    let short = |bits: u32| block.map(|x| f64::from(x & ((1 << bits) - 1)) / f64::from(1u32 << bits)).to_vec();
    match dtype {
        DType::F64 => long(block).to_vec(),
        DType::F16 => short(10),
        DType::BF16 => short(7),
        _ => short(23),
    }
}

/// From 0 to 1 in double precision, of two words each, the upper one first.
fn long([a, b, c, d]: [u32; 4]) -> [f64; 2] {
    [(a, b), (c, d)].map(|(high, low)| {
        let bits = u64::from(high & 0xf_ffff) << 32 | u64::from(low);
        bits as f64 / (1u64 << 52) as f64
    })
}

/// What `Box` and Muller make of pairs of even numbers; the first must not be too small for its logarithm.
fn normal(block: [u32; 4], dtype: DType) -> Vec<f64> {
    if dtype == DType::F64 {
        let [u, turn] = long(block);
        let (size, angle) = ((-2.0 * u.max(1e-7).ln()).sqrt(), 2.0 * std::f64::consts::PI * turn);
        return vec![angle.sin() * size, angle.cos() * size];
    }
    let pair = |u: f64, turn: f64| {
        let size = (-2.0 * (u as f32).max(1e-7).ln()).sqrt();
        let angle = (2.0 * std::f64::consts::PI * turn) as f32;
        [angle.sin() * size, angle.cos() * size].map(f64::from)
    };
    let [a, b, c, d] = block.map(|x| f64::from(x & 0x7f_ffff) / f64::from(1u32 << 23));
    [pair(a, b), pair(c, d)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // kat_vectors of Random123 1.14.
        assert_eq!(Philox::of_state(0, [0, 0]).block(), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let full = Philox::of_state(u64::MAX, [u64::MAX; 2]).block();
        assert_eq!(full, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn the_counter_carries() {
        let mut all = Philox::of_state(3, [u64::MAX, 7]);
        all.block();
        assert_eq!(all, Philox::of_state(3, [0, 8]));
        assert_eq!(Philox::of_state(3, [9, 7]).state(), (3, [9, 7]));
    }
}
