//! Damaged files: cut off at every percent, with random bytes changed. Opening them and reading what opens must neither
//! panic nor hang, and what is read must have the announced size.

#![allow(clippy::unwrap_used, clippy::panic)]

use modelport_keras::{OpenOptions, open_bytes};
use modelport_storage::MappedFile;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Small files of every container and layout.
const FILES: [&str; 12] = [
    "models/keras/k1_lstm/model.h5",
    "models/keras/k2_0_model/model.h5",
    "models/keras/container_gzip_shuffle/model.h5",
    "models/keras/container_latest/model.h5",
    "models/keras/container_compact/model.h5",
    "models/keras/container_vlen_utf8/model.h5",
    "models/keras/container_fletcher/model.h5",
    "models/keras/nested_functional_k2_h5/model.h5",
    "models/keras/nested_functional_k2_keras/model.keras",
    "models/keras/reused_submodel_k3_keras/model.keras",
    "models/keras/shared_k3_weights_h5",
    "models/keras/shared_k2_weights_h5",
];

/// Changed copies of each file; fewer without optimisation, where each takes twenty times as long.
const FLIPS: usize = if cfg!(debug_assertions) { 100 } else { 1_000 };

fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    if !path.is_dir() {
        return path;
    }
    let files = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
    files.into_iter().find(|p| p.extension().is_some_and(|e| e == "h5")).unwrap()
}

/// Opens the bytes and reads every weight; returns whether they opened.
fn exercise(name: &str, bytes: Vec<u8>, arch: Option<PathBuf>) -> bool {
    let started = Instant::now();
    let most = 1_100 * bytes.len() + (1 << 20);
    let file = MappedFile::from_bytes(name, bytes);
    let opened = open_bytes(&file, &OpenOptions { arch, ..OpenOptions::default() });
    if let Ok(model) = &opened {
        for (weight, tensor) in &model.weights {
            assert!(tensor.byte_len() <= most, "{name}: {weight} takes {} bytes", tensor.byte_len());
            if let Ok(bytes) = tensor.bytes() {
                assert_eq!(bytes.len(), tensor.byte_len(), "{name}: {weight}");
            }
        }
    } else if let Err(d) = &opened {
        assert!(d.has_errors());
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{name} took {:?}", started.elapsed());
    opened.is_ok()
}

fn arch_of(path: &Path) -> Option<PathBuf> {
    Some(path.with_file_name("arch.json")).filter(|a| a.exists())
}

#[test]
fn files_cut_off_at_every_percent_are_refused() {
    for name in FILES {
        let path = fixture(name);
        let whole = std::fs::read(&path).unwrap();
        assert!(exercise(name, whole.clone(), arch_of(&path)), "{name} itself must open");
        for percent in 0..100 {
            let cut = whole[..whole.len() * percent / 100].to_vec();
            assert!(!exercise(name, cut, arch_of(&path)), "{name} opens at {percent} %");
        }
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    // xorshift64*, so that a failure can be repeated.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    for name in FILES {
        let path = fixture(name);
        let whole = std::fs::read(&path).unwrap();
        for _ in 0..FLIPS {
            let mut bytes = whole.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() as usize % bytes.len();
                bytes[at] = random() as u8;
            }
            exercise(name, bytes, arch_of(&path));
        }
    }
}
