//! From lazy tensors to files, by all cores: a tensor each, or the blocks of a large one. What has no recipe is written
//! straight from the pages of its file; permuted and scaled tensors are put together in blocks that stay in the cache.
//!
//! Owns: the buffers and threads of that, which live as long as a file is written: fresh memory costs more than the work.

use super::{Data, Tensor, cast, permute};
use crate::DType;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_storage::{AtomicFile, ByteRange};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// Tensors of up to this many bytes are written by one thread each, from a copy in the cache: no thread waits for another
/// between two tensors. There is memory for one per thread.
const WHOLE: usize = 12 << 20;
/// Files below this many bytes are not worth another thread.
const ALONE: usize = 1 << 20;
/// Below this many bytes, mapping pages costs more than copying them twice.
const SMALL: u64 = 64 << 10;
/// Threads at most: the file system lets one write at a time.
const MOST_THREADS: usize = 3;

/// The memory of a thread, which one tensor leaves for the next.
#[derive(Debug)]
struct Buffer {
    memory: Vec<u8>,
    /// Bytes that most tensors need at most. It is made that large, in one piece: what is not touched costs nothing, and
    /// several would begin several pages of two megabytes.
    usual: usize,
}

impl Buffer {
    /// `len` bytes; what was in them is lost.
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.memory.len() < len {
            // Dropped first, or both would be there for a moment.
            self.memory = Vec::new();
            self.memory = vec![0; len.max(self.usual)];
        }
        self.memory.get_mut(..len).unwrap_or_default()
    }
}

/// Writes tensors from the given bytes of `out` on; its position afterwards is undefined. `done` hears now and then how
/// many bytes of them are written.
///
/// # Errors
/// When a source cannot be read or the target not written.
pub fn write_all(tensors: &[(u64, &Tensor)], out: &AtomicFile, done: &mut dyn FnMut(u64)) -> Result<()> {
    let (whole, large): (Vec<_>, Vec<_>) = tensors.iter().copied().partition(|(_, t)| t.byte_len() <= WHOLE);
    let cores = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let total: usize = tensors.iter().map(|(_, t)| t.byte_len()).sum();
    let alone = total < ALONE;
    if !alone {
        out.reserve(tensors.iter().map(|(at, t)| at + t.byte_len() as u64).max().unwrap_or(0));
    }
    let largest = |of: fn(&Tensor) -> bool| {
        let tensors = whole.iter().filter(|(_, t)| of(t));
        tensors.map(|(_, t)| t.byte_len()).max().unwrap_or(0)
    };
    let usual = largest(Tensor::is_moved) + largest(|_| true).min(permute::BLOCK);
    let threads = if alone { 1 } else { cores };
    let mut buffers: Vec<_> = (0..threads).map(|_| Buffer { memory: Vec::new(), usual }).collect();
    let written = AtomicU64::new(0);
    let one = |i: usize, buffer: &mut Buffer| {
        let Some((at, tensor)) = whole.get(i) else { return Ok(()) };
        tensor.put(out, *at, std::slice::from_mut(buffer))?;
        written.fetch_add(tensor.byte_len() as u64, Ordering::Relaxed);
        Ok(())
    };
    share(whole.len(), &mut buffers, &one, &mut || done(written.load(Ordering::Relaxed)))?;
    done(written.load(Ordering::Relaxed));
    for (at, tensor) in large {
        tensor.put(out, at, &mut buffers)?;
        written.fetch_add(tensor.byte_len() as u64, Ordering::Relaxed);
        done(written.load(Ordering::Relaxed));
    }
    Ok(())
}

/// How the bytes of a tensor come about, block by block.
enum Blocks<'a> {
    Read(&'a ByteRange),
    Gather(&'a permute::Plan, &'a [u8]),
}

/// Factors along an axis below which `inner` elements lie.
struct Scale<'a> {
    dtype: DType,
    inner: usize,
    factors: &'a [f64],
}

impl Blocks<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Read(range) => range.len().div_ceil(permute::BLOCK as u64) as usize,
            Self::Gather(plan, _) => plan.blocks(),
        }
    }

    fn block(&self, i: usize) -> Range<usize> {
        match self {
            Self::Read(range) => i * permute::BLOCK..((i + 1) * permute::BLOCK).min(range.len() as usize),
            Self::Gather(plan, _) => plan.block(i),
        }
    }

    fn fill(&self, i: usize, at: usize, out: &mut [u8]) -> Result<()> {
        match self {
            Self::Read(range) => range.read_at(at as u64, out),
            Self::Gather(plan, source) => {
                plan.gather(i, source, out);
                Ok(())
            }
        }
    }

    /// Writes all blocks of what starts at `start` in `out`, with one thread per piece of memory, each for the largest block.
    fn put(&self, scale: Option<&Scale<'_>>, out: &AtomicFile, start: u64, memory: &mut [&mut [u8]]) -> Result<()> {
        let one = |i: usize, memory: &mut &mut [u8]| {
            let range = self.block(i);
            let at = start + range.start as u64;
            if let (Self::Read(source), None) = (self, scale)
                && source.len() >= SMALL
            {
                let pages = source.slice(range.start as u64, range.len() as u64)?.window(true)?;
                return out.write_at(&pages, at);
            }
            let piece = memory.get_mut(..range.len()).unwrap_or_default();
            self.fill(i, range.start, piece)?;
            if let Some(scale) = scale {
                scale.apply(piece, range.start);
            }
            out.write_at(piece, at)
        };
        share(self.len(), memory, &one, &mut || {})
    }
}

