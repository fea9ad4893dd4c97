//! Speed of permutations of weights in memory: `cargo run --release -p modelport-ir --example permute_speed`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use modelport_ir::{DType, Tensor};
use std::time::Instant;

fn main() {
    for (shape, perm) in [
        (vec![3, 3, 512, 512], vec![3, 2, 0, 1]),
        (vec![25088, 4096], vec![1, 0]),
        (vec![4096, 4096], vec![1, 0]),
        (vec![1, 1, 1024, 1000], vec![3, 2, 0, 1]),
    ] {
        let len = shape.iter().product::<usize>() * 4;
        let source: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let copied = Instant::now();
        let mut fresh = vec![0u8; len];
        fresh.copy_from_slice(&source);
        std::hint::black_box(&fresh);
        drop(fresh);
        println!("copied into a new buffer: {:.2} GB/s", len as f64 / copied.elapsed().as_secs_f64() / 1e9);
        let tensor = Tensor::from_bytes(DType::F32, shape.clone(), source).unwrap().permute(&perm).unwrap();
        let times = (500_000_000 / len).clamp(1, 60);
        let start = Instant::now();
        for _ in 0..times {
            std::hint::black_box(tensor.bytes().unwrap());
        }
        let gb = (times * len) as f64 / start.elapsed().as_secs_f64() / 1e9;
        println!("{shape:?} {perm:?}: {gb:.2} GB/s");
    }
}
