//! Opens a file many times and prints the time of the fastest and the median run and the peak memory:
//! `cargo run --release -p modelport-keras --example open_speed -- model.h5 [arch.json]`.
#![allow(clippy::print_stdout, clippy::expect_used)]

use modelport_keras::{OpenOptions, open};
use std::time::Instant;

fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().expect("a file");
    let options = OpenOptions { arch: args.next().map(Into::into), ..OpenOptions::default() };
    let mut times = Vec::new();
    for _ in 0..21 {
        let started = Instant::now();
        let file = open(path.as_ref(), &options).expect("it opens");
        let nodes = file.graph.as_ref().map_or(0, |g| g.nodes().len());
        times.push((started.elapsed(), file.weights.len(), nodes));
    }
    println!("first run: {:?}", times.first());
    times.sort();
    println!("fastest: {:?}", times.first());
    println!("median: {:?}", times.get(times.len() / 2));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|l| l.starts_with("VmHWM") || l.starts_with("RssAnon") || l.starts_with("RssFile"))
        .for_each(|l| println!("{l}"));
}