impl Scale<'_> {
    /// Multiplies the bytes `piece`, which start at byte `at` of the tensor.
    fn apply(&self, piece: &mut [u8], at: usize) {
        cast::scale_in_place(self.dtype, piece, at / self.dtype.size().max(1), self.inner, self.factors);
    }
}

impl Tensor {
    /// Writes the elements at `at`, with one thread per buffer.
    fn put(&self, out: &AtomicFile, at: u64, buffers: &mut [Buffer]) -> Result<()> {
        let flat = self.unshaped();
        let (base, scale) = match flat.data() {
            Data::Scale(base, axis, factors) => {
                let inner = flat.shape().iter().skip(axis + 1).product();
                (base.unshaped(), Some(Scale { dtype: self.dtype(), inner, factors }))
            }
            _ => (flat, None),
        };
        match (base.data(), scale) {
            (Data::Range(range), scale) => {
                let most = permute::BLOCK.min(range.len() as usize);
                Blocks::Read(range).put(scale.as_ref(), out, at, &mut rooms(buffers, most))
            }
            (Data::Permute(base, perm), scale) => {
                let plan = permute::Plan::new(base.shape(), perm, base.dtype().size());
                let put = |source: &[u8], memory: &mut [&mut [u8]]| {
                    Blocks::Gather(&plan, source).put(scale.as_ref(), out, at, memory)
                };
                match (base.file_range(), buffers) {
                    // A copy spares faults and stays in the cache.
                    (Some(range), [buffer]) if range.len() <= WHOLE as u64 => {
                        let len = range.len() as usize;
                        let (source, block) = buffer.room(len + plan.most()).split_at_mut(len);
                        range.read_at(0, source)?;
                        put(source, &mut [block])
                    }
                    (Some(range), buffers) => put(&range.window(false)?, &mut rooms(buffers, plan.most())),
                    (None, buffers) => put(&base.bytes()?, &mut rooms(buffers, plan.most())),
                }
            }
            (Data::Cast(base), None) => {
                let (mut buf, mut at) = (Vec::new(), at);
                base.for_chunks(&mut |_, chunk| {
                    buf.clear();
                    cast::cast_bytes(base.dtype(), chunk, self.dtype(), &mut buf);
                    out.write_at(&buf, at)?;
                    at += buf.len() as u64;
                    Ok(())
                })
            }
            _ => out.write_at(&self.bytes()?, at),
        }
    }

    /// Whether elements change their places, so that the source is read whole.
    fn is_moved(&self) -> bool {
        match self.unshaped().data() {
            Data::Permute(..) => true,
            Data::Scale(base, ..) => base.is_moved(),
            _ => false,
        }
    }

    /// The tensor in the shape that its recipe works on.
    fn unshaped(&self) -> &Tensor {
        match self.data() {
            Data::Reshape(base) => base.unshaped(),
            _ => self,
        }
    }
}

/// `len` bytes of each buffer.
fn rooms(buffers: &mut [Buffer], len: usize) -> Vec<&mut [u8]> {
    buffers.iter_mut().map(|b| b.room(len)).collect()
}

/// Does the tasks `0..count` with one thread per state, `after` each that the calling thread did; the first failure is the
/// result.
fn share<S: Send>(
    count: usize,
    states: &mut [S],
    task: &(dyn Fn(usize, &mut S) -> Result<()> + Sync),
    after: &mut dyn FnMut(),
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = &|state: &mut S, after: &mut dyn FnMut()| -> Result<()> {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return Ok(());
            }
            task(i, state).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
            after();
        }
    };
    let Some((own, others)) = states.split_first_mut() else {
        return Err(Diagnostic::error(Code::INTERNAL, "nothing to work with"));
    };
    thread::scope(|scope| {
        // A thread that cannot be had is not missed; neither is one that would find nothing to do.
        let spawned: Vec<_> = others
            .iter_mut()
            .take(count.saturating_sub(1))
            .filter_map(|s| thread::Builder::new().spawn_scoped(scope, move || work(s, &mut || {})).ok())
            .collect();
        let mut result = work(own, after);
        for handle in spawned {
            result = result.and(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        result
    })
}
