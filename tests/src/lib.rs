//! Whole-path tests live in this package; see `tests/`. Shared helpers only: finding fixtures, random numbers that are
//! the same at every run, damage to files, how much memory a thread takes, when two graphs are the same.

pub mod damage;
pub mod fixtures;
pub mod memory;
pub mod pb;
pub mod rng;
pub mod same;
pub mod scene;
